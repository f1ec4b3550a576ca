"""Makes records of arrays: of frames [T, D] at frame level, or of a vector [D] at video level.

T = frames of a video, D = values of a feature.
"""

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from yt8m.conversion.rows import add_frames, example_of, problem_of
from yt8m.data.features import KNOWN, MOST_VALUES, Feature, Storage, parse_features
from yt8m.data.schema import Level
from yt8m.data.tables.video_labels import read_video_labels
from yt8m.errors import InputError, quantity
from yt8m.files import digest_of_file

_FLOATS = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64))

Refuse = Callable[[str, str], InputError]
"""Makes the error for a video's array: its name, empty for the whole video, and the problem as a clause."""


@dataclass(frozen=True, kw_only=True)
class ArrayOptions:
    """How to convert arrays to records, and back."""

    features: tuple[str | Feature, ...] = ()
    """The features to convert, as rows or as `yt8m.data.features` describes them; empty = all that are found."""
    labels: str | None = None
    """A CSV file with the labels of the videos; None = those beside the arrays, if any."""
    quantise: bool = False
    """Store floats as bytes: levels of the feature's range."""
    dequantise: bool = False
    """With `to="npz"`: write the floats that bytes stand for."""


class Storing:
    """Makes records of arrays. Threads share one.

    Args:
        options: how to store them.

    Raises:
        InputError: an option is wrong, or the file of labels cannot be read.
    """

    def __init__(self, options: ArrayOptions):
        self._options = options
        self.given = {each.name: each for each in parse_features(options.features, "--features")}
        for each in self.given.values():
            if options.quantise and not each.is_quantised:
                raise InputError(
                    f"--quantise stores bytes, and --features has {each.text}; give {each.name}:{each.size}"
                )
        self._labels = None if options.labels is None else read_video_labels(options.labels, "--labels")
        self._rows: dict[str, Feature] = {}
        self._first: dict[str, str] = {}
        self._level: tuple[Level, str] | None = None
        self._clipped: dict[str, list[int]] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """For another process, which has threads of its own."""
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())

    @property
    def plan(self) -> Any:
        """What decides about the records, in plain JSON values."""
        labels = None if self._labels is None else digest_of_file(self._labels.path)
        return [[each.text for each in self.given.values()], labels, self._options.quantise]

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features found so far."""
        return tuple(self._rows.values())

    @property
    def level(self) -> Level | None:
        """The level of the arrays; None before the first one."""
        return self._level and self._level[0]

    @property
    def has_labels(self) -> bool:
        """Whether labels come from a file."""
        return self._labels is not None

    @property
    def clipped(self) -> dict[str, tuple[int, int]]:
        """By quantised feature: the number of values beyond its range, and of all its values."""
        return {name: (clipped, total) for name, (clipped, total) in sorted(self._clipped.items())}

    def forget_counts(self) -> None:
        """Begins to count clipped values anew: after a look at a record that will be read again."""
        self._clipped.clear()

    def add_counts(self, clipped: Mapping[str, tuple[int, int]]) -> None:
        """Adds what `clipped` counted elsewhere."""
        with self._lock:
            for name, (num_clipped, total) in clipped.items():
                counts = self._clipped.setdefault(name, [0, 0])
                counts[0] += num_clipped
                counts[1] += total

    def takes(self, name: str) -> bool:
        """Whether an array of this name is to be converted."""
        return not self.given or name in self.given

    def labels_of(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """The labels of a video from the file.

        Args:
            names: what the file may call the video; the first that it names counts.

        Raises:
            InputError: the file names the video by none of these.
        """
        assert self._labels is not None
        found = (self._labels.of(name.encode(errors="surrogateescape")) for name in names)
        labels = next((each for each in found if each is not None), None)
        if labels is None:
            raise InputError(
                f"{self._labels.path}: has no row for the video {names[0]!r}; add one, with empty labels if it has none"
            )
        return labels

    def record(
        self,
        row: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
        place: str,
        refuse: Refuse,
        in_row: Sequence[Feature] = (),
    ) -> bytes:
        """Makes the record of a video, serialized with its keys in order.

        Args:
            row: its id, and other values as `yt8m.conversion.rows` has them.
            arrays: its arrays by name of the feature.
            place: the video, for messages about others that differ from it.
            refuse: makes errors.
            in_row: features whose frames may be among the values of the row.

        Raises:
            InputError: an array, or another value, cannot be stored.
        """
        try:
            example = example_of(dict(row), in_row)
        except ValueError as error:
            raise refuse("", str(error)) from None
        for name, values in arrays.items():
            feature = self._row(name, values, place, refuse)
            stored = self._stored(feature, values, refuse)
            if values.ndim == 2:
                add_frames(example, feature, stored)
            else:
                example.context.feature[feature.video_name].float_list.value.extend(stored.tolist())
        serialized = example.SerializeToString(deterministic=True)
        level = self.level
        if level == "frame" and row.get("segment_start_times") is not None:
            level = "segment"
        features = (*self.features, *(each for each in in_row if each.name not in self._rows))
        problem = problem_of(serialized, level, features)
        if problem:
            raise refuse("", problem)
        return serialized

    def _row(self, name: str, values: np.ndarray, place: str, refuse: Refuse) -> Feature:
        """The feature of an array; the first array of its name decides."""
        dtype = values.dtype.newbyteorder("=")
        if dtype != np.uint8 and dtype not in _FLOATS:
            raise refuse(name, f"holds {dtype}; it must be uint8, float16, float32 or float64")
        if values.ndim not in (1, 2):
            raise refuse(
                name,
                f"has the shape {values.shape}; it must be (T, D), T frames of D values, or (D,), a vector a video",
            )
        with self._lock:
            level: Level = "frame" if values.ndim == 2 else "video"
            found, first = self._level = self._level or (level, place)
            if found != level:
                kinds = {"frame": "frames, (T, D)", "video": "a vector a video, (D,)"}
                raise refuse(
                    name,
                    f"has the shape {values.shape}, {kinds[level]}, and {first} has {kinds[found]}; convert them apart",
                )
            if name not in self._rows:
                self._rows[name] = self._new_row(name, values, refuse)
                self._first[name] = place
            feature = self._rows[name]
        # An array without frames need not know how many values they have.
        if values.size and values.shape[-1] != feature.size:
            wanted = "--features says" if name in self.given else f"{self._first[name]} has"
            raise refuse(name, f"has {quantity(values.shape[-1], 'value')} a frame, and {wanted} {feature.size}")
        return feature

    def _new_row(self, name: str, values: np.ndarray, refuse: Refuse) -> Feature:
        if name in self.given:
            return self.given[name]
        size = values.shape[-1]
        if not 1 <= size <= MOST_VALUES:
            raise refuse(name, f"has {quantity(size, 'value')} a frame; it must have 1 to {MOST_VALUES}")
        known = KNOWN.get(name, Feature(name, size, storage="float32"))
        storage: Storage = known.storage  # means do not say how frames are stored
        if values.ndim == 2:
            storage = "uint8" if self._options.quantise or values.dtype == np.uint8 else "float32"
            storage = "float16" if storage == "float32" and values.dtype == np.float16 else storage
        return dataclasses.replace(known, size=size, storage=storage)

    def _stored(self, feature: Feature, values: np.ndarray, refuse: Refuse) -> np.ndarray:
        """The values as they are stored: of the feature's type if frames, float32 if a vector."""
        as_bytes, to_bytes = values.dtype == np.uint8, feature.is_quantised and values.ndim == 2
        if values.ndim == 1 and (as_bytes or self._options.quantise):
            problem = "holds bytes" if as_bytes else "is a vector a video, and --quantise is for frames"
            raise refuse(feature.name, f"{problem}; vectors are stored as floats")
        if as_bytes and to_bytes:
            return values
        if as_bytes:
            raise refuse(feature.name, f"holds uint8, and {feature.text} is stored as floats")
        is_bad = ~np.isfinite(values)
        if is_bad.any():
            frame = f"frame {int(is_bad.any(axis=1).argmax())} " if values.ndim == 2 else ""
            raise refuse(feature.name, f"{frame}has a value that is NaN or infinite")
        if to_bytes and not self._options.quantise:
            raise refuse(
                feature.name,
                f"holds {values.dtype.newbyteorder('=')}, and {feature.text} is stored as bytes; give --quantise, or "
                f"--features {feature.name}:{feature.size}:float32",
            )
        if to_bytes:
            return self._quantised(feature, values)
        with np.errstate(over="ignore"):
            stored = values.astype(feature.dtype if values.ndim == 2 else np.float32)
        if not np.isfinite(stored).all():
            raise refuse(feature.name, f"has {np.abs(values).max():g}, which {stored.dtype} cannot hold")
        return stored

    def _quantised(self, feature: Feature, values: np.ndarray) -> np.ndarray:
        levels = np.rint((values.astype(np.float64) - feature.offset) / feature.scale)
        num_clipped = int(((levels < 0) | (levels > 255)).sum())
        self.add_counts({feature.name: (num_clipped, values.size)})
        return levels.clip(0, 255).astype(np.uint8)
