"""Files that are complete or not there."""

import contextlib
import fcntl
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from yt8m.errors import InputError, say_no_json


def check_local(path: str | os.PathLike, what: str, shown: str | None = None) -> None:
    """Raises InputError for an address such as `gs://bucket/run`, which `Path` takes for a local directory named `gs:`.

    So it does for an empty path (a shell's variable that is not set), which `Path` takes for the current directory.

    Args:
        path: where something is, or is to be written.
        what: it is, for the message.
        shown: what the message calls the path; None = as it is.
    """
    if not os.fspath(path):
        raise InputError(f"the path of {what} is empty; name a place")
    if "://" in os.fspath(path):
        shown = shown or os.fspath(path)
        raise InputError(f"{shown}: {what} must be on a local disk (on a TPU VM, the host's); copy it to or from there")


class NewFile:
    """A file that appears under its name when its `with` block ends well, and leaves nothing behind when it does not.

    Args:
        path: where the file will be; one that is there already is replaced at the end, and directories that are missing are
            made. Entering the block raises InputError if it is a directory, or its directory cannot be made or written to.
        shown: what messages call it; None = its path.

    Attributes:
        temporary: the name under which it is written, for writers that want a path instead of `write`.
    """

    def __init__(self, path: str | os.PathLike, shown: str | os.PathLike | None = None):
        self._path = Path(os.path.realpath(path))  # the file behind a link is replaced, not the link
        self._given = os.fspath(path)
        self._shown = shown or self._path
        # Hidden, and with the same ending, by which some writers choose a format.
        self.temporary = self._path.parent / f".{os.getpid()}.tmp.{self._path.name}"
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
                self._made = _make_missing(self._path.parent)
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
            self.temporary.replace(self._path)
        except OSError as failure:
            raise self.unwritable(failure) from failure
        finally:
            self.temporary.unlink(missing_ok=True)
            remove_empty(self._made)

    def discard(self) -> None:
        """Forgets what was written."""
        with contextlib.suppress(OSError):  # closing writes what is still buffered, which may be what failed
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
        """What to raise when writing failed."""
        return InputError(
            f"{self._shown}: cannot be written ({error.strerror or error}); choose another place, or make room"
        )


def check_new(path: str | os.PathLike) -> None:
    """Raises InputError if something is there already, the place is not local, or a directory cannot be made there."""
    check_local(path, "the directory")
    if os.path.lexists(path):
        raise InputError(f"{os.fspath(path)}: exists; name a new directory")
    remove_empty(make_directory(path))


def check_room(path: str | os.PathLike, num_bytes: int, what: str, remedy: str) -> None:
    """Raises InputError if the file system has less room than what is to be written needs; for asking before the work.

    Args:
        path: where it is to be written, or will be.
        num_bytes: that it will need, beside what is there already.
        what: it is, as the beginning of a sentence: "the copies of 3 files".
        remedy: what helps beside making room.
    """
    wanted = Path(os.path.abspath(path))
    place = next(each for each in (wanted, *wanted.parents) if each.exists())
    free = shutil.disk_usage(place).free
    if num_bytes > free:
        raise InputError(
            f"{os.fspath(path)}: {what} need {bytes_in_words(num_bytes)}, and {bytes_in_words(free)} are free there; make room, "
            f"{remedy}"
        )


def bytes_in_words(num_bytes: int) -> str:
    """`1.5 MB` of 1500000."""
    unit, size = next(((name, size) for name, size in (("GB", 1e9), ("MB", 1e6)) if num_bytes >= size), ("kB", 1e3))
    return f"{num_bytes / size:,.1f} {unit}"


@contextlib.contextmanager
def new_directory(path: str | os.PathLike) -> Iterator[Path]:
    """A directory that appears under its name when the `with` block ends well, and leaves nothing behind when it does not.

    Args:
        path: where the directory will be; those above it are made.

    Yields:
        The directory under a temporary name, to write to.

    Raises:
        InputError: something is there already, the place is not local, or it cannot be written, in the block or around it.
    """
    check_new(path)
    given, final = os.fspath(path), Path(os.path.abspath(path))
    temporary = final.parent / f".{os.getpid()}.tmp.{final.name}"
    made = make_directory(final.parent)
    try:
        temporary.mkdir()
        yield temporary
        temporary.rename(final)
    except OSError as error:
        raise InputError(
            f"{given}: cannot be written ({error.strerror or error}); choose another place, or make room"
        ) from (error)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        remove_empty(made)


def remove_unfinished(directory: str | os.PathLike) -> None:
    """Removes what processes that were killed left of `NewFile`s and new directories in a directory and below it.

    Nobody else may be writing there.
    """
    for path in list(Path(directory).rglob(".*.tmp.*")):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)  # it may have gone with the directory around it


@contextlib.contextmanager
def locked(directory: str | os.PathLike, message: str) -> Iterator[None]:
    """Keeps a directory for this process; the system gives it back when the process ends, however it ends.

    Args:
        directory: that is there. Some network file systems have no locks; there it is nobody's.
        message: of the error.

    Raises:
        InputError: another process has it.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(message) from error
        yield
    finally:
        os.close(descriptor)


def check_destination(path: str | os.PathLike, shown: str | os.PathLike | None = None) -> None:
    """Raises InputError unless a file can be written there; for asking before the work rather than after it.

    Args:
        path: where the file will be; directories that are missing are not left behind.
        shown: what messages call it; None = its path.
    """
    NewFile(path, shown).__enter__().discard()


def refuse_inputs(path: str | os.PathLike, inputs: Iterable[str]) -> None:
    """Raises InputError if a file that is to be written is one of those that are read.

    Args:
        path: of the file that is to be written.
        inputs: paths of files; others than local ones are never it.
    """
    for each in inputs:
        with contextlib.suppress(OSError):  # one of them is not there
            if os.path.samefile(path, each):
                raise InputError(f"{os.fspath(path)}: is one of the files that are read; name another place")


def make_directory(path: str | os.PathLike) -> list[Path]:
    """Makes a directory and those above it.

    Returns:
        Those that were not there, the innermost first, as `remove_empty` takes them.

    Raises:
        InputError: it cannot be made, or the place is not local; nothing is left behind.
    """
    check_local(path, "the directory")
    try:
        return _make_missing(Path(path))
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: cannot be made ({error.strerror}); choose another place") from error


def _make_missing(directory: Path) -> list[Path]:
    missing = list(itertools.takewhile(lambda each: not each.exists(), (directory, *directory.parents)))
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        remove_empty(missing)
        raise
    return missing


def remove_empty(directories: Iterable[Path]) -> None:
    """Removes those of some directories that are empty, one after the other."""
    for directory in directories:
        with contextlib.suppress(OSError):
            directory.rmdir()


def write_json(path: str | os.PathLike, values: Any) -> None:
    """Writes a JSON file, whole or not at all. Raises InputError if it cannot be written."""
    with NewFile(path) as file:
        file.write(json.dumps(values, indent=2).encode() + b"\n")


def read_json(path: str | os.PathLike, object_of: Callable[[list[tuple[str, Any]]], Any] = dict) -> Any:
    """Reads a JSON file.

    Args:
        path: of the file.
        object_of: what an object becomes of its keys and values.

    Raises:
        InputError: it cannot be read or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=object_of)
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{os.fspath(path)}: {say_no_json(error)}") from error
