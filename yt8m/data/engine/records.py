"""Where records lie, and how their bytes are had: in a local file, or in memory."""

import functools
import os
import struct
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np

from yt8m.data import bare
from yt8m.data.access.file_access import open_file
from yt8m.data.access.framing import FOOTER_BYTES, HEADER_BYTES, framed, is_header, masked_checksum
from yt8m.data.engine.memory import Scratch
from yt8m.data.records import RawRecord, read_record
from yt8m.errors import RecordError

try:
    import resource
except ImportError:  # Windows
    resource = None

_MOST_OPEN_FILES = 64
_SHARE_OF_DESCRIPTORS = 4
"""At most every fourth file descriptor of the process is for records: some systems allow few."""


class Content(Protocol):
    """Bytes that hold framed records."""

    def read(self, begin: int, size: int, scratch: Scratch) -> np.ndarray:
        """Bytes from `begin` on, uint8 [size]. They are valid until the next read with the same scratch."""

    def detached(self, begin: int, size: int) -> tuple["Content", int]:
        """Content that holds these bytes and keeps no others in memory, and the byte of it at which they begin."""


class Record(NamedTuple):
    """A record that was found, but not read yet."""

    path: str
    """Its file."""
    index: int
    """Its position in the file, counted from 0."""
    content: Content
    begin: int
    """The byte of the content at which its data begin."""
    size: int
    """Bytes of its data."""

    def read(self, scratch: Scratch) -> np.ndarray:
        """Its data, uint8 [size]: valid until the next read with this scratch.

        Raises:
            RecordError: the data do not match their checksum, or cannot be read.
        """
        framed = self.content.read(self.begin, self.size + FOOTER_BYTES, scratch)
        data = framed[: self.size]
        if masked_checksum(data) != int.from_bytes(framed[self.size :].tobytes(), "little"):
            raise RecordError(self.path, self.index, "its data do not match their checksum")
        return data

    def detached(self) -> "Record":
        """The same record, which keeps no other bytes in memory than its own: for one that is kept while others go."""
        content, begin = self.content.detached(self.begin, self.size + FOOTER_BYTES)
        return Record(self.path, self.index, content, begin, self.size)

    def error(self, problem: str) -> RecordError:
        """The error that names this record."""
        return RecordError(self.path, self.index, problem)


class _Handle:
    """An open file, closed when nothing refers to it any more: another thread may still be reading."""

    def __init__(self, path: str):
        self.descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def __del__(self):
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)


_opened: deque["weakref.ref[LocalFile]"] = deque()
"""Files with a handle, the one opened first in front."""
_opening = threading.Lock()


