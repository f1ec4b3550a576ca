"""A video, or a segment of one, that comes twice among records is found, and both places are named."""

import dataclasses
import re

import numpy as np
import pytest

from yt8m.data import overlap
from yt8m.data.failures import record_errors
from yt8m.data.labels import read_labels, read_ratings
from yt8m.data.locating import locate_repeat, usable_records
from yt8m.data.opening import open_source
from yt8m.data.overlap import refuse_repeats
from yt8m.data.records import Ratings, frame_level_record, framed, video_level_record
from yt8m.data.repeats import Once, RepeatError
from yt8m.data.schema import Fold
from yt8m.data.tools.inspection import inspect
from yt8m.data.tools.salvage import usable_source
from yt8m.errors import RecordError
from yt8m.progress import Messages

MEANS = {"rgb": np.zeros(1024, np.float32), "audio": np.zeros(128, np.float32)}
FRAMES = {"rgb": np.zeros((20, 1024), np.uint8)}


def video(name: str) -> bytes:
    return video_level_record(name, [1], MEANS)


def rated(name: str, *starts: int) -> bytes:
    columns = {"labels": [1] * len(starts), "scores": [1.0] * len(starts)}
    ratings = Ratings(start_times=starts, end_times=[start + 5 for start in starts], **columns)
    return frame_level_record(name, [1], FRAMES, ratings)


def write(path, *records: bytes) -> str:
    path.write_bytes(b"".join(map(framed, records)))
    return str(path)


def slow_first(seen: list[tuple], video_id: bytes, starts, place: int):
    """As `Once.first`, by going through all that came."""
    mine = {(video_id, start) for start in ([None] if starts is None else starts)}
    for where, keys in seen:
        if mine & keys:
            return where, min(start for _, start in mine & keys) if starts is not None else None
    seen.append((place, mine))
    return None


@pytest.mark.parametrize("whole", [True, False])
def test_what_came_first_is_told(whole):
    generator, once, seen = np.random.default_rng(3), Once(), []
    for place in range(400):
        name = b"v%d" % generator.integers(60 if whole else 30)
        starts = None if whole else set((5 * generator.integers(60, size=generator.integers(1, 4))).tolist())
        found = once.first(name, starts, place)
        expected = slow_first(seen, name, starts, place)
        assert (found is None) == (expected is None)
        if found:
            assert found in {
                (where, key[1])
                for where, keys in seen
                for key in keys
                if key[0] == name and (whole or key[1] in starts)
            }
    assert once.num_videos == len({key[0] for _, keys in seen for key in keys})


def test_workers_find_what_came_to_both():
    one, two = Once(), Once()
    one.add([b"a", b"b"])
    two.add([b"c"])
    one.merge(two)
    assert one.num_videos == 3
    with pytest.raises(RepeatError, match="video 'c' comes twice"):
        one.merge(two)
    one, two = Once(), Once()
    one.add([b"a", b"a", b"b"], [0, 5, 0])
    two.add([b"a", b"c"], [10, 0])
    one.merge(two)
    assert one.num_videos == 3
    two.add([b"b"], [0])
    with pytest.raises(RepeatError, match="the segment at 10 s of video 'a' comes twice"):
        one.merge(two)


def test_both_records_are_named(tmp_path):
    a = write(tmp_path / "a.tfrecord", video("aa"), video("bb"), video("aab"))
    b = write(tmp_path / "b.tfrecord", video("cc"), video("bb"))
    with pytest.raises(RecordError) as raised, record_errors(open_source([a, b])):
        raise RepeatError(b"bb")
    assert str(raised.value) == (
        f"{b}, record 1: holds video 'bb' again, which {a}, record 1, holds; each may be there once, so leave one of the two out"
    )
    unknown = RepeatError(b"xx")
    assert locate_repeat([a, b], unknown) is unknown


def test_a_segment_is_looked_for_where_it_is_rated(tmp_path):
    a = write(tmp_path / "a.tfrecord", rated("aa", 0), rated("aa", 5))
    b = write(tmp_path / "b.tfrecord", rated("aa", 10, 5))
    error = locate_repeat([a, b], RepeatError(b"aa", 5))
    assert str(error).startswith(
        f"{b}, record 0: holds the segment at 5 s of video 'aa' again, which {a}, record 1, holds"
    )
    assert locate_repeat([a, b], RepeatError(b"aa", 15)).record == 1, (
        "of segments that nobody rated, the first two records"
    )


