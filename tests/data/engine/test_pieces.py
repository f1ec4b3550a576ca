"""Records found in large pieces, against the reader that goes from record to record."""

import gc
import tracemalloc

import google_crc32c
import numpy as np
import pytest

from yt8m.data.engine import pieces
from yt8m.data.engine.memory import Scratch
from yt8m.data.engine.pieces import PieceFile, records_of
from yt8m.data.engine.records import LocalFile, Record
from yt8m.data.records import frame_level_record, framed, masked_checksum
from yt8m.errors import RecordError


@pytest.fixture
def small_pieces(monkeypatch):
    """Pieces of 100 bytes, so that short files have many."""
    monkeypatch.setattr(pieces, "PIECE_BYTES", 100)


def some_records(seed: int, count: int, longest: int) -> list[bytes]:
    rng = np.random.default_rng(seed)
    return [rng.bytes(rng.integers(0, longest)) for _ in range(count)]


def stored(tmp_path, content: bytes) -> str:
    path = tmp_path / "some.tfrecord"
    path.write_bytes(content)
    return str(path)


def chunks_of(content: bytes, seed: int = 0):
    """The content in chunks of random sizes, some of them empty."""
    rng, start = np.random.default_rng(seed), 0
    while start < len(content):
        size = int(rng.integers(0, 300))
        yield content[start : start + size]
        start += size


def outcome(records) -> tuple[list[tuple[int, bytes]], str | None]:
    """The records that can be read, and the error that ends the reading."""
    found, scratch = [], Scratch()
    try:
        for record in records:
            found.append((record.index, record.read(scratch).tobytes()))
    except RecordError as error:
        return found, str(error)
    return found, None


def ways(path: str, content: bytes) -> dict:
    """Every way to read a file."""
    return {
        "pieces": PieceFile(path).records(),
        "chunks of known size": records_of(chunks_of(content), path, len(content)),
        "chunks": records_of(chunks_of(content, 1), path, None),
        "one chunk": records_of([content], path, None),
        "bytes": records_of((content[place : place + 1] for place in range(len(content))), path, None),
    }


def test_records_of_all_sizes(tmp_path, small_pieces):
    for seed, longest in enumerate((1, 5, 60, 150, 1000)):
        data = some_records(seed, 40, longest)
        content = b"".join(map(framed, data))
        for way, records in ways(stored(tmp_path, content), content).items():
            assert outcome(records) == (list(enumerate(data)), None), way


def test_a_header_may_lie_anywhere_on_the_border_of_pieces(tmp_path, small_pieces):
    for first in range(50, 101):
        data = [bytes(first), b"second", b""]
        content = b"".join(map(framed, data))
        for way, records in ways(stored(tmp_path, content), content).items():
            assert outcome(records) == (list(enumerate(data)), None), (way, first)


@pytest.mark.thorough
def test_damage_has_the_error_of_the_reader_that_goes_record_by_record(tmp_path, small_pieces):
    content = b"".join(map(framed, some_records(3, 8, 90)))
    rng = np.random.default_rng(4)
    seen = set()
    for case in range(300):
        damaged = bytearray(content)
        if case % 2:
            damaged[rng.integers(len(content))] ^= 1 << rng.integers(8)
        damaged = bytes(damaged[: rng.integers(1, len(content))] if case % 3 else damaged)
        path = stored(tmp_path, damaged)
        expected = outcome(LocalFile(path).records())
        for way, records in ways(path, damaged).items():
            assert outcome(records) == expected, way
        seen.add(expected[1] and expected[1].split(": ")[1][:20])
    assert len(seen) >= 5, seen  # header damaged, header cut off, record cut off, data damaged, no TFRecord file, none


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", None),
        (b"Index,Name\n" * 90, "the file is not a TFRecord file, or its first header is damaged"),
        (b"short", "its header is cut off by the end of the file, at byte 5"),
        (
            b"\x0a\x08\x0a\x06\x0a\x01k\x12\x01" + bytes(300),
            "the file is not a TFRecord file, or its first header is damaged",
        ),
    ],
)
def test_files_of_other_kinds(tmp_path, small_pieces, content, reason):
    path = stored(tmp_path, content)
    for way, records in ways(path, content).items():
        _, message = outcome(records)
        assert (message is None) == (reason is None), way
        assert reason is None or message.endswith(reason), way


