"""Writes records as `.npz` files, a video each, which `numpy.load` and `yt8m convert` read."""

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yt8m.conversion.rows import OTHER, columns_for, to_row
from yt8m.data.engine.records import Record
from yt8m.data.features import Feature
from yt8m.data.ids import file_name_of
from yt8m.data.quantisation import dequantise
from yt8m.data.schema import ID_KEYS
from yt8m.files import new_directory, unwritable

_LONGEST_NAME = 255 - len(".npz")
"""Bytes of a file's name on common file systems."""


class NpzDirectory:
    """A new directory of `.npz` files. It appears when its `with` block ends well.

    Args:
        path: the new directory.
        features: the features with arrays of their own.
        as_floats: write the floats that bytes stand for.
    """

    def __init__(self, path: Path, features: Sequence[Feature], as_floats: bool):
        self._path, self._features, self._as_floats = path, features, as_floats
        self._directory = new_directory(path)
        self._owners: dict[str, int] = {}

    def __enter__(self) -> "NpzDirectory":
        self._hidden = self._directory.__enter__()
        return self

    def __exit__(self, kind, error, traceback) -> None:
        self._directory.__exit__(kind, error, traceback)

    def write(self, content: bytes | np.ndarray, record: Record) -> None:
        """Writes the file of a usable record.

        Args:
            content: the record.
            record: where it comes from, for messages.

        Raises:
            RecordError: its id is no text, or cannot name a file of its own.
            InputError: the file cannot be written.
        """
        serialized = bytes(content)
        row = to_row(serialized, columns_for(serialized, features=self._features), self._features)
        video_id = next((row[key] for key in ID_KEYS if row.get(key)), None)
        if video_id is None or str(np.array(video_id)) != video_id:
            raise record.error("its id is no text that an array can hold; convert it to Parquet instead")
        name = file_name_of(video_id)
        if len(name.encode()) > _LONGEST_NAME:
            raise record.error(
                f"its id is too long to name a file: {video_id[:40]!r}...; convert it to Parquet instead"
            )
        if name in self._owners:
            reason = f"its file would be {name}.npz, as that of record {self._owners[name]}"
            raise record.error(
                f"{reason}; give --records-per-shard, which makes more directories, or convert it to Parquet"
            )
        self._owners[name] = record.index
        arrays = {key: self._array(key, value) for key, value in row.items() if value is not None}
        try:
            # Not numpy.savez, where names of arrays are arguments, and files have the time in them.
            with zipfile.ZipFile(os.path.join(self._hidden, f"{name}.npz"), "w") as archive:
                for key, values in arrays.items():
                    with archive.open(zipfile.ZipInfo(f"{key}.npy"), "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, values, allow_pickle=False)
        except OSError as error:
            raise unwritable(self._path, error) from error

    def _array(self, key: str, value: Any) -> np.ndarray:
        feature = next((each for each in self._features if each.name == key), None)
        if key == OTHER:
            return np.frombuffer(value, np.uint8)
        if feature is None:
            return np.asarray(value)
        frames = np.frombuffer(value, feature.dtype.newbyteorder("<")).reshape(-1, feature.size)
        return dequantise(frames, feature) if self._as_floats else frames
