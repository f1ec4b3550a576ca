"""Packs a run's model into one file, and unpacks it to a run directory. No TensorFlow.

A `.tgz` archive holds ``config.json`` and ``best/model.weights.h5``. A `.keras` file holds the same weights, and the same
configuration in its ``metadata.json``. Neither holds the paths of records, which are private.

Unpacking trusts nothing: it writes to no path in the file, and unpickles, imports and runs nothing. It refuses anything that
is larger than declared, or than allowed.
"""

import dataclasses
import gzip
import io
import json
import lzma
import os
import posixpath
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

from yt8m import config as configuration
from yt8m import runs
from yt8m.config import RunConfig
from yt8m.errors import InputError, quantity
from yt8m.files import NewFile, new_directory
from yt8m.runs import RunDirectory
from yt8m.runs.unlike import describe_place, is_of_starter
from yt8m.values import Range, checked

Format = Literal["saved-model", "keras", "litert", "onnx", "archive"]
"""The formats of `yt8m export`."""

Gigabytes = Annotated[float, Range(least=0)]
"""0 = any size."""

NumFrames = Annotated[int, Range(least=1, most=10_000)]
"""Largest number of frames for an exported model. The data set has up to 300 per video. LiteRT allocates memory for all."""

GIGABYTE = 10**9
DEFAULT_MAX_GIGABYTES = 1.0
"""Kaggle's rule of 2018: a model has less than 1 GB, uncompressed."""

_CONFIG, _WEIGHTS = "config.json", "best/model.weights.h5"
KERAS_METADATA, KERAS_WEIGHTS = "metadata.json", "model.weights.h5"
RUN_KEY = "yt8m_run"
"""The key of the configuration in the metadata of a `.keras` file."""


def without_places(config: RunConfig) -> RunConfig:
    """A configuration without the paths of records, runs and files."""
    return dataclasses.replace(
        config,
        run="",
        data=dataclasses.replace(config.data, root="", train=(), validate=(), test=()),
        training=dataclasses.replace(config.training, initial_run=""),
        loss=dataclasses.replace(config.loss, class_weights=""),
        distill=dataclasses.replace(config.distill, teacher=""),
    )


def check_size(num_bytes: int, max_gigabytes: float, what: str, remedy: str) -> None:
    """Raises InputError if a size is above the limit; 0 = no limit."""
    if max_gigabytes and num_bytes > max_gigabytes * GIGABYTE:
        raise InputError(
            f"{what}: {num_bytes / GIGABYTE:.3f} GB uncompressed, more than the {max_gigabytes:g} GB allowed "
            f"(Kaggle's rule of 2018 is 1); {remedy}--max-gigabytes 0 allows any size"
        )


def _members(config: RunConfig, weights: bytes) -> dict[str, bytes]:
    return {_CONFIG: _as_json(configuration.to_dict(without_places(config))), _WEIGHTS: weights}


def check_archive(config: RunConfig, weights: bytes, out: str | os.PathLike, max_gigabytes: float) -> int:
    """The uncompressed size of an archive. Raises InputError if it is too large. See `write_archive` for the arguments."""
    size = sum(map(len, _members(config, weights).values()))
    check_size(size, max_gigabytes, os.fspath(out), "export it with --float16; ")
    return size


def write_archive(config: RunConfig, weights: bytes, out: str | os.PathLike, max_gigabytes: float) -> int:
    """Writes an archive. The same model gives the same bytes.

    Args:
        config: the configuration of the run.
        weights: the content of the run's weights file.
        out: the `.tgz` file.
        max_gigabytes: the largest allowed size, uncompressed; 0 = any size.

    Returns:
        The uncompressed size in bytes.

    Raises:
        InputError: it is too large, or the file cannot be written.
    """
    members = _members(config, weights)
    size = check_archive(config, weights, out, max_gigabytes)
    with NewFile(out) as file:
        try:
            with (
                open(file.temporary, "wb") as stream,
                # Weights hardly compress, so compress fast.
                gzip.GzipFile("", "wb", compresslevel=1, fileobj=stream, mtime=0) as compressed,
                tarfile.open(fileobj=compressed, mode="w") as archive,
            ):
                for name, content in members.items():
                    member = tarfile.TarInfo(name)
                    member.size, member.mode = len(content), 0o644
                    archive.addfile(member, io.BytesIO(content))
        except OSError as error:
            raise file.unwritable(error) from error
    return size


