"""How many items the training files hold: counted by headers, by reading, or estimated by sizes."""

import gzip
import itertools

import numpy as np
import pytest

from yt8m.data import counting
from yt8m.data.counting import count_items
from yt8m.data.engine.records import Record
from yt8m.data.records import framed, video_level_record
from yt8m.data.schema import Fold
from yt8m.data.source import Source
from yt8m.errors import InputError, RecordError
from yt8m.progress import Messages

CLASSES = (1, 2)


def video(number: int) -> bytes:
    return video_level_record(f"v{number:03d}", CLASSES, {"audio": np.full(128, 0.5, np.float32)})


@pytest.fixture
def files(tmp_path):
    """Ten files of 2, 3, ... 11 records."""
    numbers, paths = itertools.count(), []
    for size in range(2, 12):
        path = tmp_path / f"{size:02d}.tfrecord"
        path.write_bytes(b"".join(framed(video(next(numbers))) for _ in range(size)))
        paths.append(path)
    return paths


def source_of(paths, **options) -> Source:
    return Source(tuple(map(str, paths)), "video", ("audio",), **options)


def compressed(paths):
    """The same files, compressed so that their sizes in bytes are those of their content and a little more."""
    for path in paths:
        path.with_suffix(".tfrecord.gz").write_bytes(gzip.compress(path.read_bytes(), 0))
    return [path.with_suffix(".tfrecord.gz") for path in paths]


def test_local_files_are_counted_by_headers(files, monkeypatch):
    monkeypatch.setattr(Record, "read", lambda *_: pytest.fail("a record is read"))
    progress = Messages()
    assert count_items(source_of(files), progress) == (sum(range(2, 12)), 0)
    assert progress.lines == []


def test_the_parts_of_a_fold_are_all_records(files):
    parts = [count_items(source_of(files, fold=Fold(0, 3), held_out=held_out)).number for held_out in (False, True)]
    assert sum(parts) == sum(range(2, 12))
    assert all(parts)


def test_a_few_compressed_files_are_read(files):
    paths = compressed(files[:4])
    progress = Messages()
    assert count_items(source_of([*paths, files[9]]), progress) == (2 + 3 + 4 + 5 + 11, 0)
    assert progress.lines == [f"{paths[0]} ...: reading the files that can be counted only by reading them: 4 of 4"]


def test_many_are_estimated_by_their_sizes(files, monkeypatch):
    read, paths = [], compressed(files)
    monkeypatch.setattr(counting, "_read", lambda items, file: read.append(file) or len(list(items(file, 0))))
    number, num_estimated = count_items(source_of(paths))
    assert (read, num_estimated) == ([1, 3, 6, 8], 6)  # from the middles of four parts
    assert number == pytest.approx(sum(range(2, 12)), abs=1)


def test_a_server_that_tells_no_sizes(files, monkeypatch):
    monkeypatch.setattr(counting, "file_size", lambda path: None)
    assert count_items(source_of(compressed(files))) == (26 + round(6 * 26 / 4), 6)


def test_nothing_to_count(tmp_path):
    (tmp_path / "a.tfrecord").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.tfrecord \.\.\.: the training files hold no record$"):
        count_items(source_of([tmp_path / "a.tfrecord"]))


def test_a_damaged_header_is_named(files):
    content = bytearray(files[3].read_bytes())
    content[len(framed(video(0))) + 2] ^= 1
    files[3].write_bytes(content)
    remedy = r"fetch it again, or leave it out with --data\.on-corrupt skip$"
    with pytest.raises(RecordError, match=rf"05\.tfrecord, record 1: .*; {remedy}"):
        count_items(source_of(files))
