"""Files that all workers of a job share: on a disk that each of them has, or behind an address such as `gs://`. Needs Beam.

Beam's own file systems read and write remote ones. A remote file appears only once it is complete; a local one is renamed.
"""

import contextlib
import os
import pickle
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems

from yt8m.data.access.file_access import is_remote
from yt8m.errors import InputError
from yt8m.files import NewFile, unwritable

_BLOCK_BYTES = 1 << 20

_REFUSED = (BeamIOError, ValueError)
"""What Beam's file systems raise; ValueError: none is installed for such addresses."""

VALUE, GIVEN = ".value", ".given"
"""Endings of values that workers hand back, and of those that they are given."""


def joined(directory: str, name: str) -> str:
    """The path of a file in a directory."""
    return f"{directory.rstrip('/')}/{name}" if is_remote(directory) else os.path.join(directory, name)


def token() -> str:
    """A random name, which no other worker or attempt has."""
    return secrets.token_hex(8)


def create(path: str) -> BinaryIO:
    """Opens a new file for writing. Its directory is made if it is missing. Raises InputError if that fails."""
    with writing(path):
        if is_remote(path):
            return FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return open(path, "wb")


def open_shared(path: str) -> BinaryIO:
    """Opens a file for reading anywhere in it. Raises InputError if that fails."""
    try:
        if is_remote(path):
            return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
        return open(path, "rb")
    except (OSError, *_REFUSED) as error:
        raise InputError(f"{path}: cannot be read ({_reason(error)}); workers must share this place") from error


@contextlib.contextmanager
def writing(path: str) -> Iterator[None]:
    """Makes an InputError of an error by which a disk or a service refuses to write the file."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error
    except _REFUSED as error:
        raise InputError(f"{path}: cannot be written ({_reason(error)}); choose another place") from error


def write_whole(path: str, content: bytes) -> None:
    """Writes a file that appears complete, in place of one that another attempt wrote. Raises InputError if that fails."""
    if is_remote(path):
        with writing(path), create(path) as file:
            file.write(content)
    else:
        with NewFile(path) as file:
            file.write(content)


def upload(local: str | os.PathLike, path: str) -> None:
    """Copies a local file to a remote place, where it appears complete. Raises InputError if that fails."""
    with open(local, "rb") as source, writing(path), create(path) as file:
        shutil.copyfileobj(source, file, _BLOCK_BYTES)


def files_in(directory: str) -> list[str]:
    """The paths of a directory's files, sorted; none if it is missing. Raises InputError if it cannot be listed."""
    if not is_remote(directory):
        return sorted(str(path) for path in Path(directory).glob("*") if path.is_file())
    try:
        (found,) = FileSystems.match([joined(directory, "*")])
    except _REFUSED as error:
        raise InputError(f"{directory}: cannot be listed ({_reason(error)})") from error
    return sorted(each.path for each in found.metadata_list)


def versions_of(paths: Sequence[str]) -> list[tuple[str, int, float]]:
    """Those of some remote files that are there, each with its size and its time of change. Raises InputError on failure."""
    try:
        found = FileSystems.match(list(paths))
    except _REFUSED as error:
        raise InputError(f"{paths[0]}: cannot be read ({_reason(error)})") from error
    every = [each for matched in found for each in matched.metadata_list]
    return [(each.path, each.size_in_bytes, each.last_updated_in_seconds) for each in every]


def move(pairs: Sequence[tuple[str, str]]) -> None:
    """Gives remote files other names. Raises InputError if that fails."""
    if pairs:
        with writing(pairs[0][1]):
            FileSystems.rename([old for old, _ in pairs], [new for _, new in pairs])


def remove_files(paths: Sequence[str]) -> None:
    """Removes remote files. Raises InputError if that fails."""
    if paths:
        with writing(paths[0]):
            FileSystems.delete(list(paths))


def num_bytes_in(directory: str) -> int:
    """Bytes of the files of a remote directory."""
    (found,) = FileSystems.match([joined(directory, "*")])
    return sum(each.size_in_bytes for each in found.metadata_list)


def remove_directory(directory: str) -> None:
    """Removes a directory with all in it. It is of no use any more, so nothing is said if that fails."""
    if not is_remote(directory):
        shutil.rmtree(directory, ignore_errors=True)
        return
    with contextlib.suppress(*_REFUSED):
        (found,) = FileSystems.match([joined(directory, "**")])
        if paths := [each.path for each in found.metadata_list]:
            FileSystems.delete(paths)


def _require_file_system(directory: str) -> None:
    """Raises InputError if Beam has no file system for an address. Nothing is asked of it: a directory may be large."""
    try:
        FileSystems.get_filesystem(directory)
    except _REFUSED as error:
        raise InputError(f"{directory}: cannot be listed ({_reason(error)})") from error


@contextlib.contextmanager
def scratch_directory(parent: str) -> Iterator[str]:
    """A new directory for the files that workers hand to one another, and to whoever started them; removed in the end."""
    path = joined(parent, f".beam-{token()}")
    if is_remote(path):
        _require_file_system(parent)
    else:
        with writing(path):
            os.makedirs(path)
    try:
        yield path
    finally:
        remove_directory(path)


def put_value(directory: str, name: str, value: Any, ending: str = VALUE) -> None:
    """Keeps a value in a scratch directory. A later attempt replaces it. Raises InputError if it cannot be written."""
    write_whole(joined(directory, f"{name}{ending}"), pickle.dumps(value))


def value_in(directory: str, name: str, ending: str = VALUE) -> Any:
    """A value in a scratch directory. It comes from our own workers. Raises InputError if it cannot be read."""
    with open_shared(joined(directory, f"{name}{ending}")) as file:
        return pickle.loads(file.read())


def values_in(directory: str) -> dict[str, Any]:
    """All values in a scratch directory by name, in the order of the names. Raises InputError if one cannot be read."""
    names = [path.rsplit("/", 1)[-1] for path in files_in(directory)]
    return {name: value_in(directory, name) for each in names if (name := each.removesuffix(VALUE)) != each}


def _reason(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    return " ".join(reason.split())[:200]
