"""Units: together they are the batches that one process makes of the records, each row at its place."""

import numpy as np
import pytest
from slow_reading import make_frames, write

from yt8m.cluster import units
from yt8m.cluster.units import Counted, count, read, units_of
from yt8m.data.engine.order import UNDIVIDED
from yt8m.data.engine.pieces import held
from yt8m.data.engine.stream import batches_of, read_stream
from yt8m.data.options import Frames, Order, Portion
from yt8m.data.records import Ratings, frame_level_record
from yt8m.data.schema import Fold
from yt8m.data.source import Source
from yt8m.errors import RecordError

FRAMES = {"rated": Frames(max_frames=20, num_frames=2, sampling="random"), "all": Frames(max_frames=20, segments="all")}


def source_of(directory, level, **options) -> Source:
    """Three files of 7, 0 and 12 videos of up to 20 frames, some of which have rated segments."""
    random, paths = np.random.default_rng(4), []
    for number, size in enumerate((7, 0, 12)):
        records = []
        for index in range(size):
            length = int(random.integers(0 if index % 3 else 6, 21))
            starts = [5 * slot for slot in range(length // 5)][: index % 4]
            rated = Ratings(
                start_times=starts,
                end_times=[start + 5 for start in starts],
                labels=[1] * len(starts),
                scores=[1.0] * len(starts),
            )
            frames = make_frames(random, rgb=length, audio=length)
            records.append(frame_level_record(f"v{number}{index}", [1], frames, rated if level == "segment" else None))
        paths.append(write(directory / f"{number}.tfrecord", *records))
    return Source(tuple(paths), level, ("rgb", "audio"), 20, **options)


@pytest.mark.parametrize(("level", "segments"), [("frame", "rated"), ("segment", "rated"), ("segment", "all")])
@pytest.mark.parametrize("batches_a_unit", [1, 2, 50])
def test_units_hold_the_batches_of_one_process(tmp_path, level, segments, batches_a_unit):
    source, frames = source_of(tmp_path, level), FRAMES[segments]
    found = [count(number, path, [source], segments) for number, path in enumerate(source.files)]
    divided = list(units_of(reversed(found), [range(3)], 4, batches_a_unit))
    ours = []
    for unit in divided:
        records = held([(source.files[number], index, data) for number, index, data in read(unit, source.files)])
        ours += batches_of(records, source, 4, frames, unit.skip, unit.number, unit.first_batch)
    theirs = list(read_stream(source, 4, frames, Order(seed=0), Portion(processes=0), UNDIVIDED))
    assert len(ours) == len(theirs) > 3
    assert len(divided) == -(-len(theirs) // batches_a_unit)
    for one, other in zip(ours, theirs, strict=True):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


def test_streams_of_folds_and_groups_begin_with_a_batch_of_their_own(tmp_path):
    whole = source_of(tmp_path, "frame")
    folds = [Source(**{**vars(whole), "fold": Fold(index, 2), "held_out": True}) for index in range(2)]
    found = [count(number, path, folds, "rated") for number, path in enumerate(whole.files)]
    divided = list(units_of(found, [[2], [0, 1]], 4, 1))
    seen = [
        (unit.source, unit.group, number, index) for unit in divided for number, index, _ in read(unit, whole.files)
    ]
    assert len(set(seen)) == len(seen) == 19
    assert {(group, number) for _, group, number, _ in seen} == {(0, 2), (1, 0)}
    for own in range(2):
        sizes = [unit.number for unit in divided if (unit.source, unit.group) == (own, 0)]
        assert all(size == 4 for size in sizes[:-1])


def test_rows_of_units_by_hand():
    # Records of 3, 0, 5 and 1 segments, in batches of 4: rows 0-3, 4-7, 8.
    found = [Counted(0, np.array([0, 10, 20]), [np.array([3, 0, 5])]), Counted(1, np.array([0]), [np.array([1])])]
    divided = list(units_of(found, [[0, 1]], 4, 1))
    assert [(unit.skip, unit.number, unit.first_batch) for unit in divided] == [(0, 4, 0), (1, 4, 1), (0, 1, 2)]
    places = [[(each.file_number, each.offset, each.records.tolist()) for each in unit.stretches] for unit in divided]
    assert places == [[(0, 0, [0, 2])], [(0, 20, [2])], [(1, 0, [0])]]
    assert list(units_of([], [], 4, 1)) == []


def test_a_damaged_file_is_named(tmp_path):
    source = source_of(tmp_path, "frame")
    content = bytearray((tmp_path / "2.tfrecord").read_bytes())
    (tmp_path / "2.tfrecord").write_bytes(content[:-5])
    with pytest.raises(RecordError, match=r"2\.tfrecord, record 11: is cut off"):
        count(2, source.files[2], [source], "rated")
    assert units.BATCHES_A_UNIT.keys() == {"video", "frame", "segment"}
