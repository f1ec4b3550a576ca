"""Reads arrays of videos: `.npy` and `.npz` files, a video each.

The directory of a `.npy` file names its feature: `rgb/VIDEO.npy` and `audio/VIDEO.npy` are two features of a video. A `.npz` file
holds the arrays of a video by name, and may hold its id, labels and ratings, too.
"""

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yt8m.conversion.rows import INTEGERS, OTHER, SCORES
from yt8m.conversion.shards import Part
from yt8m.conversion.storing import Refuse, Storing
from yt8m.data.features import may_be_name
from yt8m.data.ids import RULE, safe_id
from yt8m.data.schema import ID_KEYS
from yt8m.data.sources import scheme
from yt8m.errors import InputError, quantity
from yt8m.progress import Progress

NPY, NPZ = ".npy", ".npz"
_MEAN, _DEVIATION = "mean_", "std_"


def with_inner_directories(paths: Sequence[str], endings: Sequence[str]) -> list[str]:
    """The paths, with the directories in a directory instead of it if only they hold arrays."""
    found = []
    for path in paths:
        inner = []
        if not scheme(path) and os.path.isdir(path) and not _holds(path, endings):
            inner = [each for each in sorted(Path(path).iterdir()) if each.is_dir() and _holds(each, (NPY, NPZ))]
        found += [os.fspath(each) for each in inner] or [path]
    return found


def _holds(directory: str | os.PathLike, endings: Sequence[str]) -> bool:
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        return any(each.name.endswith(tuple(endings)) and not each.name.startswith(".") for each in entries)
    return False


