"""Log-mel spectra against a slow version by the formulas."""

from functools import cache

import numpy as np
import pytest

from yt8m.data.quantisation import dequantise, store
from yt8m.extracting.networks.log_mel import LogMel
from yt8m.extracting.networks.mel import MelStream, log_mel, mel_matrix


def slow_log_mel(samples):
    """One window, one frequency, one band at a time, in float64."""
    window = [np.sin(np.pi * place / 400) ** 2 for place in range(400)]
    rows = []
    for start in range(0, len(samples) - 399, 160):
        windowed = np.zeros(512)
        windowed[:400] = samples[start : start + 400] * window
        turns = np.outer(np.arange(257), np.arange(512)) / 512
        magnitudes = np.hypot(
            (windowed * np.cos(2 * np.pi * turns)).sum(1), (windowed * np.sin(2 * np.pi * turns)).sum(1)
        )
        rows.append([np.log(magnitudes @ slow_band(band) + 0.01) for band in range(64)])
    return np.array(rows)


@cache
def slow_band(band):
    def mel(hertz):
        return 2595 * np.log10(1 + hertz / 700)  # another way to write 1127 ln

    first, last = mel(125.0), mel(7500.0)
    low, centre, high = (first + (last - first) * (band + more) / 65 for more in range(3))
    weights = np.zeros(257)
    for place in range(1, 257):
        here = mel(place * 31.25)
        if low < here <= centre:
            weights[place] = (here - low) / (centre - low)
        elif centre < here < high:
            weights[place] = (high - here) / (high - centre)
    return weights


@pytest.fixture
def samples():
    random = np.random.default_rng(3)
    time = np.arange(40_000) / 16_000
    return (0.3 * np.sin(2 * np.pi * 440 * time) + 0.1 * random.standard_normal(40_000)).astype(np.float32)


def test_rows_are_those_of_the_formulas(samples):
    rows = log_mel(samples[:3000])
    assert rows.shape == (17, 64)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, slow_log_mel(samples[:3000]), atol=5e-4)  # 2595 log10 is not quite 1127 ln


def test_bands_are_tensorflows():
    import tensorflow as tf

    expected = tf.signal.linear_to_mel_weight_matrix(64, 257, 16_000, 125.0, 7500.0).numpy()
    np.testing.assert_allclose(mel_matrix(), expected, atol=2e-5)


def test_a_stream_gives_the_same_rows_whatever_the_pieces(samples):
    def rows_of(sizes):
        stream = MelStream(98, 64, lambda seconds: np.stack([rows.mean(axis=0) for rows in seconds]))
        found, start = [], 0
        for size in sizes:
            stream.push(samples[start : start + size])
            start += size
            found.append(stream.rows())
        return np.concatenate([*found, stream.rows(final=True)])

    ended = np.concatenate([samples, np.zeros(159, np.float32)])
    expected = [log_mel(ended[start : start + 16_000])[:98].mean(axis=0) for start in (0, 16_000, 32_000)]
    for sizes in ([40_000], [1] * 20 + [15_990, 23_990], [7_001] * 6):
        np.testing.assert_array_equal(rows_of(sizes), expected)


def test_a_second_is_described_by_its_own_samples_alone(samples):
    def rows_of(sound):
        stream = LogMel().begin()
        stream.push(sound)
        return stream.rows(final=True)

    changed = samples.copy()
    changed[16_000:32_000] = 0
    same = (rows_of(samples) == rows_of(changed)).all(axis=1)
    assert same.tolist() == [True, False, True]


def test_statistics_are_means_and_deviations(samples):
    stream = LogMel().begin()
    stream.push(samples)
    rows = stream.rows()
    assert rows.shape == (2, 128)
    expected = slow_log_mel(samples[16_000:32_000])
    assert len(expected) == 98
    np.testing.assert_allclose(rows[1], [*expected.mean(axis=0), *expected.std(axis=0)], atol=5e-4)


def test_an_end_of_15_ms_gives_no_row_unless_it_is_all():
    """240 samples and 159 of silence are less than a window."""
    for size, expected in ((0, 0), (1, 1), (400, 1), (16_000, 1), (16_240, 1), (16_241, 2), (32_000, 2)):
        stream = LogMel().begin()
        stream.push(np.zeros(size, np.float32))
        assert stream.rows(final=True).shape == (expected, 128)
        assert stream.rows(final=True).shape == (0, 128)


def test_bytes_hold_silence_and_the_loudest_sound():
    time = np.arange(16_000) / 16_000
    square = np.sign(np.sin(2 * np.pi * 500 * time)).astype(np.float32)
    for sound in (np.zeros(16_000, np.float32), np.sin(2 * np.pi * 1000 * time), square):
        stream = LogMel().begin()
        stream.push(sound)
        rows = stream.rows()
        back = dequantise(store(rows, LogMel.feature), LogMel.feature)
        assert np.abs(back - rows).max() < 12 / 255


def test_memory_is_bounded_whatever_the_length():
    stream = LogMel().begin()
    kept = 0
    for _ in range(200):
        stream.push(np.zeros(8_000, np.float32))
        kept = max(kept, len(stream._rest) + sum(each.size for each in stream._seconds))
    assert kept <= 16_000 + 16 * 98 * 64
    assert stream.rows(final=True).shape == (100, 128)
