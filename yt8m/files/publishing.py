"""Files and directories that are complete or absent: each is written under a hidden name and renamed by `publish`."""

import contextlib
import os
import re
import secrets
import shutil
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from yt8m.errors import InputError
from yt8m.files.checking import check_local
from yt8m.files.directories import check_new, locked, make_directory, make_missing, remove_empty

_INCOMPLETE = ".incomplete"


_MOST_LETTERS_OF_HOST = 24
_MOST_LETTERS_OF_NAME = 180
"""File systems allow 255 bytes in a name."""
_TOKEN = secrets.token_hex(4)


def _hidden_name(final: Path) -> Path:
    """A name of this process's own beside the final one, with the same ending: some writers choose a format by it.

    Containers that share a disk may all be process 1 of a host of the same name, so a random part is in it.
    """
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:_MOST_LETTERS_OF_HOST]
    name = os.fsdecode(os.fsencode(final.name)[-_MOST_LETTERS_OF_NAME:])
    return final.parent / f".{host}-{os.getpid()}-{_TOKEN}.tmp.{name}"


def unwritable(shown: str | os.PathLike, error: OSError) -> InputError:
    """The error to raise when a file or directory could not be written."""
    return InputError(
        f"{os.fspath(shown)}: cannot be written ({error.strerror or error}); choose another place, or make room"
    )


def publish(hidden: Path, final: Path, failed: Callable[[OSError], InputError]) -> None:
    """Gives a complete file or directory its final name. It replaces a file or an empty directory of that name.

    `failed` makes the InputError to raise if the system refuses.
    """
    try:
        os.replace(hidden, final)
    except OSError as error:
        raise failed(error) from error


class NewFile:
    """A file that appears when its `with` block ends well. A block that fails leaves nothing behind.

    Args:
        path: where the file will be. An existing file is replaced at the end; missing directories are made. Entering the
            block raises InputError if `path` is a directory, or its directory cannot be made or written to.
        shown: the path in messages; None = `path`.

    Attributes:
        temporary: the path until then, for writers that want a path instead of `write`.
    """

    def __init__(self, path: str | os.PathLike, shown: str | os.PathLike | None = None):
        self._path = Path(os.path.realpath(path))  # replaces the file behind a link, not the link
        self._given = os.fspath(path)
        self._shown = shown or self._path
        self.temporary = _hidden_name(self._path)
        self._stream: BinaryIO
        self._made: list[Path] = []

    def __enter__(self) -> "NewFile":
        if self._given == "-":
            raise InputError("-: the file cannot be written to standard output; name a file (./- for one of this name)")
        check_local(self._given, "the file")
        if self._path.is_dir():
            raise InputError(f"{self._shown}: this is a directory; name a file in it")
        if self._path.exists() and not self._path.is_file():
            raise InputError(f"{self._shown}: cannot be written (it is a device, not a file); name a file")
        try:
            if not self._path.parent.exists():
                self._made = make_missing(self._path.parent)
            self._stream = open(self.temporary, "wb")  # closed by __exit__
        except OSError as error:
            remove_empty(self._made)
            raise self.unwritable(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()
            return
        try:
            self._stream.close()
            publish(self.temporary, self._path, self.unwritable)
        except OSError as failure:  # of the last write
            raise self.unwritable(failure) from failure
        finally:
            self.temporary.unlink(missing_ok=True)
            remove_empty(self._made)

    def discard(self) -> None:
        """Removes what was written."""
        with contextlib.suppress(OSError):  # closing writes the buffer, which may be what failed
            self._stream.close()
        self.temporary.unlink(missing_ok=True)
        remove_empty(self._made)

    def write(self, content: bytes) -> None:
        """Appends. Raises InputError if the disk is full or fails."""
        try:
            self._stream.write(content)
        except OSError as error:
            raise self.unwritable(error) from error

    def unwritable(self, error: OSError) -> InputError:
        """The error to raise when writing failed."""
        return unwritable(self._shown, error)


@contextlib.contextmanager
def hidden_directory(path: Path, busy: str, keep: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Makes a directory for unfinished files and keeps other processes out during the block, which publishes them.

    Args:
        path: the directory. It may hold files of a killed process.
        busy: the message for a second process.
        keep: called after an error, or Ctrl-C. Unless it returns true, the directory and new parents are removed.

    Raises:
        InputError: it cannot be made, or another process uses it.
    """
    made = make_directory(path)
    with locked(path, busy):
        try:
            yield
        except BaseException:
            if not keep():
                shutil.rmtree(path, ignore_errors=True)
                remove_empty(made)
            raise


@contextlib.contextmanager
def new_directory(path: str | os.PathLike) -> Iterator[Path]:
    """A directory that appears when the `with` block ends well. A block that fails leaves nothing behind.

    Args:
        path: where the directory will be; missing parents are made. The block writes to the path that it gets.

    Raises:
        InputError: `path` exists, is not local, or cannot be written; any OSError of the block counts as that.
    """
    check_new(path)
    given, final = os.fspath(path), Path(os.path.abspath(path))
    temporary = _hidden_name(final)
    try:
        with hidden_directory(temporary, f"{given}: is being written already; wait for that, or name another place"):
            yield temporary
            publish(temporary, final, lambda error: unwritable(given, error))
    except OSError as error:
        raise unwritable(given, error) from error


@contextlib.contextmanager
def new_contents(directory: str | os.PathLike, command: str) -> Iterator[Path]:
    """Fills a directory when the `with` block ends well. A block that fails leaves it as it was.

    The directory may be a mount point or the current one: files are written to a hidden directory inside it.

    Args:
        directory: missing or empty. The block writes to the path that it gets; everything there moves at the end.
        command: the command that writes it, for the message to a second process.

    Raises:
        InputError: `directory` holds something, cannot be written, or another process is filling it.
    """
    check_empty(directory)
    final, hidden = Path(directory), Path(directory, _INCOMPLETE)
    with hidden_directory(hidden, f"{final}: another {command} is writing it; wait for it, or name another place"):
        check_empty(final)  # another process may have filled it before the lock
        remove_all(hidden.iterdir())
        yield hidden
        names = sorted(each.name for each in hidden.iterdir())
        try:
            for name in names:
                publish(hidden / name, final / name, lambda error: unwritable(final, error))
            hidden.rmdir()
        except BaseException:
            remove_all(final / name for name in names)
            raise


def remove_all(paths: Iterable[Path]) -> None:
    """Removes files, links and whole directories; missing ones do not matter."""
    for path in list(paths):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def remove_unfinished(directory: str | os.PathLike) -> None:
    """Removes unfinished files of killed processes in a directory and below it. Nobody else may be writing there."""
    remove_all(Path(directory).rglob(".*.tmp.*"))


def check_empty(directory: str | os.PathLike) -> None:
    """Raises InputError unless a directory is missing or empty; what a killed `new_contents` left does not count."""
    path = Path(directory)
    if path.exists() and (not path.is_dir() or any(each.name != _INCOMPLETE for each in path.iterdir())):
        raise InputError(f"{os.fspath(directory)} is not an empty directory; name another, or remove it first")


def check_destination(path: str | os.PathLike, shown: str | os.PathLike | None = None) -> None:
    """Raises InputError unless a file can be written. Ask before the work. It leaves no directory behind.

    Args:
        path: where the file will be.
        shown: the path in messages; None = `path`.
    """
    NewFile(path, shown).__enter__().discard()
