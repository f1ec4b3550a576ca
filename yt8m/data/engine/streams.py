"""The bytes of files that are compressed, or lie behind a network, as chunks in the order of the file, read ahead in threads."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from yt8m.data.access import web
from yt8m.data.access.compression import BEGINNING_BYTES, CHUNK_BYTES, compression_of, decompressed
from yt8m.data.access.file_access import is_remote
from yt8m.data.engine.ahead import RANGES_AT_ONCE, chunks_ahead, ranges_ahead
from yt8m.errors import RecordError

_READ_BYTES = 1 << 20


class Chunks(NamedTuple):
    """The chunks of a file."""

    each: Iterator[bytes]
    """Raises DamagedStream after the last readable bytes of a damaged compressed file; RecordError if the file cannot be read."""
    num_bytes: int | None
    """Bytes of all chunks; None = unknown."""
    close: Callable[[], None]
    """Ends the threads that read ahead."""


def open_chunks(path: str) -> Chunks:
    """Opens a file: its content, if it is compressed.

    Raises:
        RecordError, InputError: it cannot be opened.
    """
    stored = _open_remote(path) if is_remote(path) else _open_local(path)
    try:
        beginning, chunks = _look_at_beginning(stored.each)
    except BaseException:
        stored.close()
        raise
    compression = compression_of(beginning)
    if compression is None:
        return Chunks(chunks, stored.num_bytes, stored.close)
    ahead = chunks_ahead(decompressed(chunks, compression), stored.close, chunk_bytes=2 * CHUNK_BYTES)
    return Chunks(ahead, None, ahead.close)


def _look_at_beginning(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first `BEGINNING_BYTES`, or all if there are fewer, and all chunks."""
    first: list[bytes] = []
    while sum(map(len, first)) < BEGINNING_BYTES and (chunk := next(chunks, None)) is not None:
        first.append(chunk)
    return b"".join(first)[:BEGINNING_BYTES], itertools.chain(first, chunks)


def _open_local(path: str) -> Chunks:
    return Chunks(_local_chunks(path), None, lambda: None)


def _local_chunks(path: str) -> Iterator[bytes]:
    try:
        with open(path, "rb", buffering=0) as file:
            while chunk := file.read(_READ_BYTES):
                yield chunk
    except OSError as error:
        raise RecordError(path, None, f"cannot be read ({error.strerror or error})") from error


def _open_remote(path: str) -> Chunks:
    reader: Any
    if web.is_web(path):
        from yt8m.data.access.web_reading import WebReader

        reader = WebReader(path, RANGES_AT_ONCE)
    else:
        from yt8m.data.access.gfile_reading import GfileReader

        reader = GfileReader(path)
    if reader.in_parts:
        ahead = ranges_ahead(reader.part, reader.num_bytes, reader.close)
    else:
        ahead = chunks_ahead(reader.chunks(), reader.close)
    return Chunks(ahead, reader.num_bytes, ahead.close)
