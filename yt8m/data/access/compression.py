"""Files of records that are compressed as a whole: with gzip, or with zlib, as TensorFlow's writer can compress them."""

import contextlib
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from yt8m.data.access.framing import HEADER_BYTES, is_header

Compression = Literal["gzip", "zlib"]

ENDINGS = (".gz", ".gzip", ".zlib")
"""What names of compressed files have after `.tfrecord`. Their first bytes tell what they are, whatever the name."""
BEGINNING_BYTES = 4096
"""Enough of a file to tell how it is compressed."""
CHUNK_BYTES = 1 << 20
"""Most decompressed bytes at a time, however well they were compressed."""

_GZIP_MAGIC = b"\x1f\x8b"
_WINDOW_BITS = {"gzip": zlib.MAX_WBITS + 16, "zlib": zlib.MAX_WBITS}


class DamagedStream(Exception):
    """A compressed file cannot be decompressed to its end. The message is a clause without a full stop."""


def plain_name(path: str) -> str:
    """A path without the ending of a compressed file."""
    return next((path.removesuffix(ending) for ending in ENDINGS if path.endswith(ending)), path)


def compression_of(beginning: bytes) -> Compression | None:
    """Tells how a file is compressed; None if it is not.

    A header of a record is never mistaken, because it has a checksum. Few bytes tell zlib, so there its content must begin
    with a header, too.

    Args:
        beginning: the first `BEGINNING_BYTES` of the file, or all if it has fewer.
    """
    if is_header(beginning[:HEADER_BYTES]):
        return None
    if beginning.startswith(_GZIP_MAGIC):
        return "gzip"
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(beginning, HEADER_BYTES)
    except zlib.error:
        return None
    return "zlib" if is_header(content) or (stream.eof and not content) else None


def decompressed(chunks: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """Decompresses a file, which may be several compressed files one after the other.

    Args:
        chunks: the bytes of the file, in chunks of any sizes.
        compression: how it is compressed.

    Yields:
        Chunks of at most `CHUNK_BYTES`. Before an error, all bytes come that could be decompressed.

    Raises:
        DamagedStream: the file is cut off or damaged.
    """
    stream: Any = None
    num_read = num_streams = 0
    for chunk in chunks:
        num_read += len(chunk)
        data = bytes(chunk)
        while data:
            if stream is None:
                data = data.lstrip(b"\0") if num_streams else data  # tapes and some archivers fill up with zeros
                if not data:
                    break
                stream, num_streams = zlib.decompressobj(_WINDOW_BITS[compression]), num_streams + 1
            before = stream.copy()
            try:
                content = stream.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                yield from filter(None, _up_to_damage(before, data))
                reason = str(error).split(": ", 1)[-1]
                raise DamagedStream(
                    f"cannot be decompressed, as the {compression} stream is damaged ({reason})"
                ) from error
            if content:
                yield content
            data, stream = (stream.unused_data, None) if stream.eof else (stream.unconsumed_tail, stream)
    if stream is not None:
        if rest := stream.flush():
            yield rest
        raise DamagedStream(
            f"cannot be decompressed, as the {compression} stream is cut off at byte {num_read} of the file"
        )


def _up_to_damage(stream: Any, data: bytes) -> Iterator[bytes]:
    """The bytes before damaged ones, which one call with all data would lose: decompressed in ever smaller steps."""
    for step in (1 << 16, 1 << 10):
        while True:
            before = stream.copy()
            try:
                content = stream.decompress(data, step)
            except zlib.error:
                stream = before
                break
            if not content:
                return
            yield content
            data = stream.unconsumed_tail
    with contextlib.suppress(zlib.error):
        for place in range(len(data)):
            yield stream.decompress(data[place : place + 1])