def test_a_file_of_one_record_without_framing(tmp_path, small_pieces):
    content = frame_level_record("a", [1], {"rgb": np.ones((3, 1024), np.uint8)})
    path = stored(tmp_path, content)
    expected = [(0, content)], None
    assert outcome(LocalFile(path).records()) == expected
    assert outcome(LocalFile(path).records(1)) == ([], None)
    assert outcome(PieceFile(path).records(1)) == ([], None)
    for way, records in ways(path, content).items():
        assert outcome(records) == expected, way


def test_a_header_that_claims_more_than_there_is_takes_no_memory(tmp_path):
    length = (2**40).to_bytes(8, "little")
    content = framed(b"first") + length + masked_checksum(length).to_bytes(4, "little") + b"abc"
    path = stored(tmp_path, content)
    tracemalloc.start()
    found = [outcome(records) for records in ways(path, content).values()]
    assert tracemalloc.get_traced_memory()[1] < 30e6
    tracemalloc.stop()
    assert found == [outcome(LocalFile(path).records())] * len(found)
    assert "should end at byte 1099511627813" in found[0][1]  # 21 bytes, 12, 2 ** 40, and 4


def test_reading_can_begin_later(tmp_path, small_pieces):
    data = some_records(5, 30, 70)
    content = b"".join(map(framed, data))
    path = stored(tmp_path, content)
    for first in (0, 1, 7, 29, 30, 99):
        expected = list(enumerate(data))[first:]
        assert outcome(PieceFile(path).records(first)) == (expected, None)
        assert outcome(records_of(chunks_of(content), path, None, first)) == (expected, None)


def test_records_stay_readable_in_any_order(tmp_path, small_pieces):
    data = some_records(6, 60, 70)
    records = list(PieceFile(stored(tmp_path, b"".join(map(framed, data)))).records())
    scratch = Scratch()
    for place in np.random.default_rng(7).permutation(60):
        assert records[place].read(scratch).tobytes() == data[place]
    views = [record.content.read(record.begin, record.size, scratch) for record in records]
    assert [view.tobytes() for view in views] == data


def test_memory_is_used_again(tmp_path):
    path = stored(tmp_path, framed(b"\x07" * 5000) * 2000)  # ten pieces

    def read() -> set[int]:
        return {record.content.memory.ctypes.data for record in PieceFile(path).records()}

    first = read()
    gc.collect(1)
    assert len(first) <= 3
    assert read() <= first | read()
    records = list(PieceFile(path).records())
    assert all((record.content.read(record.begin, 5000, Scratch()) == 7).all() for record in records)


def test_a_record_is_what_it_seems(tmp_path):
    (record,) = PieceFile(stored(tmp_path, framed(b"abc"))).records()
    assert type(record) is Record
    assert (record.index, record.begin, record.size) == (0, 12, 3)
    assert str(record.error("is odd")).endswith("some.tfrecord, record 0: is odd")
    assert google_crc32c.value(record.read(Scratch())) == google_crc32c.value(b"abc")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(RecordError, match=r"missing: cannot be read \(No such file or directory\)"):
        next(PieceFile(str(tmp_path / "missing")).records())
    with pytest.raises(RecordError, match="cannot be read"):
        next(PieceFile(str(tmp_path)).records())


def test_a_file_that_becomes_shorter(tmp_path, small_pieces):
    content = framed(bytes(50)) * 10
    path = stored(tmp_path, content)
    records = PieceFile(path).records()
    next(records)
    with open(path, "r+b") as file:
        file.truncate(150)
    with pytest.raises(RecordError, match="has become shorter while it was read"):
        list(records)
    with pytest.raises(RecordError, match="has become shorter while it was read"):
        list(records_of([content[:100]], path, len(content)))


def test_errors_of_chunks_pass_through():
    def chunks():
        yield framed(b"abc")
        raise RecordError("a.gz", None, "is damaged")

    records = records_of(chunks(), "a.gz", None)
    with pytest.raises(RecordError, match=r"a\.gz: is damaged"):
        list(records)
