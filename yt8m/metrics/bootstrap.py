"""Intervals of metrics and of their differences, by the bootstrap over videos. Definitions: docs/metrics.md.

A resample draws as many videos as there are, with replacement. A metric is computed exactly for each: a video that is drawn
twice has its entries twice, with equal scores. No entry is copied for that. The entries are sorted once, and the number of
times that its video was drawn is the weight of an entry.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from yt8m.metrics.ranking import block_sums

NUM_RESAMPLES = 400
CONFIDENCE = 0.95

Key = Literal["gap", "map"]
RESAMPLED: dict[str, Key] = {"gap": "gap", "map": "map", "segment_map": "map"}
"""The metrics of the registry, by their keys, that have intervals."""


class Interval(NamedTuple):
    """A value, and the ends of its interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference is on one side of 0."""
        return self.low > 0 or self.high < 0


class Outcomes:
    """The entries of the videos' lists, and their labels, each with its video. An entry takes 17 bytes.

    For videos, the entries are each video's best classes. For rated segments, they are all rated pairs of a segment and a
    class, and the segments of a video stay together.
    """

    def __init__(self):
        self._entries: list[tuple[np.ndarray, ...]] = []
        self._labels: list[tuple[np.ndarray, ...]] = []
        self._videos: list[np.ndarray] = []

    def add(self, videos: np.ndarray, classes: np.ndarray, scores: np.ndarray, hits: np.ndarray) -> None:
        """Adds entries: uint64 [M] numbers of their videos, such as digests, int [M], finite float32 [M], and bool [M]."""
        self._entries.append(
            (videos.astype(np.uint64), classes.astype(np.int32), scores.astype(np.float32), hits.astype(bool))
        )

    def add_labels(self, videos: np.ndarray, classes: np.ndarray) -> None:
        """Adds labels, whether or not an entry hits them: uint64 [M] and int [M]."""
        self._labels.append((videos.astype(np.uint64), classes.astype(np.int32)))

    def add_videos(self, videos: np.ndarray) -> None:
        """Adds the numbers of videos, uint64 [N], also of those without entries or labels. They may repeat."""
        self._videos.append(np.unique(videos.astype(np.uint64)))

    def merge(self, other: "Outcomes") -> None:
        """Adds all of another object, which does not change."""
        self._entries += other._entries
        self._labels += other._labels
        self._videos += other._videos

    def rankings(self) -> "Rankings":
        """Sorts the entries, for resampling. There must be a label."""
        every = np.unique(np.concatenate(self._videos))
        videos, classes, scores, hits = (np.concatenate(parts) for parts in zip(*self._entries, strict=True))
        label_videos, labels = (np.concatenate(parts) for parts in zip(*self._labels, strict=True))
        places = np.searchsorted(every, videos).astype(np.int32)
        pooled = np.argsort(-scores, kind="stable")
        by_class = np.lexsort((-scores, classes))
        return Rankings(
            num_videos=len(every),
            num_classes=1 + int(max(classes.max(initial=-1), labels.max())),
            labels=(np.searchsorted(every, label_videos).astype(np.int32), labels),
            pooled=_ranking(places[pooled], np.zeros(len(places), np.int32), scores[pooled], hits[pooled]),
            by_class=_ranking(places[by_class], classes[by_class], scores[by_class], hits[by_class]),
        )


class _Ranking(NamedTuple):
    """Entries by falling score, of one list or of several lists one after another. B = blocks of equal scores with a hit."""

    videos: np.ndarray
    """int32 [M]: the place of the video among all."""
    hits: np.ndarray
    """bool [M]."""
    starts: np.ndarray
    """int64 [B]: the first entry of each block."""
    ends: np.ndarray
    """int64 [B]: the entry after its last."""
    list_starts: np.ndarray
    """int64 [B]: the first entry of the block's list."""
    lists: np.ndarray
    """int32 [B]: the number of the list."""


def _ranking(videos: np.ndarray, lists: np.ndarray, scores: np.ndarray, hits: np.ndarray) -> _Ranking:
    is_start = np.ones(len(scores), bool)
    is_start[1:] = (scores[1:] != scores[:-1]) | (lists[1:] != lists[:-1])
    starts = np.flatnonzero(is_start)
    ends = np.append(starts[1:], len(scores))
    before = np.concatenate(([0], np.cumsum(hits)))
    has_hit = before[ends] > before[starts]
    starts, ends = starts[has_hit], ends[has_hit]
    of_blocks = lists[starts]
    return _Ranking(videos, hits, starts, ends, np.searchsorted(lists, of_blocks), of_blocks)


