"""Counts over many records, in fixed memory, for `yt8m inspect --plots`.

D = dimensions of a feature, K = classes seen.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import sparse

from yt8m.conversion.video_level import mean_of_frames
from yt8m.data.checking import num_frames, values_of
from yt8m.data.engine.videos import stored_frames
from yt8m.data.features import KNOWN, Feature
from yt8m.data.forms import rows_for
from yt8m.data.protos import SequenceExample
from yt8m.data.quantisation import dequantise
from yt8m.data.schema import ID_KEYS, Level
from yt8m.download.layout import SERVER_DIGITS

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)

_MEANS_LEAST, _MEANS_MOST, _MEANS_STEP = -3.0, 3.0, 1 / 256
"""Range of means. No mean of stored bytes lies outside. Others count as its ends; the extremes are kept."""
_VIDEOS_AT_ONCE = 4096

DECOY_SPREAD = 0.1
"""Decoys of the 2018 test split have a lower standard deviation over the dimensions of mean_rgb. Other videos hardly ever do."""
SPREAD_STEP = 0.01
_SPREADS = 200
SHARD_PLACES = ("ends", "begins", "neither", "unknown")
"""Place of the shard's two characters in an id. Ids of real videos in 2018 end in them; ids of decoys begin with them."""


@dataclass
class FeatureValues:
    """The frequency of each value in each dimension of a feature."""

    values: np.ndarray
    """Values, float [V], ascending."""
    counts: np.ndarray
    """Frequencies, int64 [D, V]."""
    ends: np.ndarray | None = None
    """The lowest and highest value of each dimension, float [D, 2], if `values` are rounded; None if they are exact."""

    def quantiles(self) -> np.ndarray:
        """The quantiles of each dimension, float [D, number of `QUANTILES`]."""
        cumulative = np.cumsum(self.counts, axis=1)
        total = cumulative[:, -1:]
        ranks = [np.maximum(np.ceil(quantile * total - 1e-9), 1) for quantile in QUANTILES]
        found = np.stack([self.values[(cumulative >= rank).argmax(axis=1)] for rank in ranks], axis=1)
        if self.ends is None:
            return found
        found = found.clip(self.ends[:, :1], self.ends[:, 1:])
        found[:, [0, -1]] = self.ends
        return found


