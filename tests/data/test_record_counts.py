"""How many records each file has: counted, learned and kept, and that nothing consumed is read again."""

import dataclasses
import gzip
import itertools
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from yt8m.data import record_counts
from yt8m.data.engine import stream as stream_module
from yt8m.data.engine.batches import num_threads
from yt8m.data.engine.order import Shares, in_order
from yt8m.data.engine.records import LocalFile, Record
from yt8m.data.engine.runs import one_by_one
from yt8m.data.engine.stream import read_stream
from yt8m.data.options import Frames, Order, Portion
from yt8m.data.record_counts import RecordCounts
from yt8m.data.records import Ratings, frame_level_record, framed
from yt8m.data.schema import Fold, IndexedFold, Share
from yt8m.data.source import Source
from yt8m.progress import Messages

COUNTS = [3, 0, 5, 1]


def write(path, count, size=10):
    path.write_bytes(b"".join(framed(bytes([number]) * size) for number in range(count)))
    return str(path)


@pytest.fixture
def source(tmp_path):
    """Files of three, no, five and one records, which hold nothing that could be parsed."""
    names = [write(tmp_path / f"{name}.tfrecord", count) for name, count in zip("abcd", COUNTS, strict=True)]
    return Source(tuple(names), "frame", ("audio",))


def items_of(source):
    return lambda file, first: one_by_one(LocalFile(source.files[file]).records(first))


def refuse(file, first):
    raise AssertionError(f"file {file} is read")


def learned(source, index, files=range(4)):
    """Counts that have seen some files read to their end."""
    counts = RecordCounts(source, index=index)
    for file in files:
        assert len(list(counts.learning(items_of(source))(file, 0))) == COUNTS[file]
    return counts


def test_records_of_local_files_are_counted_by_their_headers(source, monkeypatch):
    monkeypatch.setattr(Record, "read", lambda *_: pytest.fail("a record is read"))
    counts = RecordCounts(source)
    assert counts.numbers(refuse, range(4)) == COUNTS
    assert counts.numbers(refuse, [2, 0]) == [5, 3]


def test_a_file_read_to_its_end_is_known_wherever_its_reading_began(source):
    counts = RecordCounts(source)
    items = counts.learning(items_of(source))
    for file, first in [(0, 2), (1, 0), (2, 5), (3, 0)]:
        list(items(file, first))
    half_read = items(2, 0)
    next(half_read)
    for name in source.files:
        os.truncate(name, 0)  # so that nothing can be counted
    assert counts.numbers(refuse, range(4)) == COUNTS


def test_a_file_that_is_not_read_to_its_end_is_not_known(tmp_path):
    path = tmp_path / "a.tfrecord.gz"
    path.write_bytes(gzip.compress(framed(b"x")))
    counts = RecordCounts(Source((str(path),), "frame", ("audio",)))
    items = counts.learning(lambda file, first: iter("abc"))
    assert next(items(0, 0)) == "a"
    assert counts.numbers(refuse, [0]) is None
    assert list(items(0, 0)) == ["a", "b", "c"]
    assert counts.numbers(refuse, [0]) == [3]


def test_records_of_remote_files_are_not_counted():
    source = Source(("gs://bucket/a.tfrecord",), "frame", ("audio",))
    assert RecordCounts(source).numbers(refuse, [0]) is None


def test_a_damaged_file_is_left_for_the_reader_to_report(source):
    os.truncate(source.files[2], 40)
    assert RecordCounts(source).numbers(refuse, range(4)) is None
    assert RecordCounts(source).numbers(refuse, [0, 1, 3]) == [3, 0, 1]


@pytest.fixture
def index(tmp_path):
    return tmp_path / "index.json"


def told(source, index):
    """Counts that have read an index."""
    counts = RecordCounts(source, index=index)
    counts.read_index()
    return counts


def made_again(source, index):
    """The files whose numbers an index does not tell, and that are counted therefore."""
    counts = told(source, index)
    assert counts.numbers(items_of(source), range(4)) == COUNTS
    return {*counts.take_news()}


def test_an_index_tells_what_another_process_learned(source, index, monkeypatch):
    learned(source, index).write_index()
    assert made_again(source, index) == set()
    monkeypatch.setattr(record_counts, "open_records", refuse)
    assert told(source, index).numbers(refuse, range(4)) == COUNTS


