"""Vectors of videos and moments, against slow means and by their properties."""

import numpy as np
import pytest

from yt8m.data.features import Feature
from yt8m.data.quantisation import dequantise
from yt8m.searching.vectors import moment_starts, of_frames, of_means

FEATURES = (Feature("rgb", 6), Feature("audio", 3), Feature("clip", 4, "float32"))


@pytest.fixture
def streams():
    random = np.random.default_rng(5)
    return {
        "rgb": random.integers(0, 256, (23, 6), np.uint8),
        "audio": random.integers(0, 256, (23, 3), np.uint8),
        "clip": random.standard_normal((23, 4)).astype(np.float32),
    }


def slow(streams, first, last):
    """By hand: each feature's mean brought to length 1, sound halved, and all of it to length 1."""
    parts = []
    for feature, weight in zip(FEATURES, (1.0, 0.5, 1.0), strict=True):
        values = dequantise(streams[feature.name][first:last], feature).astype(np.float64).mean(axis=0)
        parts.append(weight * values / np.sqrt((values**2).sum()))
    row = np.concatenate(parts)
    return row / np.sqrt((row**2).sum())


def test_vectors_are_those_of_slow_means(streams):
    found = of_frames(streams, FEATURES, window=5)
    np.testing.assert_allclose(found.video, slow(streams, 0, 23), atol=1e-6)
    assert found.starts.tolist() == [0, 5, 10, 15, 20]
    assert found.ends.tolist() == [5, 10, 15, 20, 23]
    for row, first, last in zip(found.moments, found.starts, found.ends, strict=True):
        np.testing.assert_allclose(row, slow(streams, int(first), int(last)), atol=1e-6)


@pytest.mark.parametrize(
    ("length", "starts"),
    [(1, [0]), (5, [0]), (7, [0]), (8, [0, 5]), (10, [0, 5]), (11, [0, 5]), (13, [0, 5, 10])],
)
def test_a_short_rest_belongs_to_the_moment_before(length, starts):
    assert moment_starts(length, 5).tolist() == starts


def test_a_video_has_one_vector_at_both_levels(streams):
    means = {each.name: dequantise(streams[each.name], each).mean(axis=0) for each in FEATURES}
    found = of_means(means, FEATURES)
    np.testing.assert_allclose(found.video, of_frames(streams, FEATURES, 5).video, atol=1e-6)
    assert found.moments.shape == (0, 13)
    assert len(found.starts) == 0


def test_a_moment_does_not_depend_on_what_lies_around_it(streams):
    longer = {name: np.concatenate([rows[5:10], rows]) for name, rows in streams.items()}
    np.testing.assert_array_equal(of_frames(longer, FEATURES, 5).moments[2], of_frames(streams, FEATURES, 5).moments[1])


def test_what_is_missing_counts_as_nothing(streams):
    silent = of_frames({"rgb": streams["rgb"]}, FEATURES, 5)
    alone = of_frames({"rgb": streams["rgb"]}, FEATURES[:1], 5)
    np.testing.assert_allclose(silent.video[:6], alone.video, atol=1e-6)
    assert not silent.video[6:].any()
    empty = of_frames({}, FEATURES, 5)
    assert not empty.video.any()
    assert len(empty.moments) == 0


def test_no_sum_of_bytes_overflows():
    frames = np.full((140_000, 16), 255, np.uint8)
    found = of_frames({"rgb": frames}, (Feature("rgb", 16),), 70_000)
    np.testing.assert_allclose(found.moments, np.full((2, 16), 1 / 4), rtol=1e-6)
    np.testing.assert_allclose(found.video, np.full(16, 1 / 4), rtol=1e-6)