def _as_json(values: Any) -> bytes:
    return json.dumps(values, indent=2).encode() + b"\n"


@dataclasses.dataclass(frozen=True)
class Unpacked:
    """A run from an archive."""

    run: str
    model: str
    num_bytes: int
    """Bytes of its files."""


@checked
def unpack(
    archive: str | os.PathLike,
    out: str | os.PathLike,
    max_gigabytes: Gigabytes = DEFAULT_MAX_GIGABYTES,
) -> Unpacked:
    """Unpacks an archive or `.keras` file of `yt8m.export` to a run directory. It runs no code from the file.

    Args:
        archive: the file.
        out: the new run directory.
        max_gigabytes: the largest allowed size, uncompressed; 0 = any size.

    Raises:
        InputError: the file is missing, is not from `yt8m.export`, holds anything else, is damaged or too large, or `out`
            exists.
    """
    if os.path.isdir(archive):
        raise _no_archive(archive, describe_place(archive) or "is a directory")
    if not os.path.isfile(archive):
        raise InputError(f"{os.fspath(archive)}: no such file; name one that yt8m export wrote")
    if is_of_starter(os.path.basename(archive)):
        raise _no_archive(archive, "is a file of TensorFlow 1, as the YouTube-8M starter code leaves it")
    read = _read_keras_file if zipfile.is_zipfile(archive) else _read_tar
    with new_directory(out) as directory:
        run = RunDirectory(directory)
        run.best_weights.parent.mkdir()
        try:
            read(archive, run, max_gigabytes)
            config = without_places(runs.load_config(directory))
            run.config.write_bytes(_as_json(configuration.to_dict(dataclasses.replace(config, run=os.fspath(out)))))
            _check_weights(run.best_weights, config.data.num_classes)
        except RecursionError as error:
            raise _no_archive(archive, "has a configuration that is nested too deeply") from error
        except InputError as error:
            # The user knows the archive, not the hidden directory.
            raise InputError(str(error).replace(f"{directory}", os.fspath(archive))) from error
        size = sum(path.stat().st_size for path in (run.config, run.best_weights))
    return Unpacked(os.fspath(out), config.model.name, size)


def _no_archive(archive, reason: str) -> InputError:
    return InputError(f"{os.fspath(archive)}: {reason}; give a file that yt8m export --format archive or keras wrote")


def _why(error: Exception) -> str:
    """Says briefly what is wrong with a damaged file."""
    text = str(error).lower()
    if isinstance(error, OSError) and error.errno:
        return error.strerror
    if isinstance(error, gzip.BadGzipFile) and text.startswith("not a gzipped"):
        return "it is not compressed with gzip"
    if isinstance(error, EOFError) or "unexpected end" in text:
        return "it is cut off"
    if text == "empty file":
        return "it is empty"
    if isinstance(error, tarfile.TarError):
        return "no tar archive is in it"
    if "crc" in text or "incorrect length" in text:
        return "its bytes do not match their checksum"
    if isinstance(error, NotImplementedError | RuntimeError):  # a ZIP file with another compression, or a password
        return "it is compressed in a way that is not ours"
    return "its bytes are damaged"


class _Limited(io.RawIOBase):
    """A stream with a limit on the number of bytes to read, because a small file may unpack to a large one."""

    def __init__(self, stream: BinaryIO, archive, max_gigabytes: float):
        super().__init__()
        self._stream, self._archive, self._max_gigabytes, self._count = stream, archive, max_gigabytes, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            content = self._stream.read(size)
        except (OSError, lzma.LZMAError) as error:  # bz2 and gzip raise OSError for damaged files
            raise _no_archive(self._archive, f"is not an archive, or is damaged ({_why(error)})") from error
        self._count += len(content)
        check_size(self._count, self._max_gigabytes, os.fspath(self._archive), "")
        return content