def test_without_an_index_no_file_is_identified(source, monkeypatch):
    monkeypatch.setattr(record_counts, "identify", refuse)
    assert learned(source, None).numbers(refuse, range(4)) == COUNTS


def test_numbers_of_changed_files_and_of_missing_ones_are_not_taken(source, index):
    learned(source, index).write_index()
    write(Path(source.files[0]), 7)
    status = os.stat(source.files[3])
    os.utime(source.files[3], ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    counts = told(source, index)
    assert counts.numbers(items_of(source), range(4)) == [7, 0, 5, 1]
    assert counts.take_news().keys() == {0, 3}
    os.remove(source.files[2])
    assert told(source, index).numbers(refuse, [1]) == [0]
    assert told(source, index).numbers(refuse, [2]) is None


def test_a_file_that_changed_while_it_was_read_is_counted_again(source, index):
    counts = RecordCounts(source, index=index)
    reading = counts.learning(items_of(source))(1, 0)
    assert list(reading) == []
    reading = counts.learning(lambda file, first: iter("ab"))(0, 0)
    next(reading)
    write(Path(source.files[0]), 3, size=11)
    assert list(reading) == ["b"]
    counts.write_index()
    assert made_again(source, index) == {0, 2, 3}


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: "",
        lambda content: content[:-20],
        lambda content: "[]",
        lambda content: "7",
        lambda content: json.dumps({"counted": json.loads(content)["counted"]}),
        lambda content: json.dumps(json.loads(content) | {"files": 3}),
        lambda content: json.dumps(json.loads(content) | {"files": [["x", 1, 1, 1]]}),
        lambda content: content.replace("3", "4"),
    ],
    ids=["empty", "cut", "a list", "a number", "nothing in it", "no rows", "another row", "another number"],
)
def test_a_damaged_index_tells_nothing_and_is_made_again(source, index, damage):
    learned(source, index).write_index()
    index.write_text(damage(index.read_text()))
    counts = told(source, index)
    assert counts.numbers(items_of(source), range(4)) == COUNTS
    assert counts.take_news().keys() == {0, 1, 2, 3}
    counts.write_index()
    assert made_again(source, index) == set()


def test_a_missing_index_tells_nothing(source, index):
    assert made_again(source, index) == {0, 1, 2, 3}


def test_numbers_of_other_items_are_not_taken(source, index, tmp_path):
    """Of a fold, of the other videos, of a part that has changed, or of rated segments."""
    table = tmp_path / "parts.csv"
    table.write_text("id,part\nabcd,train\n")
    fold = dataclasses.replace(source, fold=Fold(0, 5))
    kinds = [source, fold, dataclasses.replace(fold, held_out=True), dataclasses.replace(source, level="segment")]
    kinds.append(dataclasses.replace(source, fold=IndexedFold(str(table), "train")))
    for counted in kinds:
        learned(counted, index).write_index()
        assert [bool(made_again(other, index)) for other in kinds] == [other != counted for other in kinds]
    table.write_text("id,part\nabcd,train\nefgh,train\n")
    assert made_again(kinds[-1], index) == {0, 1, 2, 3}


def test_what_other_workers_learned_is_written_too(source, index):
    chief, other = learned(source, index, [0, 1]), learned(source, index, [2, 3])
    chief.add(other.take_news())
    assert other.take_news() == {}
    chief.write_index()
    assert made_again(source, index) == set()


def test_counting_that_takes_long_is_announced_and_goes_side_by_side(source, monkeypatch):
    together = threading.Barrier(4, timeout=30)
    monkeypatch.setattr(record_counts, "_SECONDS_IN_SILENCE", 0.01)
    walk = LocalFile.records

    def slowly(self, first=0):
        together.wait()
        threading.Event().wait(0.1)
        return walk(self, first)

    monkeypatch.setattr(LocalFile, "records", slowly)
    progress = Messages()
    assert RecordCounts(source, progress).numbers(refuse, range(4)) == COUNTS
    (line,) = progress.lines
    assert line.startswith(f"{source.files[0]} ...: counting the records of 4 files")


@pytest.fixture
def videos(tmp_path):
    """Four files of ten frame-level records; the id of a video says where it lies."""
    files = []
    for file in range(4):
        frames = {"audio": np.full((2, 128), file, np.uint8)}
        records = [frame_level_record(f"{file}.{number}", [1], frames) for number in range(10)]
        path = tmp_path / f"{file}.tfrecord"
        path.write_bytes(b"".join(map(framed, records)))
        files.append(str(path))
    return Source(tuple(files), "frame", ("audio",))