@dataclass
class Statistics:
    """Counts of the records passed to `add`."""

    num_videos: int = 0
    frames: Counter = field(default_factory=Counter)
    """Videos by number of frames, without video-level records."""
    labels: Counter = field(default_factory=Counter)
    """Videos by number of labels, without records that lack the key."""
    classes: Counter = field(default_factory=Counter)
    """Videos by label."""
    features: dict[str, FeatureValues] = field(default_factory=dict)
    """Values by key: ``rgb`` for frames, ``mean_rgb`` for means."""
    spreads: dict[str, np.ndarray] = field(default_factory=dict)
    """Videos by standard deviation over the dimensions of mean rgb, for each of `SHARD_PLACES`, in steps of `SPREAD_STEP`. The
    last step has all greater ones. int64 [200]."""
    num_flat: Counter = field(default_factory=Counter)
    """Videos with a standard deviation below `DECOY_SPREAD`, for each of `SHARD_PLACES`."""
    _columns: dict[int, int] = field(default_factory=dict)
    _pending: list[list[int]] = field(default_factory=list)
    _together: sparse.csr_matrix | None = None

    def add(
        self,
        path: str,
        example: SequenceExample,
        level: Level | None,
        features: Sequence[Feature] | None = None,
    ) -> None:
        """Counts a usable record.

        Args:
            path: the file of the record. Its name tells the shard.
            example: the record.
            level: the level of the record.
            features: the features to count; None = those of the record.
        """
        self.num_videos += 1
        context = example.context.feature
        if "labels" in context:
            labels = sorted(set(values_of(context["labels"])))
            self.labels[len(labels)] += 1
            self.classes.update(labels)
            self._add_together(labels)
        features = rows_for([example]) if features is None else features
        mean_rgb = self._add_means(context, features) if level == "video" else self._add_frames(example, features)
        if mean_rgb is not None:
            key = next(key for key in ID_KEYS if key in context)
            self._add_spread(place_of_shard(values_of(context[key])[0], path), float(np.std(mean_rgb)))

    def _add_together(self, labels: list[int]) -> None:
        self._pending.append([self._columns.setdefault(label, len(self._columns)) for label in labels])
        if len(self._pending) == _VIDEOS_AT_ONCE:
            self._count_together()

    def _count_together(self) -> None:
        size = len(self._columns)
        columns = np.array([column for row in self._pending for column in row], np.int64)
        ends = np.cumsum([0, *map(len, self._pending)])
        videos = sparse.csr_matrix((np.ones(len(columns), np.int64), columns, ends), (len(self._pending), size))
        together = (videos.T @ videos).tocsr()
        if self._together is not None:
            self._together.resize(size, size)
            together = together + self._together
        self._together, self._pending = together, []

    def most_frequent(self, most: int) -> list[int]:
        """The classes with the most videos. Equally frequent classes are in their order."""
        return sorted(self.classes, key=lambda label: (-self.classes[label], label))[:most]

    def together(self, classes: list[int]) -> np.ndarray:
        """Numbers of videos with both classes, int64 [len(classes), len(classes)]. The diagonal has those with one class."""
        if self._pending:
            self._count_together()
        assert self._together is not None, "the classes were seen"
        columns = [self._columns[label] for label in classes]
        return self._together[columns][:, columns].toarray()

    def _add_means(self, context, features: Sequence[Feature]) -> np.ndarray | None:
        for feature in features:
            if feature.video_name in context:
                values = np.array(context[feature.video_name].float_list.value)
                self._add_values(feature.video_name, values[None])
        key = KNOWN["rgb"].video_name
        return np.array(context[key].float_list.value) if key in context else None

    def _add_values(self, key: str, rows: np.ndarray) -> None:
        """Counts real values, float [N, D], rounded."""
        size = rows.shape[1]
        if key not in self.features:
            values = np.arange(_MEANS_LEAST, _MEANS_MOST + _MEANS_STEP / 2, _MEANS_STEP)
            ends = np.tile([np.inf, -np.inf], (size, 1))
            self.features[key] = FeatureValues(values, np.zeros((size, len(values)), np.int64), ends)
        counted = self.features[key]
        np.minimum(counted.ends[:, 0], rows.min(axis=0), out=counted.ends[:, 0])
        np.maximum(counted.ends[:, 1], rows.max(axis=0), out=counted.ends[:, 1])
        places = np.rint((rows.clip(_MEANS_LEAST, _MEANS_MOST) - _MEANS_LEAST) / _MEANS_STEP).astype(int)
        np.add.at(counted.counts, (np.arange(size), places), 1)

    def _add_frames(self, example: SequenceExample, features: Sequence[Feature]) -> np.ndarray | None:
        self.frames[num_frames(example, features)] += 1
        mean_rgb = None
        for feature in features:
            lists = example.feature_lists.feature_list
            if feature.name not in lists or not lists[feature.name].feature:
                continue
            frames = stored_frames(lists[feature.name].feature, feature).view(feature.dtype.newbyteorder("<"))
            if not feature.is_quantised:
                self._add_values(feature.name, frames.astype(float))
                continue
            name, size = feature.name, feature.size
            if name not in self.features:
                values = dequantise(np.arange(256, dtype=np.uint8), feature)
                self.features[name] = FeatureValues(values, np.zeros((size, 256), np.int64))
            places = frames + 256 * np.arange(size, dtype=np.int32)
            self.features[name].counts += np.bincount(places.ravel(), minlength=256 * size).reshape(size, 256)
            if name == "rgb":
                mean_rgb = mean_of_frames(frames, feature)
        return mean_rgb

    def _add_spread(self, place: str, spread: float) -> None:
        counts = self.spreads.setdefault(place, np.zeros(_SPREADS, np.int64))
        counts[min(int(spread / SPREAD_STEP), _SPREADS - 1)] += 1
        self.num_flat[place] += spread < DECOY_SPREAD


def shard_characters(path: str) -> str | None:
    """The two characters of a shard, from its file name: `pj` for `train0939.tfrecord` or `trainpj.tfrecord`.

    None for other names.
    """
    found = re.search(r"(?:train|validate|test)(?:(\d{4})|(\w\w))$", Path(path).stem)
    if found is None:
        return None
    if found[2]:
        return found[2]
    first, second = divmod(int(found[1]), len(SERVER_DIGITS))
    return SERVER_DIGITS[first] + SERVER_DIGITS[second] if first < len(SERVER_DIGITS) else None


def place_of_shard(video_id: bytes, path: str) -> str:
    """The place, one of `SHARD_PLACES`, of the shard's characters in an id."""
    characters = shard_characters(path)
    if characters is None:
        return "unknown"
    if video_id.endswith(characters.encode()):
        return "ends"
    return "begins" if video_id.startswith(characters.encode()) else "neither"