@dataclass(frozen=True)
class Rankings:
    """Sorted entries, from which the metrics of resamples follow."""

    num_videos: int
    num_classes: int
    labels: tuple[np.ndarray, np.ndarray]
    """The places of videos, and their labels: int32 [L] both."""
    pooled: _Ranking
    """All entries in one list."""
    by_class: _Ranking
    """A list for each class."""

    def measure(self, weights: np.ndarray) -> dict[Key, float]:
        """GAP and MAP if each video is there so many times, int [num_videos]. NaN if no video with a label is.

        MAP is the mean over the classes with a label in the resample, as of any data. Of rated segments it is segment MAP.
        """
        videos, classes = self.labels
        positives = np.bincount(classes, weights[videos], self.num_classes)
        if not positives.any():
            return {"gap": np.nan, "map": np.nan}
        sums = _precision_sums(self.by_class, weights, self.num_classes)
        there = positives > 0
        return {
            "gap": float(_precision_sums(self.pooled, weights, 1)[0] / positives.sum()),
            "map": float(np.mean(sums[there] / positives[there])),
        }


def _precision_sums(ranking: _Ranking, weights: np.ndarray, num_lists: int) -> np.ndarray:
    """The `precision_sum` of each list, float64 [num_lists], if its entries are there as often as their videos."""
    of_entries = weights[ranking.videos]
    ranks = np.concatenate(([0], np.cumsum(of_entries)))
    hits = np.concatenate(([0], np.cumsum(of_entries * ranking.hits)))
    drawn = np.flatnonzero(hits[ranking.ends] > hits[ranking.starts])
    starts, ends, first = ranking.starts[drawn], ranking.ends[drawn], ranking.list_starts[drawn]
    sums, _ = block_sums(
        ranks[starts] - ranks[first], ranks[ends] - ranks[first], hits[starts] - hits[first], hits[ends] - hits[first]
    )
    return np.bincount(ranking.lists[drawn], sums, num_lists)


def resamples(num_videos: int, count: int = NUM_RESAMPLES, seed: int = 0) -> Iterator[np.ndarray]:
    """Yields how often each video is drawn, int64 [num_videos], for each resample."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield np.bincount(rng.integers(num_videos, size=num_videos), minlength=num_videos)


@dataclass(frozen=True)
class Bootstrap:
    """The metrics of one or more runs on the same resamples. R = resamples."""

    values: Sequence[dict[Key, float]]
    """The metrics of each run on the videos themselves."""
    resampled: Sequence[dict[Key, np.ndarray]]
    """float64 [R] for each run and metric."""

    def interval(self, run: int, key: Key) -> Interval:
        """The interval of a run's metric, within 0 and 1."""
        value, low, high = _interval(self.values[run][key], self.resampled[run][key])
        return Interval(value, max(0.0, low), min(1.0, high))

    def difference(self, run: int, other: int, key: Key) -> Interval:
        """The interval of a run's metric less another's, from the differences on the same resamples."""
        resampled = self.resampled[run][key] - self.resampled[other][key]
        return _interval(self.values[run][key] - self.values[other][key], resampled)


def bootstrap(of_runs: Sequence[Rankings], count: int = NUM_RESAMPLES, seed: int = 0) -> Bootstrap:
    """Resamples the videos of runs that were scored on the same records.

    Args:
        of_runs: the entries of each run, of the same videos.
        count: number of resamples. The memory does not grow with it.
        seed: seed of the resamples. The same seed and videos give the same resamples.

    Raises:
        ValueError: the runs have different numbers of videos.
    """
    numbers = {each.num_videos for each in of_runs}
    if len(numbers) > 1:
        raise ValueError(f"runs on {sorted(numbers)} videos cannot be resampled together")
    (num_videos,) = numbers
    whole = np.ones(num_videos, np.int64)
    measured: list[list[dict[Key, float]]] = [[] for _ in of_runs]
    for weights in resamples(num_videos, count, seed):
        for rows, each in zip(measured, of_runs, strict=True):
            rows.append(each.measure(weights))
    resampled = [{key: np.array([row[key] for row in rows]) for key in ("gap", "map")} for rows in measured]
    return Bootstrap([each.measure(whole) for each in of_runs], resampled)


def _interval(value: float, resampled: np.ndarray) -> Interval:
    """The value, moved by what the percentiles are away from the mean of the resamples.

    Resamples repeat videos and lose rare classes, so the mean of their MAP is not that of the videos, whose interval it would
    shift.
    """
    there = resampled[np.isfinite(resampled)]
    if not there.size:
        return Interval(value, -np.inf, np.inf)
    low, high = np.quantile(there, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]) - there.mean()
    return Interval(value, float(value + low), float(value + high))
