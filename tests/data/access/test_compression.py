"""Compressed files, recognised and decompressed; Python's own modules compress them here."""

import contextlib
import gzip
import itertools
import random
import zlib

import pytest

from yt8m.data.access.compression import CHUNK_BYTES, DamagedStream, compression_of, decompressed, plain_name
from yt8m.data.records import framed

CONTENT = b"".join(framed(random.Random(0).randbytes(size)) for size in (3, 70_000, 0, 1500))


def chunks_of(content: bytes, size: int) -> list[bytes]:
    return [content[begin : begin + size] for begin in range(0, len(content), size)]


def read(content: bytes, compression: str, size: int = 1000) -> tuple[bytes, str | None]:
    """What comes out before the end or the error, and the error's message."""
    parts = []
    try:
        for part in decompressed(chunks_of(content, size), compression):
            parts.append(part)
    except DamagedStream as error:
        return b"".join(parts), str(error)
    return b"".join(parts), None


def test_compression_is_told_from_the_first_bytes():
    assert compression_of(CONTENT[:4096]) is None
    assert compression_of(gzip.compress(CONTENT)[:4096]) == "gzip"
    for level, window in itertools.product((0, 1, 6, 9), (9, 15)):
        stream = zlib.compressobj(level, wbits=window)
        assert compression_of((stream.compress(CONTENT) + stream.flush())[:4096]) == "zlib"
    assert compression_of(zlib.compress(b"")) == "zlib", "of no records"
    for other in (b"", b"x", b"x^", b"HK,1\nXG,2\n", zlib.compress(b"no records" * 9), b"BZh91AY&SY", b"\x0a\x10" * 40):
        assert compression_of(other) is None


def test_a_header_is_never_mistaken_for_gzip():
    """A record of 0x8b1f bytes begins with the two bytes that gzip begins with."""
    content = framed(bytes(0x8B1F))
    assert content[:2] == gzip.compress(b"")[:2]
    assert compression_of(content[:4096]) is None


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_content_comes_out_whatever_the_chunks(size):
    assert read(gzip.compress(CONTENT), "gzip", size) == (CONTENT, None)
    assert read(zlib.compress(CONTENT), "zlib", size) == (CONTENT, None)
    members = b"".join(gzip.compress(part) for part in (b"", *chunks_of(CONTENT, 9000), b""))
    assert read(members, "gzip", size) == (CONTENT, None)
    assert read(members + bytes(600), "gzip", size) == (CONTENT, None), "filled up with zeros"
    assert read(b"", "gzip", size) == (b"", None)


def test_well_compressed_bytes_come_in_small_chunks():
    sizes = [len(each) for each in decompressed([gzip.compress(bytes(5 << 20))], "gzip")]
    assert (sum(sizes), max(sizes)) == (5 << 20, CHUNK_BYTES)


@pytest.mark.parametrize("length", [1, 9, 12, 500, -1, -8])
def test_a_file_that_is_cut_off(length):
    content = gzip.compress(CONTENT)[:length]
    found, problem = read(content, "gzip")
    assert problem == f"cannot be decompressed, as the gzip stream is cut off at byte {len(content)} of the file"
    stream = zlib.decompressobj(31)
    assert found == stream.decompress(content) + stream.flush(), "all that is there comes out"


def test_a_damaged_file_gives_all_before_the_damage():
    content = bytearray(gzip.compress(CONTENT, mtime=0))
    content[-8] ^= 1
    reason = "cannot be decompressed, as the gzip stream is damaged (incorrect data check)"
    assert read(bytes(content), "gzip") == (CONTENT, reason)
    good = gzip.compress(CONTENT)
    found, problem = read(good + b"no gzip", "gzip")
    assert (found, problem) == (
        CONTENT,
        "cannot be decompressed, as the gzip stream is damaged (incorrect header check)",
    )


def test_bytes_before_damage_are_those_that_a_decompressor_gets_byte_by_byte():
    text = bytes(random.Random(1).choices(b"abcdef", k=200_000))
    content = bytearray(zlib.compress(text))
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(40)
    stream, expected = zlib.decompressobj(), []
    with contextlib.suppress(zlib.error):
        for byte in content:
            expected.append(stream.decompress(bytes([byte])))
    found, problem = read(bytes(content), "zlib", 1 << 20)
    assert problem.startswith("cannot be decompressed, as the zlib stream is damaged (")
    assert found == b"".join(expected)
    assert len(found) > 50_000


def test_names():
    assert plain_name("a/train0000.tfrecord.gz") == plain_name("a/train0000.tfrecord") == "a/train0000.tfrecord"
    assert plain_name("a.tfrecord.zlib") == "a.tfrecord"
