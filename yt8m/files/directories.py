"""Makes, locks and removes directories."""

import contextlib
import fcntl
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from yt8m.errors import InputError
from yt8m.files.checking import check_local


@contextlib.contextmanager
def locked(directory: str | os.PathLike, message: str) -> Iterator[None]:
    """Locks a directory during the block. The system unlocks it if the process is killed.

    Args:
        directory: an existing one. Some network file systems have no locks; there, other processes get in.
        message: the error for another process.

    Raises:
        InputError: another process holds the lock.
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


def make_directory(path: str | os.PathLike) -> list[Path]:
    """Makes a directory and its missing parents.

    Returns:
        The new directories, innermost first, for `remove_empty`.

    Raises:
        InputError: it cannot be made, or is not local; nothing is left behind.
    """
    check_local(path, "the directory")
    try:
        return make_missing(Path(path))
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: cannot be made ({error.strerror}); choose another place") from error


def make_missing(directory: Path) -> list[Path]:
    """Like `make_directory`, but raises OSError."""
    missing = list(itertools.takewhile(lambda each: not each.exists(), (directory, *directory.parents)))
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        remove_empty(missing)
        raise
    return missing


def remove_empty(directories: Iterable[Path]) -> None:
    """Removes each directory that is empty, in order."""
    for directory in directories:
        with contextlib.suppress(OSError):
            directory.rmdir()


def check_new(path: str | os.PathLike) -> None:
    """Raises InputError if the path exists, is not local, or cannot become a directory."""
    check_local(path, "the directory")
    if os.path.lexists(path):
        raise InputError(f"{os.fspath(path)}: exists; name a new directory")
    remove_empty(make_directory(path))
