"""Which frames are chosen, by the engine and in TensorFlow's graph: properties, and `uniform` by hand."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from slow_reading import elements_of, write

from yt8m.data.engine.sampling import Sampler
from yt8m.data.graph.sampling import sample_rows
from yt8m.data.pipeline import read_records
from yt8m.data.records import frame_level_record
from yt8m.data.schema import Share

STORED = [0, 1, 3, 4, 7, 20]
LONGEST = 20
KINDS = ["random", "random_without_replacement", "uniform", "consecutive"]


in_graph = tf.function(sample_rows)


def draw_in_graph(kind, num_frames=4, stored=STORED, seed=0, number=0):
    """The rows that count, video by video."""
    rows, counts = in_graph(
        kind, tf.constant(stored, tf.int32), num_frames, LONGEST, seed, tf.constant(number, tf.int64)
    )
    assert rows.shape == (len(stored), num_frames)
    return [row[:count].tolist() for row, count in zip(rows.numpy(), counts.numpy(), strict=True)]


def draw_in_engine(kind, num_frames=4, stored=STORED, seed=0, number=0):
    sampler = Sampler(kind, len(stored), num_frames, LONGEST, seed, number)
    return [sampler.rows(video, each).tolist() for video, each in enumerate(stored)]


@pytest.fixture(params=[draw_in_engine, draw_in_graph], ids=["engine", "graph"])
def draw(request):
    return request.param


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_is_a_frame_and_short_videos_show_all(draw, kind):
    for number in range(20):
        chosen = draw(kind, number=number)
        for rows, stored in zip(chosen, STORED, strict=True):
            assert all(0 <= row < stored for row in rows)
        expected = [0, *[4] * 5] if kind == "random" else [0, 1, 3, 4, 4, 4]
        assert [len(rows) for rows in chosen] == expected
        if kind != "random":
            assert [rows for rows, stored in zip(chosen, STORED, strict=True) if stored <= 4] == [
                [*range(stored)] for stored in STORED[:4]
            ]


def test_random_draws_are_even_and_repeat(draw):
    counts = Counter(row for number in range(200) for row in draw("random", 20, [5], number=number)[0])
    assert set(counts) == {*range(5)}
    assert all(abs(count - 800) < 110 for count in counts.values())  # four standard deviations


def test_without_replacement_rows_are_distinct_in_order_and_even(draw):
    counts = Counter()
    for number in range(1000):
        (rows,) = draw("random_without_replacement", 4, [10], number=number)
        assert rows == sorted(set(rows))
        counts.update(rows)
    assert set(counts) == {*range(10)}
    assert all(abs(count - 400) < 62 for count in counts.values())


def test_uniform_takes_the_middles(draw):
    assert draw("uniform", 4, [20, 8, 9]) == [[2, 7, 12, 17], [1, 3, 5, 7], [1, 3, 5, 7]]
    assert draw("uniform", 1, [20, 1]) == [[10], [0]]


def test_consecutive_runs_start_anywhere(draw):
    starts = Counter()
    for number in range(600):
        (rows,) = draw("consecutive", 4, [9], number=number)
        assert rows == [*range(rows[0], rows[0] + 4)]
        starts[rows[0]] += 1
    assert set(starts) == {*range(6)}
    assert all(abs(count - 100) < 37 for count in starts.values())


@pytest.mark.parametrize("kind", ["random", "random_without_replacement", "consecutive"])
def test_seeds_and_batches_differ_and_repeat(draw, kind):
    def chosen(**arguments):
        return draw(kind, 4, [20] * 8, **arguments)

    assert chosen(seed=1, number=2) == chosen(seed=1, number=2)
    assert chosen(seed=1) != chosen(seed=2)
    assert chosen(number=1) != chosen(number=2)
    assert chosen()[0] != chosen()[1]


@pytest.mark.parametrize("kind", KINDS)
def test_records_are_read_with_the_frames_chosen(tmp_path, kind):
    """Frame i holds the byte i, so that a batch shows which frames it has; one video lacks audio, one all frames."""

    def frames(count, size):
        return np.arange(count, dtype=np.uint8)[:, None].repeat(size, axis=1)

    records = [
        frame_level_record("long", [1], {"rgb": frames(20, 1024), "audio": frames(20, 128)}),
        frame_level_record("short", [1], {"rgb": frames(3, 1024), "audio": frames(3, 128)}),
        frame_level_record("mute", [1], {"rgb": frames(7, 1024)}),
        frame_level_record("none", [1], {}),
    ]
    path = write(tmp_path / "a.tfrecord", *records)
    elements = elements_of(read_records(path, 4, num_frames=4, sampling=kind, max_frames=LONGEST))
    expected = draw_in_engine(kind, 4, [20, 3, 7, 0])
    for element, rows in zip(elements, expected, strict=True):
        count = len(rows)
        assert element["num_frames"] == count
        assert element["rgb"].shape == (4, 1024)
        np.testing.assert_array_equal(element["rgb"][:, 5], rows + [0] * (4 - count))
        audio = [127] * count if element["id"] == b"mute" else rows
        np.testing.assert_array_equal(element["audio"][:, 5], audio + [0] * (4 - count))


@pytest.mark.parametrize("kind", ["random", "random_without_replacement", "consecutive"])
def test_shares_of_a_batch_get_the_frames_of_the_whole_batch(kind):
    whole = Sampler(kind, 6, 4, LONGEST, seed=3, number=5)
    for index in range(2):
        own = Sampler(kind, 3, 4, LONGEST, seed=3, number=5, share=Share(index, 2))
        for video in range(3):
            assert own.rows(video, 20).tolist() == whole.rows(2 * video + index, 20).tolist()
