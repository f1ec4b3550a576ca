"""The bytes of files that are compressed, or lie behind a network, as chunks in the order of the file, read ahead in threads."""

import functools
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from yt8m.data import web
from yt8m.data.compression import BEGINNING_BYTES, CHUNK_BYTES, Compression, compression_of, decompressed
from yt8m.data.engine.ahead import RANGES_AT_ONCE, chunks_ahead, ranges_ahead
from yt8m.data.file_access import is_remote
from yt8m.data.retries import Broken, Persistence, Refused, Unreachable
from yt8m.errors import RecordError

_READ_AHEAD_THEMSELVES = ("gs",)
"""Schemes of which TensorFlow reads 64 MB ahead for every open file. Parts at once would fetch most bytes several times."""
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
    ahead = chunks_ahead(_content(chunks, compression), stored.close, chunk_bytes=2 * CHUNK_BYTES)
    return Chunks(ahead, None, ahead.close)


def _look_at_beginning(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first `BEGINNING_BYTES`, or all if there are fewer, and all chunks."""
    first: list[bytes] = []
    while sum(map(len, first)) < BEGINNING_BYTES and (chunk := next(chunks, None)) is not None:
        first.append(chunk)
    return b"".join(first)[:BEGINNING_BYTES], itertools.chain(first, chunks)


def _content(chunks: Iterator[bytes], compression: Compression) -> Iterator[bytes]:
    yield from decompressed(chunks, compression)


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
        from yt8m.data.web_reading import WebReader

        reader = WebReader(path, RANGES_AT_ONCE)
    else:
        reader = GfileReader(path)
    if reader.in_parts:
        ahead = ranges_ahead(reader.part, reader.num_bytes, reader.close)
    else:
        ahead = chunks_ahead(reader.chunks(), reader.close)
    return Chunks(ahead, reader.num_bytes, ahead.close)


class GfileReader:
    """Reads a file by TensorFlow's file systems. Methods and attributes: see `yt8m.data.web_reading.WebReader`."""

    def __init__(self, path: str):
        import tensorflow as tf

        from yt8m.data.sources import prepare_file_systems, scheme
        from yt8m.data.web_reading import PATIENCE

        self._path, self._gfile, self._errors = path, tf.io.gfile, tf.errors
        self._stopping = threading.Event()
        self._persistence = Persistence(PATIENCE, self._stopping)
        self._of_thread = threading.local()
        prepare_file_systems([path])
        self.in_parts = scheme(path) not in _READ_AHEAD_THEMSELVES
        self.num_bytes = self._persist(lambda: tf.io.gfile.stat(path).length)

    def close(self) -> None:
        """Ends all reading."""
        self._stopping.set()

    def part(self, begin: int, end: int) -> bytes:
        """The bytes from `begin` to `end`, the latter excluded."""
        return self._persist(functools.partial(self._read, begin, end))

    def chunks(self) -> Iterator[bytes]:
        """All bytes."""
        for begin in range(0, self.num_bytes, _READ_BYTES):
            yield self.part(begin, min(begin + _READ_BYTES, self.num_bytes))

    def _read(self, begin: int, end: int) -> bytes:
        if not hasattr(self._of_thread, "file"):  # one file has one position
            self._of_thread.file = self._gfile.GFile(self._path, "rb")
        file = self._of_thread.file
        if file.tell() != begin:
            file.seek(begin)
        content = file.read(end - begin)
        if len(content) < end - begin:
            raise Refused("it has become shorter while it was read; start again")
        return content

    def _persist(self, read: Callable[[], Any]) -> Any:
        transient = (self._errors.UnavailableError, self._errors.DeadlineExceededError, self._errors.AbortedError)

        def attempt() -> Any:
            try:
                return read()
            except transient as error:
                self._of_thread.__dict__.pop("file", None)
                raise Broken(self._describe(error)) from error
            except (OSError, self._errors.OpError) as error:
                raise Refused(self._describe(error)) from error

        try:
            return self._persistence.persist(attempt)
        except (Refused, Unreachable) as error:
            raise RecordError(self._path, None, f"cannot be read ({error})") from error

    def _describe(self, error: Exception) -> str:
        from yt8m.data.sources import describe_error

        return describe_error(error)