@pytest.mark.parametrize("share", [(0, 1), (1, 2)])
def test_a_stream_goes_on_after_300_000_batches_without_reading_them(videos, monkeypatch, share):
    read = []
    read_really = LocalFile.read
    monkeypatch.setattr(LocalFile, "read", lambda self, *rest: read.append(rest) or read_really(self, *rest))
    order = Order(shuffle=True, seed=3, repeat=True, drop_remainder=True, shuffle_buffer=16)
    skip = 8 * 300_000 + 3
    shares = Shares(records=Share(*share))
    counts = RecordCounts(videos)
    batch = next(read_stream(videos, 8, Frames(), order, Portion(skip_records=skip), shares, counts))
    assert len(read) <= 8 * (num_threads() + 2), "those of the batches in the making"
    places = in_order(
        lambda file, first: [[(file, number) for number in range(first, 10)]],
        lambda files: [10] * 4,
        4,
        order,
        shares,
        skip,
    )
    assert batch["id"].tolist() == [b"%d.%d" % place for place in itertools.islice(places, 8)]


def test_rated_segments_are_counted_from_contexts_alone(tmp_path, monkeypatch):
    """Two files of one and two videos, with two, three and one rated segments."""
    frames = {"audio": np.zeros((100, 128), np.uint8)}

    def video(name, *starts):
        ends, labels, scores = [start + 5 for start in starts], [1] * len(starts), [1.0] * len(starts)
        return framed(
            frame_level_record(
                name, [1], frames, Ratings(start_times=starts, end_times=ends, labels=labels, scores=scores)
            )
        )

    for name, content in [("a", video("a0", 0, 5)), ("b", video("b0", 5, 15, 25) + video("b1", 0, 0))]:
        (tmp_path / name).write_bytes(content)
    source = Source((str(tmp_path / "a"), str(tmp_path / "b")), "segment", ("audio",))
    segments = [(b"a0", 0), (b"a0", 5), (b"b0", 5), (b"b0", 15), (b"b0", 25), (b"b1", 0)]
    counts = RecordCounts(source)
    portion = Portion(skip_records=6 * 10**6 + 1)
    stream = read_stream(source, 4, Frames(), Order(repeat=True), portion, Shares(), counts)
    batch = next(stream)
    assert [*zip(batch["id"].tolist(), batch["segment_start"].tolist(), strict=True)] == segments[1:5]
    assert {file: count.number for file, count in counts.take_news().items()} == {0: 2, 1: 4}
    stream.close()
    monkeypatch.setattr(Record, "read", lambda *_: pytest.fail("frames are read"))
    counted = RecordCounts(source)
    monkeypatch.setattr(stream_module, "stream_batches", lambda chosen, *_, **__: chosen)
    assert next(read_stream(source, 4, Frames(), Order(repeat=True), portion, Shares(), counted)).slot == 1
    assert {file: count.number for file, count in counted.take_news().items()} == {0: 2, 1: 4}


@pytest.mark.parametrize(("held_out", "expected"), [(True, [1, 2, 3, 4]), (False, [9, 8, 7, 6])])
def test_records_of_a_fold_are_counted_from_ids_alone(videos, tmp_path, monkeypatch, held_out, expected):
    """The index of the fold names one video of the first file, two of the second, and so on."""
    table = tmp_path / "parts.csv"
    rows = [f"{file}.{number},{'held' if number <= file else 'other'}" for file in range(4) for number in range(10)]
    table.write_text("\n".join(["id,part", *rows]))
    source = dataclasses.replace(videos, fold=IndexedFold(str(table), "held"), held_out=held_out)
    monkeypatch.setattr(Record, "read", lambda *_: pytest.fail("frames are read"))
    monkeypatch.setattr(stream_module, "stream_batches", lambda chosen, *_, **__: chosen)
    counts, portion = RecordCounts(source), Portion(skip_records=sum(expected) * 10**6 + expected[0])
    record = next(read_stream(source, 4, Frames(), Order(repeat=True), portion, Shares(), counts))
    assert {file: count.number for file, count in counts.take_news().items()} == dict(enumerate(expected))
    assert (record.path, record.index) == (videos.files[1], 0 if held_out else 2)
