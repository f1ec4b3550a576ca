"""Records of local files, where they lie: what is found, and what is said of files that are damaged or change."""

import os
import shutil
from pathlib import Path

import pytest
from slow_reading import write

from yt8m.data.engine import records
from yt8m.data.engine.memory import Scratch
from yt8m.data.engine.records import LocalFile
from yt8m.data.records import read_framing
from yt8m.errors import RecordError

CONTENTS = [b"", b"a", bytes(range(256)) * 3, b"x" * 700_000, b"last"]


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "a.tfrecord", *CONTENTS)


def test_records_are_found_and_read_in_any_order(path):
    found, scratch = list(LocalFile(path).records()), Scratch()
    assert [(record.path, record.index) for record in found] == [(path, index) for index in range(5)]
    for index in (3, 0, 4, 2, 1):
        assert found[index].read(scratch).tobytes() == CONTENTS[index]
    assert [record.index for record in LocalFile(path).records(first=3)] == [3, 4]
    assert list(LocalFile(path).records(first=9)) == []


@pytest.mark.parametrize("cut", [3, 11, 14, 21, 700_500])
def test_a_file_that_is_cut_off_is_told_as_the_inspector_tells_it(path, cut):
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) - cut)
    (broken,) = [raw.as_error(path) for raw in read_framing(path) if raw.problem]
    with pytest.raises(RecordError) as raised:
        list(LocalFile(path).records())
    assert str(raised.value) == str(broken)


def read_all(path):
    return [record.read(Scratch()).tobytes() for record in LocalFile(path).records()]


@pytest.mark.parametrize("place", [0, 9, 16 + 3, 20])
def test_a_damaged_header_is_told_as_the_inspector_tells_it(path, place):
    content = bytearray(Path(path).read_bytes())
    content[place] ^= 4
    Path(path).write_bytes(content)
    problems = [raw for raw in read_framing(path) if raw.problem]
    with pytest.raises(RecordError) as raised:
        read_all(path)
    assert str(raised.value) == str(problems[0].as_error(path))


def test_damaged_data_do_not_match_their_checksum(path):
    found = list(LocalFile(path).records())
    content = bytearray(Path(path).read_bytes())
    content[found[2].begin + 5] ^= 1
    with open(path, "r+b") as file:
        file.write(content)
    assert found[1].read(Scratch()).tobytes() == b"a"
    with pytest.raises(RecordError) as raised:
        found[2].read(Scratch())
    assert str(raised.value) == f"{path}, record 2: its data do not match their checksum"


def test_a_file_that_becomes_shorter_while_it_is_read_is_an_error_and_no_crash(path):
    found = list(LocalFile(path).records())
    os.truncate(path, 100)
    with pytest.raises(RecordError, match="has become shorter while it was read"):
        found[3].read(Scratch())


def test_many_files_are_open_one_after_the_other(path, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "_MOST_OPEN_FILES", 3)
    copies = [shutil.copy(path, tmp_path / f"{number}.tfrecord") for number in range(12)]
    found = [next(LocalFile(str(copy)).records(first=1)) for copy in copies]
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        assert [record.read(Scratch()).tobytes() for record in found] == [b"a"] * 12
    assert len(os.listdir("/proc/self/fd")) <= before + 3


def test_a_file_that_another_thread_lets_go_is_read_to_the_end(path, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "_MOST_OPEN_FILES", 1)
    other = next(LocalFile(write(tmp_path / "other.tfrecord", b"z" * 2000)).records())
    found, read = list(LocalFile(path).records()), os.preadv
    is_first = True

    def let_go_before(*arguments):
        nonlocal is_first
        if is_first:
            is_first = False
            other.read(Scratch())
        return read(*arguments)

    monkeypatch.setattr(os, "preadv", let_go_before)
    assert found[2].read(Scratch()).tobytes() == CONTENTS[2]


def test_files_read_in_turns_stay_far_below_the_descriptors_that_are_allowed(tmp_path, monkeypatch):
    allowed = 40
    monkeypatch.setattr(records.resource, "getrlimit", lambda kind: (allowed, allowed))
    files = [LocalFile(write(tmp_path / f"{number}.tfrecord", b"a", b"b")) for number in range(60)]
    before = len(os.listdir("/dev/fd"))
    walks = [file.records() for file in files]
    for content in (b"a", b"b"):
        for walk in walks:
            assert next(walk).read(Scratch()).tobytes() == content
            assert len(os.listdir("/dev/fd")) <= before + allowed // 4


def test_a_file_that_is_replaced_before_it_is_opened_again_is_refused(path, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "_MOST_OPEN_FILES", 1)
    other = shutil.copy(path, tmp_path / "other.tfrecord")
    (*_, last), (first, *_) = LocalFile(path).records(), LocalFile(str(other)).records()
    first.read(Scratch())  # takes the one place
    os.replace(write(tmp_path / "new.tfrecord", b"something else"), path)
    with pytest.raises(RecordError) as raised:
        last.read(Scratch())
    assert str(raised.value) == f"{path}: was changed while it was read"


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(RecordError) as raised:
        next(LocalFile(str(tmp_path / "none.tfrecord")).records())
    assert str(raised.value) == f"{tmp_path}/none.tfrecord: cannot be read (No such file or directory)"
