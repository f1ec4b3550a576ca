"""How many records each file has: counted, learned and kept, and that nothing consumed is read again."""

import dataclasses
import gzip
import itertools
import json
import os
import threading

import numpy as np
import pytest

from yt8m.data import record_counts
from yt8m.data.engine.batches import num_threads
from yt8m.data.engine.order import Shares, in_order
from yt8m.data.engine.records import LocalFile, Record
from yt8m.data.engine.stream import read_stream
from yt8m.data.options import Frames, Order, Portion
from yt8m.data.record_counts import RecordCounts
from yt8m.data.records import frame_level_record, framed
from yt8m.data.schema import Fold, Share
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
    return lambda file, first: LocalFile(source.files[file]).records(first)


def refuse(file, first):
    raise AssertionError(f"file {file} is read")


def learned(source, files=range(4)):
    """Counts that have seen some files read to their end."""
    counts = RecordCounts(source)
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


def test_an_index_tells_what_another_process_learned(source, tmp_path, monkeypatch):
    learned(source).write_index(tmp_path / "index.json")
    counts = RecordCounts(source)
    counts.read_index(tmp_path / "index.json")
    monkeypatch.setattr(record_counts, "open_records", refuse)
    assert counts.numbers(refuse, range(4)) == COUNTS
    assert counts.take_news() == {}, "nothing that is not in the index"


def test_numbers_of_changed_files_and_of_missing_ones_are_not_taken(source, tmp_path):
    index = tmp_path / "index.json"
    learned(source).write_index(index)
    write(tmp_path / "a.tfrecord", 7)
    status = os.stat(source.files[3])
    write(tmp_path / "d.tfrecord", 1)
    os.utime(source.files[3], ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    counts = RecordCounts(source)
    counts.read_index(index)
    assert counts.numbers(items_of(source), range(4)) == [7, 0, 5, 1]
    assert counts.take_news().keys() == {0, 3}
    os.remove(source.files[2])
    counts = RecordCounts(source)
    counts.read_index(index)
    assert counts.numbers(refuse, [1]) == [0]
    assert counts.numbers(refuse, [2]) is None


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        "7",
        '{"files": 3}',
        '{"files": []}',
        '{"counted": [], "files": []}',
    ],
)
def test_a_damaged_index_tells_nothing(source, tmp_path, damage):
    index = tmp_path / "index.json"
    index.write_text(damage)
    counts = RecordCounts(source)
    counts.read_index(index)
    assert counts.numbers(refuse, range(4)) == COUNTS
    assert counts.take_news().keys() == {0, 1, 2, 3}


def test_damaged_rows_of_an_index_are_left_out(source, tmp_path):
    index = tmp_path / "index.json"
    learned(source).write_index(index)
    content = json.loads(index.read_text())
    content["files"][0][3] = "3"
    content["files"][1][3] = True
    content["files"][2] = content["files"][2][:3]
    content["files"] += [None, 1, [[], 1, 1, 1], ["x", 1, 1, -1]]
    index.write_text(json.dumps(content))
    counts = RecordCounts(source)
    counts.read_index(index)
    counts.numbers(items_of(source), range(4))
    assert counts.take_news().keys() == {0, 1, 2}


def test_numbers_of_other_items_are_not_taken(source, tmp_path):
    """Of a fold, or of rated segments."""
    index = tmp_path / "index.json"
    fold = dataclasses.replace(source, fold=Fold(0, 5))
    for counted in (
        source,
        fold,
        dataclasses.replace(fold, held_out=True),
        dataclasses.replace(source, level="segment"),
    ):
        learned(counted).write_index(index)
        for other in (
            source,
            fold,
            dataclasses.replace(fold, held_out=True),
            dataclasses.replace(source, level="segment"),
        ):
            counts = RecordCounts(other)
            counts.read_index(index)
            counts.numbers(items_of(source), range(4))
            assert bool(counts.take_news()) == (other != counted)


def test_what_other_workers_learned_is_written_too(source, tmp_path):
    chief, other = learned(source, [0, 1]), learned(source, [2, 3])
    chief.add(other.take_news())
    assert other.take_news() == {}
    chief.write_index(tmp_path / "index.json")
    counts = RecordCounts(source)
    counts.read_index(tmp_path / "index.json")
    counts.numbers(refuse, range(4))
    assert counts.take_news() == {}


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
        lambda file, first: ((file, number) for number in range(first, 10)),
        lambda files: [10] * 4,
        4,
        order,
        shares,
        skip,
    )
    assert batch["id"].tolist() == [b"%d.%d" % place for place in itertools.islice(places, 8)]