def test_what_is_scored_and_weighed_comes_once(tmp_path):
    a, b = write(tmp_path / "a.tfrecord", video("aa")), write(tmp_path / "b.tfrecord", video("bb"), video("aa"))
    assert set(read_labels(open_source([a]))) == {"aa"}
    with pytest.raises(
        RecordError, match=r"b.tfrecord, record 1: holds video 'aa' again, which .*a.tfrecord, record 0"
    ):
        read_labels(open_source([a, b]))
    a = write(tmp_path / "c.tfrecord", rated("aa", 0), rated("aa", 5))
    b = write(tmp_path / "d.tfrecord", rated("aa", 5))
    assert read_ratings(open_source([a])).num_segments == 2, "other segments of a video are others"
    with pytest.raises(RecordError, match=r"d.tfrecord, record 0: holds the segment at 5 s of video 'aa' again"):
        read_ratings(open_source([a, b]))


def test_it_is_found_by_ids_before_the_work(tmp_path, monkeypatch):
    a, b = write(tmp_path / "a.tfrecord", video("aa")), write(tmp_path / "b.tfrecord", video("bb"), video("aa"))
    source = open_source([a, b])
    refuse_repeats(open_source([b]))
    again = r"b.tfrecord, record 1: holds video 'aa' again, which .*a.tfrecord, record 0"
    with pytest.raises(RecordError, match=again):
        refuse_repeats(source)
    refused = []
    for held_out in (True, False):  # of a fold, one part has the video
        try:
            refuse_repeats(dataclasses.replace(source, fold=Fold.parse("0/2"), held_out=held_out))
        except RecordError as error:
            refused.append(re.search(again, str(error))[0])
    assert len(refused) == 1
    monkeypatch.setattr(overlap, "_MOST_BYTES", 1)
    refuse_repeats(source)


def test_segments_are_found_by_ids_and_their_starts(tmp_path):
    a = write(tmp_path / "a.tfrecord", rated("aa", 0), rated("aa", 5), rated("bb", 5))
    b = write(tmp_path / "b.tfrecord", rated("aa", 10, 5))
    refuse_repeats(open_source([a]))
    with pytest.raises(
        RecordError,
        match=r"b.tfrecord, record 0: holds the segment at 5 s of video 'aa' again, which .*, record 1, holds",
    ):
        refuse_repeats(open_source([a, b]))


def test_the_later_one_is_left_out_and_counted(tmp_path):
    a = write(tmp_path / "a.tfrecord", video("aa"), video("bb"), video("aa"))
    b = write(tmp_path / "b.tfrecord", video("cc"), video("bb"))
    source, told = open_source([a, b]), Messages()
    assert list(read_labels(usable_source(source, "skip", told, "videos"))) == ["aa", "bb", "cc"]
    first = f"{a}, record 2: holds video 'aa' again, which {a}, record 0, holds"
    assert told.lines == [f"left out 2 records of what came before; the first: {first}"]
    assert usable_source(source, "skip", told) == source, "training takes a video as often as it comes"
    assert told.lines[1:] == ["all records can be used"]


def test_the_segments_that_are_rated_once_are_kept(tmp_path):
    path = write(
        tmp_path / "a.tfrecord", rated("aa", 0), frame_level_record("aa", [1], FRAMES), rated("aa", 5), rated("aa", 0)
    )
    expected = {"level": "segment", "features": ("rgb",)}
    assert usable_records([path], expected, "segments").partial == {path: [0, 1, 2]}
    assert usable_records([path], expected, "videos").partial == {path: [0]}
    assert usable_records([path], expected).whole == [path]


def test_inspection_reports_them(tmp_path):
    a = write(tmp_path / "a.tfrecord", video("aa"), video("bb"), video("aa"))
    b = write(tmp_path / "b.tfrecord", video("bb"))
    report = inspect([a, b])
    assert (report["num_records"], report["corrupt_files"]) == (4, [])
    assert report["repeated"] == [
        {"path": a, "record": 2, "id": "aa", "start": None, "first": {"path": a, "record": 0}},
        {"path": b, "record": 0, "id": "bb", "start": None, "first": {"path": a, "record": 1}},
    ]
    path = write(tmp_path / "c.tfrecord", rated("aa", 0), rated("aa", 5), rated("aa", 10, 5))
    assert inspect([path])["repeated"] == [
        {"path": path, "record": 2, "id": "aa", "start": 5, "first": {"path": path, "record": 1}}
    ]