class ArrayFiles:
    """Files of arrays, as records.

    Args:
        files: local `.npy` files, or local `.npz` files.
        storing: makes records of arrays.

    Raises:
        InputError: a file is not local, a directory's name names no feature, or two files are of the same video.
    """

    def __init__(self, files: Sequence[str], storing: Storing):
        remote = next((path for path in files if scheme(path)), None)
        if remote:
            raise InputError(f"{remote}: arrays are read from a local disk; copy the file there")
        self.files, self._storing = files, storing
        self._is_zipped = files[0].endswith(NPZ)
        if not self._is_zipped:
            self._names = self._features_by_directory()
        self._videos = self._find_videos()

    def tell(self, progress: Progress) -> None:
        """Tells which videos lack a feature, and whose ids differ from the names of their files."""
        if not self._is_zipped:
            counts = Counter(name for paths in self._videos.values() for name in map(self._name, paths))
            for name, count in counts.items():
                if count < len(self._videos):
                    total = quantity(len(self._videos), "video")
                    progress.message(f"{len(self._videos) - count} of {total} have no {name}")
        changed = [stem for stem in self._videos if safe_id(stem) != stem]
        if changed:
            example = f"{changed[0]!r} becomes {safe_id(changed[0])!r}"
            progress.message(f"{quantity(len(changed), 'file name')} cannot be ids: {example}; {RULE}")

    def places(self) -> Iterator[Part]:
        """All videos, each a part."""
        return (Part(paths[0], count=1, others=tuple(paths[1:])) for paths in self._videos.values())

    def record(self, part: Part) -> bytes:
        """Makes the record of a video. Raises InputError if a file cannot be read, or an array cannot be stored."""
        stem = Path(part.path).stem
        row: dict[str, Any] = {}
        if self._is_zipped:
            row, arrays = self._unzipped(part.path)
        else:
            arrays = {self._name(path): _read_npy(path) for path in part.paths}
        if not any(key in row for key in ID_KEYS):
            row = {ID_KEYS[0]: safe_id(stem), **row}
        if self._storing.has_labels:
            if "labels" in row:
                raise InputError(f"{part.path}: holds labels itself; leave out --labels")
            video_id = next(row[key] for key in ID_KEYS if key in row)
            row["labels"] = self._storing.labels_of((stem, video_id))
        return self._storing.record(row, arrays, part.path, self._refuse(part))

    def _refuse(self, part: Part) -> Refuse:
        def refuse(name: str, problem: str) -> InputError:
            if self._is_zipped:
                return InputError(f"{part.path}: {name} {problem}" if name else f"{part.path}: {problem}")
            paths = [path for path in part.paths if not name or self._name(path) == name]
            return InputError(f"{', '.join(paths)}: {problem}")

        return refuse

    def _features_by_directory(self) -> dict[str, str]:
        given = list(self._storing.given)
        directories = list(dict.fromkeys(os.path.dirname(path) for path in self.files))
        if len(given) == len(directories) == 1:
            return {directories[0]: given[0]}
        names = {each: os.path.basename(os.path.abspath(each or ".")) for each in directories}
        for directory, name in names.items():
            if not may_be_name(name):
                raise InputError(
                    f"{directory or '.'}: the directory of .npy files names their feature, and {name!r} is no name of one; "
                    "rename it, or give --features NAME:SIZE"
                )
        found = {directory: name for directory, name in names.items() if self._storing.takes(name)}
        missing = next((name for name in given if name not in found.values()), None)
        if missing:
            raise InputError(
                f"--features has {missing}, and no directory of .npy files has this name: {', '.join(names)}"
            )
        return found

    def _name(self, path: str) -> str:
        return self._names[os.path.dirname(path)]

    def _find_videos(self) -> dict[str, list[str]]:
        """The files of each video, by their names without the ending."""
        videos: dict[str, list[str]] = {}
        for path in self.files:
            if self._is_zipped or os.path.dirname(path) in self._names:
                videos.setdefault(Path(path).stem, []).append(path)
        ids: dict[str, str] = {}
        for stem, paths in videos.items():
            kinds = Counter("" if self._is_zipped else self._name(path) for path in paths)
            if max(kinds.values()) > 1:
                kind = next(kind for kind, count in kinds.items() if count > 1)
                twice = [path for path in paths if self._is_zipped or self._name(path) == kind]
                raise InputError(f"{twice[0]} and {twice[1]} are of the same video; rename one, or leave it out")
            other = ids.setdefault(safe_id(stem), paths[0])
            if other != paths[0]:
                raise InputError(f"{other} and {paths[0]}: both videos would have the id {safe_id(stem)!r}; rename one")
        return videos

    def _unzipped(self, path: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        row, arrays, others = {}, {}, []
        for key, values in _read_npz(path).items():
            name = key.removeprefix(_MEAN)
            if key in ID_KEYS or key in INTEGERS or key in (SCORES, OTHER) or key.startswith(_DEVIATION):
                row[key] = _row_value(path, key, values)
            elif not may_be_name(name):
                raise InputError(f"{path}: has an array {key!r}, which cannot be a feature's name; rename it")
            elif self._storing.takes(name):
                arrays[name] = values
            else:
                others.append(name)
        if others and not arrays:
            raise InputError(f"{path}: has no array {' or '.join(self._storing.given)}, but {', '.join(others)}")
        return row, arrays


def _row_value(path: str, key: str, values: np.ndarray) -> Any:
    """A value that is no feature, as `yt8m.conversion.rows` has it."""
    if key in ID_KEYS:
        if values.ndim or values.dtype.kind != "U":
            raise InputError(f"{path}: {key} holds {values.dtype} of the shape {values.shape}; it must be one text")
        return str(values)
    if key == OTHER:
        if values.ndim != 1 or values.dtype != np.uint8:
            raise InputError(f"{path}: {key} is not as yt8m convert --to npz writes it; leave it out")
        return values.tobytes()
    kinds, wanted = ("iu", "integers") if key in INTEGERS else ("f", "floats")
    if values.ndim != 1 or (values.dtype.kind not in kinds and values.size):
        raise InputError(
            f"{path}: {key} holds {values.dtype} of the shape {values.shape}; it must be a list of {wanted}"
        )
    numbers = values.tolist()
    if key in INTEGERS and any(number >= 1 << 63 for number in numbers):
        raise InputError(f"{path}: {key} holds {max(numbers)}, which is too large")
    return numbers


def _read_npy(path: str) -> np.ndarray:
    try:
        with open(path, "rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # a damaged header raises errors of many kinds
        raise _damaged(path, NPY, error) from error


def _read_npz(path: str) -> Mapping[str, np.ndarray]:
    try:
        with open(path, "rb") as stored, np.load(stored, allow_pickle=False) as file:
            return {name: _whole(file[name]) for name in file.files}
    except OSError as error:
        if error.strerror:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        raise _damaged(path, NPZ, error) from error
    except Exception as error:  # a damaged archive raises errors of many kinds
        raise _damaged(path, NPZ, error) from error


def _whole(values: Any) -> np.ndarray:
    if not isinstance(values, np.ndarray):
        raise ValueError("a file in it is no array")
    return values


def _damaged(path: str, ending: str, error: Exception) -> InputError:
    reason = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    return InputError(f"{path}: is not a {ending} file of numbers, or is damaged ({reason[:100]})")