def _read_tar(archive, run: RunDirectory, max_gigabytes: float) -> None:
    wanted = {_CONFIG: run.config, _WEIGHTS: run.best_weights}
    try:
        with gzip.open(archive) as stream:
            limited = _Limited(stream, archive, max_gigabytes)
            _read_members(archive, limited, wanted)
            while limited.read(1 << 20):  # to the end, where the checksum is compared
                pass
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise _no_archive(archive, f"is not an archive, or is damaged ({_why(error)})") from error
    if wanted:
        raise _no_archive(archive, f"has no {next(iter(wanted))}")


def _read_members(archive, stream: BinaryIO, wanted: dict[str, Path]) -> None:
    """Writes the wanted members of a tar file to their places, and removes them from `wanted`."""
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            # Skip our own directory. Any other name is refused below.
            if member.isdir() and posixpath.normpath(member.name) in (".", "best"):
                continue
            place = wanted.pop(posixpath.normpath(member.name), None)
            if place is None or not member.isreg() or member.issparse():
                raise _no_archive(archive, f"holds {member.name!r}, {_oddity(member)}")
            with tar.extractfile(member) as content, open(place, "wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)


def _oddity(member: tarfile.TarInfo) -> str:
    """Why a member of an archive is refused."""
    if member.issym() or member.islnk():
        return "a link"
    if not member.isreg() or member.issparse():
        return "which is not a plain file"
    if posixpath.isabs(member.name) or ".." in member.name.split("/"):
        return "which points outside"
    return "which is not a part of a model, or comes twice"


def _read_keras_file(archive, run: RunDirectory, max_gigabytes: float) -> None:
    """Reads the configuration and the weights, not Keras's description of the model."""
    try:
        with zipfile.ZipFile(archive) as file:
            for name in (KERAS_METADATA, KERAS_WEIGHTS):
                if name not in file.namelist():
                    raise _no_archive(archive, f"has no {name}")
            check_size(file.getinfo(KERAS_WEIGHTS).file_size, max_gigabytes, os.fspath(archive), "")
            with file.open(KERAS_METADATA) as stream:
                metadata = json.loads(_Limited(stream, archive, max_gigabytes).read())
            if not isinstance(metadata, dict) or RUN_KEY not in metadata:
                raise _no_archive(archive, "does not say which run it is of")
            run.config.write_bytes(_as_json(metadata[RUN_KEY]))
            with file.open(KERAS_WEIGHTS) as stream, open(run.best_weights, "wb") as weights:
                limited = _Limited(stream, archive, max_gigabytes)
                shutil.copyfileobj(limited, weights, 1 << 20)
    except (zipfile.BadZipFile, EOFError, zlib.error, ValueError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise _no_archive(archive, f"is damaged ({_why(error)})") from error


def _check_weights(path: Path, num_classes: int) -> None:
    """Raises InputError unless a weights file is HDF5 with all its values inside, and no more than it has bytes for.

    HDF5 allows links to other files, values in other files, and compressed values of any size. Keras writes none of these.
    The last layer of every model has at least one column per class. If no layer has that, the configuration belongs to another
    model, which may be too large to build.
    """
    import h5py

    try:
        with h5py.File(path) as file:
            datasets = list(_datasets(file))
            num_bytes = sum(each.nbytes for each in datasets)
            widths = {each.shape[-1] for each in datasets if each.shape}
    except InputError as error:
        raise InputError(f"{path}: {error}; export the run again") from error
    except Exception as error:  # h5py raises many kinds of errors for damaged files
        raise InputError(f"{path}: is not a weights file, or is damaged; export the run again") from error
    if num_bytes > path.stat().st_size:
        raise InputError(f"{path}: says that it holds {num_bytes} bytes, more than it has; export the run again")
    if not any(width and width % num_classes == 0 for width in widths):
        raise InputError(
            f"{path}: has no layer of the {quantity(num_classes, 'class')} in its configuration; export the run again"
        )


def _datasets(group) -> Iterator[Any]:
    """All datasets below a group."""
    import h5py

    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise InputError(f"holds a link, {name!r}")
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _datasets(item)
        elif item.external or item.is_virtual:
            raise InputError(f"takes values of {name!r} from another file")
        else:
            yield item