def _begin_anew() -> None:
    """A forked process has none of the threads that would release the lock."""
    global _opening
    _opening = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def allowed_descriptors() -> int:
    """File descriptors that this process may have."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if resource else -1
    return allowed if allowed >= 0 else 1 << 20


def _most_open_files() -> int:
    return min(_MOST_OPEN_FILES, allowed_descriptors() // _SHARE_OF_DESCRIPTORS)


class LocalFile:
    """A local file, read record by record where it lies.

    Reading into memory that is used again is as fast as a map of the file. And if the file is cut while it is read, a map
    would end the process.
    """

    def __init__(self, path: str):
        self.path = path
        self._handle: _Handle | None = None
        self._identity: tuple[int, ...] | None = None

    def __reduce__(self):
        """For another process: the same file, which must not have changed."""
        return _file_of, (self.path, self._identity)

    def _open(self) -> _Handle:
        """The open file. Only the files opened last stay open, as a shuffle buffer may hold records of very many."""
        handle = self._handle
        if handle is None:
            handle = _Handle(self.path)
            status = os.fstat(handle.descriptor)
            identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            if self._identity not in (None, identity):
                raise RecordError(self.path, None, "was changed while it was read")
            self._identity = identity
            most = _most_open_files()
            with _opening:
                self._handle = handle
                _opened.append(weakref.ref(self))
                while len(_opened) > most:
                    if first := _opened.popleft()():
                        first._handle = None
        return handle

    def read(self, begin: int, size: int, scratch: Scratch) -> np.ndarray:
        """See `Content`. Raises RecordError if the file has become shorter or cannot be read."""
        memory = scratch.first(size)
        try:
            handle = self._open()  # held, because another thread may open so many files that this one is let go
            num_read = os.preadv(handle.descriptor, [memory], begin)
        except OSError as error:
            raise RecordError(self.path, None, f"cannot be read ({error.strerror or error})") from error
        if num_read < size:
            raise RecordError(self.path, None, "has become shorter while it was read")
        return memory

    def detached(self, begin: int, size: int) -> tuple["LocalFile", int]:
        """See `Content`. A file keeps nothing in memory."""
        return self, begin

    def records(self, first: int = 0) -> Iterator[Record]:
        """Goes from header to header, and gives the records from the `first`-th on.

        Raises:
            RecordError: a header is damaged or cut off, or a record is cut off.
        """
        return self._walk(0, 0, first)

    def records_from(self, index: int, offset: int) -> Iterator[Record]:
        """Gives the records from a known place on.

        Args:
            index: the number of the first of these records.
            offset: the byte of the file at which its header begins.

        Raises:
            RecordError: see `records`.
        """
        return self._walk(offset, index, index)

    def _walk(self, offset: int, index: int, first: int) -> Iterator[Record]:
        try:
            handle = self._open()
            size = os.fstat(handle.descriptor).st_size
            while offset < size:
                handle = handle or self._open()
                header = os.pread(handle.descriptor, HEADER_BYTES, offset)
                handle = None  # not held between records, of which others may be read in turns from very many files
                begin = offset + HEADER_BYTES
                length = struct.unpack_from("<Q", header)[0] if is_header(header) else size
                offset = begin + length + FOOTER_BYTES
                if offset > size:
                    if index == 0 and bare.may_be_bare(header, size) and (record := BareFile(self.path).record()):
                        yield from [record][first:]
                        return
                    raise self._broken(index, begin - HEADER_BYTES, size)
                if index >= first:
                    yield Record(self.path, index, self, begin, length)
                index += 1
        except OSError as error:
            raise RecordError(self.path, None, f"cannot be read ({error.strerror or error})") from error

    def _broken(self, index: int, offset: int, size: int) -> RecordError:
        with open_file(self.path) as file:
            file.seek(offset)
            problem = read_record(file, offset, size).problem or "cannot be read"
        return RawRecord(index, offset, b"", problem).as_error(self.path)


@functools.lru_cache(maxsize=1024)
def _file_of(path: str, identity: tuple[int, ...] | None) -> LocalFile:
    """The same object for the same file, so that a process opens it once and not for each batch."""
    file = LocalFile(path)
    file._identity = identity
    return file


class BareFile:
    """A local file that holds one record and nothing else (`yt8m.data.bare`), as a `Content`."""

    def __init__(self, path: str):
        self.path = path

    def _content(self) -> bytes:
        with open_file(self.path) as file:
            return file.read()

    def record(self) -> Record | None:
        """Its record; None if it is no such file. Raises OSError if it cannot be read."""
        content = self._content()
        return Record(self.path, 0, self, HEADER_BYTES, len(content)) if bare.as_framed(content) else None

    def read(self, begin: int, size: int, scratch: Scratch) -> np.ndarray:
        """See `Content`. Raises RecordError if the file has changed or cannot be read."""
        try:
            content = framed(self._content())
        except OSError as error:
            raise RecordError(self.path, None, f"cannot be read ({error.strerror or error})") from error
        if begin + size > len(content):
            raise RecordError(self.path, None, "was changed while it was read")
        return np.frombuffer(content, np.uint8, size, begin)

    def detached(self, begin: int, size: int) -> tuple["BareFile", int]:
        """See `Content`. A file keeps nothing in memory."""
        return self, begin
