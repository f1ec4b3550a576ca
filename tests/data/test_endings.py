"""Files that are cut off, told from their ends."""

import os

import pytest

from yt8m.data import endings
from yt8m.data.endings import broken_end
from yt8m.data.records import framed, read_framing

RECORDS = [b"", b"a" * 30, b"b" * 7, b"c" * 100]
CONTENT = b"".join(map(framed, RECORDS))


def first_problem(path):
    """What reading the whole file finds."""
    return next((raw for raw in read_framing(path) if raw.problem), None)


@pytest.mark.parametrize("tails", [endings._TAILS, (20,), (150, 200), ()])
def test_every_cut_is_found_where_reading_the_file_finds_it(tmp_path, monkeypatch, tails):
    monkeypatch.setattr(endings, "_TAILS", tails)
    boundaries = []
    for length in range(len(CONTENT) + 1):
        path = tmp_path / f"{length}.tfrecord"
        path.write_bytes(CONTENT[:length])
        found = broken_end(str(path))
        assert found == first_problem(str(path))
        if found is None:
            boundaries.append(length)
    assert boundaries == [16, 62, 85, 201]


@pytest.mark.parametrize("content", [b"this is no TFRecord file, but it is long\n", b"\x1f\x8b" + bytes(50), b"\0" * 9])
def test_other_files(tmp_path, content):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(content)
    assert broken_end(str(path)) == first_problem(str(path))


def test_bytes_that_look_like_a_length_are_no_header(tmp_path):
    """Data may hold the very number that a header there would hold."""
    path = tmp_path / "a.tfrecord"
    path.write_bytes(framed(b"x" * 10 + (30).to_bytes(8, "little") + b"y" * 38) + b"z" * 5)
    assert broken_end(str(path)).index == 1


def test_a_file_that_changes_is_looked_at_again(tmp_path):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(CONTENT)
    assert broken_end(str(path)) is None
    os.truncate(path, 65)
    assert broken_end(str(path)).index == 2


def test_an_intact_file_is_not_read_through(tmp_path, monkeypatch):
    path = tmp_path / "a.tfrecord"
    path.write_bytes(framed(b"x" * 100_000) * 50)
    monkeypatch.setattr(endings, "read_headers", lambda *_: pytest.fail("went from header to header"))
    assert broken_end(str(path)) is None
