"""Downloads one file, and resumes after a failed attempt or a killed process."""

import contextlib
import errno
import fcntl
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yt8m.data.access.client import Client, extent, is_beyond
from yt8m.data.access.retries import Broken
from yt8m.errors import InputError
from yt8m.files import publish

PARTIAL_SUFFIX = ".part"

_BLOCK_BYTES = 2**20


class Wrong(Exception):
    """The server's file differs from what it should be."""


def partial_path(path: Path) -> Path:
    """The path of an incomplete file."""
    return path.with_name(path.name + PARTIAL_SUFFIX)


def file_md5(path: Path, advance: Callable[[int], None] = lambda count: None) -> str:
    """The md5 of a file, in hexadecimal.

    Args:
        path: the file.
        advance: called with the number of bytes of each block.
    """
    return _digest(path, advance).hexdigest()


def _digest(path: Path, advance: Callable[[int], None] = lambda count: None, algorithm: str = "md5") -> Any:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
            advance(len(block))
    return digest


class Partial:
    """The first bytes of a file, under another name. They survive a killed process.

    Args:
        path: the name of the complete file. Entering the `with` block raises InputError if another process is downloading
            the file, or it cannot be written.
        algorithm: of the digest, as `hashlib` calls it.

    Attributes:
        size: number of bytes so far.
    """

    def __init__(self, path: Path, algorithm: str = "md5"):
        self._final, self._path, self._algorithm = path, partial_path(path), algorithm
        self.size = 0

    def __enter__(self) -> "Partial":
        try:
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._lock()
            self._digest = _digest(self._path, algorithm=self._algorithm)
            self.size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            self._file.close()
            raise self._unwritable(error) from error
        except InputError:
            self._file.close()
            raise
        return self

    def __exit__(self, *_) -> None:
        # Removed while it is locked, so that no other process has it.
        if self.size == 0 and self._path.exists():
            self._path.unlink()
        self._file.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise InputError(
                    f"{self._final}: another process is downloading this file; wait for it, or choose another part"
                ) from error
            # Some network file systems have no locks.

    @property
    def digest(self) -> str:
        """The digest of the bytes so far, in hexadecimal."""
        return self._digest.hexdigest()

    def write(self, content: bytes | memoryview) -> None:
        """Appends. Raises InputError if the disk is full or fails."""
        try:
            _write_all(self._file, content)
        except OSError as error:
            raise self._unwritable(error) from error
        self._digest.update(content)
        self.size += len(content)

    def clear(self) -> None:
        """Removes all bytes."""
        self._file.truncate(0)
        self._digest = hashlib.new(self._algorithm, usedforsecurity=False)
        self.size = 0

    def finish(self) -> None:
        """Gives the file its name."""
        publish(self._path, self._final, self._unwritable)

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(
            f"{self._path}: cannot be written ({error.strerror}); make room or choose another --out; "
            "the same command resumes"
        )


def _write_all(file: io.FileIO, content: bytes | memoryview) -> None:
    rest = memoryview(content)
    while rest:  # a disk that is nearly full may take only a part
        rest = rest[file.write(rest) :]


def fetch(
    client: Client,
    url: str,
    path: Path,
    expected: str | None,
    advance: Callable[[int], None],
    algorithm: str = "md5",
) -> str:
    """Downloads a file. It appears under its name when it is complete and its digest is right.

    Args:
        client: makes the requests.
        url: the address of the file.
        path: the new file, in an existing directory.
        expected: the right digest, in hexadecimal; None = nobody knows it, and any complete file is right.
        advance: called with the number of bytes that came. A negative number takes bytes back that must come again.
        algorithm: of the digest, as `hashlib` calls it.

    Returns:
        The digest of the file.

    Raises:
        Refused, Unreachable, Stopped: the download failed. The bytes so far are kept.
        Wrong: the digest was wrong twice.
        InputError: the file cannot be written.
    """
    with Partial(path, algorithm) as partial:
        for _ in range(2):
            if partial.digest != expected:  # else all bytes came before
                client.persist(lambda: _receive(client, url, partial, advance), lambda: partial.size)
            found = partial.digest
            if expected in (None, found):
                partial.finish()
                return found
            advance(-partial.size)
            partial.clear()
    raise Wrong(f"its {algorithm} is {found} and should be {expected}, also after a second download")


def _receive(client: Client, url: str, partial: Partial, advance: Callable[[int], None]) -> None:
    with client.get(url, partial.size) as response:
        if is_beyond(response):
            return
        found = extent(response, partial.size)
        position = found.start
        for chunk in client.chunks(response):
            # A server that ignores ranges sends all bytes again.
            new = memoryview(chunk)[max(0, partial.size - position) :]
            position += len(chunk)
            if new:
                partial.write(new)
                advance(len(new))
    if found.end is not None and position < found.end:
        raise Broken("the connection was closed early")


class CheckedFiles:
    """Remembers the files with the right md5, so that a later run need not read a terabyte again.

    A file that changed since has another size or time and counts as unchecked. The list is a hidden file, to which every
    process appends lines.

    Args:
        directory: the directory of the files; it need not exist.
    """

    def __init__(self, directory: Path):
        self._path = directory / ".checked.md5"
        self._known: set[tuple[str, ...]] = set()
        with contextlib.suppress(OSError):
            text = self._path.read_text(errors="replace")
            self._known = {tuple(line.split(" ")) for line in text.splitlines()}

    def __contains__(self, file: tuple[Path, str]) -> bool:
        """Whether a file was checked, given as (path, md5)."""
        with contextlib.suppress(OSError):
            return self._line(*file) in self._known
        return False

    def add(self, path: Path, md5: str) -> None:
        """Notes that a file's md5 was right. If that cannot be written, the file is read again next time."""
        with contextlib.suppress(OSError):
            line = self._line(path, md5)
            self._known.add(line)
            with self._path.open("ab", buffering=0) as file:  # one write per line: threads and processes share the file
                file.write(" ".join(line).encode() + b"\n")

    def _line(self, path: Path, md5: str) -> tuple[str, ...]:
        status = path.stat()
        return (md5, str(status.st_size), str(status.st_mtime_ns), path.name)
