"""Files that are complete or not there."""

import contextlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from yt8m.errors import InputError


class NewFile:
    """A file that appears under its name when its `with` block ends well, and leaves nothing behind when it does not.

    Args:
        path: where the file will be; one that is there already is replaced at the end. Entering the block raises
            InputError if it is a directory, or its directory is missing or cannot be written to.
        shown: what messages call it; None = its path.

    Attributes:
        temporary: the name under which it is written, for writers that want a path instead of `write`.
    """

    def __init__(self, path: str | os.PathLike, shown: str | os.PathLike | None = None):
        self._path = Path(os.path.realpath(path))  # the file behind a link is replaced, not the link
        self._is_dash = os.fspath(path) == "-"
        self._shown = shown or self._path
        # Hidden, and with the same ending, by which some writers choose a format.
        self.temporary = self._path.parent / f".{os.getpid()}.tmp.{self._path.name}"
        self._stream: BinaryIO

    def __enter__(self) -> "NewFile":
        if self._is_dash:
            raise InputError("-: the file cannot be written to standard output; name a file (./- for one of this name)")
        if self._path.is_dir():
            raise InputError(f"{self._shown}: this is a directory; name a file in it")
        if self._path.exists() and not self._path.is_file():
            raise InputError(f"{self._shown}: cannot be written (it is a device, not a file); name a file")
        try:
            self._stream = open(self.temporary, "wb")  # closed by __exit__
        except OSError as error:
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

    def discard(self) -> None:
        """Forgets what was written."""
        with contextlib.suppress(OSError):  # closing writes what is still buffered, which may be what failed
            self._stream.close()
        self.temporary.unlink(missing_ok=True)

    def write(self, content: bytes) -> None:
        """Appends. Raises InputError if the disk is full or fails."""
        try:
            self._stream.write(content)
        except OSError as error:
            raise self.unwritable(error) from error

    def unwritable(self, error: OSError) -> InputError:
        """What to raise when writing failed."""
        return InputError(
            f"{self._shown}: cannot be written ({error.strerror or error}); choose a place that exists and has room"
        )


def remove_unfinished(directory: str | os.PathLike) -> None:
    """Removes what processes that were killed left of `NewFile`s in a directory and below it.

    Nobody else may be writing there.
    """
    for path in Path(directory).rglob(".*.tmp.*"):
        path.unlink(missing_ok=True)


def check_destination(path: str | os.PathLike) -> None:
    """Raises InputError unless a file can be written there; for asking before the work rather than after it."""
    NewFile(path).__enter__().discard()


def make_directory(path: str | os.PathLike) -> None:
    """Makes a directory and those above it. Raises InputError if that is not allowed."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: cannot be made ({error.strerror}); choose another place") from error


def write_json(path: str | os.PathLike, values: Any) -> None:
    """Writes a JSON file, whole or not at all. Raises InputError if it cannot be written."""
    with NewFile(path) as file:
        file.write(json.dumps(values, indent=2).encode() + b"\n")


def read_json(path: str | os.PathLike) -> Any:
    """Reads a JSON file. Raises InputError if it cannot be read or is no JSON."""
    try:
        return json.loads(Path(path).read_text())
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise InputError(f"{os.fspath(path)}: is no JSON ({error})") from error
