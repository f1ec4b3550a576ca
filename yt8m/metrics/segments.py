"""Mean average precision of rated five-second segments. Definitions and examples: docs/metrics.md."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from yt8m.data.schema import LABEL_PADDING
from yt8m.errors import InputError, quantity
from yt8m.metrics import registry
from yt8m.metrics.entries import MAX_CLASSES, RankedEntries
from yt8m.metrics.inputs import as_float32, check_finite, check_ids, id_text
from yt8m.metrics.per_class import PerClass, from_precision_sums
from yt8m.metrics.ranking import precision_sum
from yt8m.metrics.ratings import Segment, SegmentRatings

DEFAULT_MAX_SEGMENTS = 100_000
"""Segments per class that count."""


class ClassMeans(ABC):
    """Means over the classes, for the scores of a model and for submitted rankings."""

    _ratings: SegmentRatings

    @abstractmethod
    def per_class(self) -> PerClass:
        """Average precision and counts of every rated class. The precision of a class without a ranking is 0."""

    @abstractmethod
    def _is_ranked(self, class_ids: np.ndarray) -> np.ndarray:
        """Whether segments are ranked for each of the classes, int64 [M]: bool [M]."""

    def result(self) -> dict[str, float | int]:
        """The metrics so far. You may add more afterwards.

        Returns:
            The metrics of the segment task in `yt8m.metrics.registry`, by key, from 0 to 1: `segment_map`, the mean over all
            classes with a positive, where a class without a ranking counts 0; and `segment_map_submitted`, the mean over those
            with a ranking (0 if there are none). Also `num_segments`, the number of rated segments.

        Raises:
            InputError: no segment was rated positive.
        """
        _check_positive(self._ratings)
        values = {metric.key: getattr(self, metric.key)() for metric in registry.of_task("segment")}
        return values | {"num_segments": self._ratings.num_segments}

    def segment_map(self) -> float:
        """The mean over all classes with a positive. There must be at least one."""
        return self.per_class().mean()

    def segment_map_submitted(self) -> float:
        """The mean over the classes with a positive and a ranking; 0 if there are none."""
        per_class = self.per_class()
        return per_class.mean_of(self._is_ranked(per_class.class_ids))


class SegmentMetrics(ClassMeans):
    """Segment MAP of a model's scores for rated segments, a batch at a time.

    A segment is ranked only for its rated classes. The ranking contains all rated segments: no class has more than 100 000,
    so there is nothing to cut off. Scores are compared as float32.

    Args:
        num_classes: classes C of the vocabulary.
        ranked_classes: classes with a ranking. The average precision of others is 0, as in a submission without a row for
            them. None = all.
    """

    def __init__(self, num_classes: int, ranked_classes: Sequence[int] | None = None):
        if not 1 <= num_classes <= MAX_CLASSES:
            raise ValueError(f"num_classes is {num_classes}; it must be from 1 to {MAX_CLASSES}")
        self.num_classes = num_classes
        self._ranked = np.ones(num_classes, bool)
        if ranked_classes is not None:
            self._ranked = np.isin(np.arange(num_classes), ranked_classes)
        self._ratings = SegmentRatings()
        self._entries = RankedEntries()

    def update(
        self,
        scores: np.ndarray,
        ids: Sequence[str | bytes],
        starts: np.ndarray,
        labels: np.ndarray,
        label_scores: np.ndarray,
    ) -> None:
        """Adds rated segments.

        Args:
            scores: float [N, C].
            ids: the videos' ids, [N].
            starts: int [N], the segments' first seconds.
            labels: int [N, L], rated classes, padded with -1.
            label_scores: float [N, L], from 0 to 1; `yt8m.data.schema.is_present` says which are positive.

        Raises:
            InputError: a score is NaN or infinite, a rated class is out of range, or ratings contradict each other.
            ValueError: the shapes do not fit together.
        """
        scores, labels = as_float32(scores), np.asarray(labels)
        if scores.ndim != 2 or scores.shape[1] != self.num_classes or len(scores) != len(labels):
            raise ValueError(f"scores {scores.shape} must be [{len(labels)}, {self.num_classes}]")
        check_ids(ids, len(scores))
        names = [f"{id_text(video)}:{start}" for video, start in zip(ids, np.asarray(starts), strict=True)]
        check_finite(scores, names, kind="segment")
        wrong = labels[(labels < LABEL_PADDING) | (labels >= self.num_classes)]
        if wrong.size:
            raise InputError(
                f"a segment is rated for class {wrong.flat[0]}; classes go from 0 to {self.num_classes - 1}"
            )
        new = self._ratings.add_batch(ids, starts, labels, label_scores)
        if new:
            rows, classes, positives = (np.array(column) for column in zip(*new, strict=True))
            self._entries.append(classes, scores[rows, classes], positives)

    def merge(self, other: "SegmentMetrics") -> None:
        """Adds all segments of another accumulator, which does not change. They must not have segments in common.

        Raises:
            InputError: ratings contradict each other.
            ValueError: the other has another number of classes.
        """
        if other.num_classes != self.num_classes:
            raise ValueError(f"metrics of {self.num_classes} classes cannot take in metrics of {other.num_classes}")
        self._ratings.merge(other._ratings)
        self._entries.extend(other._entries)

    def per_class(self) -> PerClass:
        """Average precision (0 without a ranking) and counts of every rated class. You may add more afterwards."""
        class_ids, positives, negatives = self._ratings.counts()
        sums = np.where(self._ranked, self._entries.class_precision_sums(self.num_classes), 0.0)[class_ids]
        return from_precision_sums(class_ids, sums, positives, negatives)

    def _is_ranked(self, class_ids: np.ndarray) -> np.ndarray:
        return self._ranked[class_ids]

    def pooled(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All ratings by falling score, in chunks, for `yt8m.metrics.pooled`.

        Returns:
            The scores, float32 [M], and whether each rating is positive, bool [M].
        """
        return self._entries.pooled()

    @property
    def num_positives(self) -> int:
        """Positive ratings."""
        return int(self._ratings.counts().positives.sum())

    @property
    def num_pairs(self) -> int:
        """Ratings: pairs of a segment and a class."""
        return len(self._entries)


class SegmentRankingMetrics(ClassMeans):
    """Segment MAP@K of submitted rankings. They have an order but no scores, so there are no ties.

    Args:
        ratings: all rated segments.
        top_k: segments per class that count, rated or not.

    Raises:
        InputError: no segment was rated positive.
    """

    def __init__(self, ratings: SegmentRatings, top_k: int = DEFAULT_MAX_SEGMENTS):
        self._ratings, self._top_k = ratings, top_k
        self._counts = ratings.counts()
        self._precision_sums: dict[int, float] = {}  # for each submitted class
        _check_positive(ratings)

    def add(self, class_id: int, segments: Iterable[Segment]) -> None:
        """Adds a submitted class.

        Args:
            class_id: the class.
            segments: its segments, best first. They are read once.

        Raises:
            InputError: the class, or one of its segments, comes twice.
        """
        if class_id in self._precision_sums:
            raise InputError(f"class {class_id} is ranked twice; give one ranking per class")
        rated = self._ratings.of_class(class_id)
        hits = _rated_hits(class_id, islice(segments, self._top_k), rated) if rated else []
        self._precision_sums[class_id] = precision_sum(np.arange(len(hits) + 1), np.cumsum([0, *hits]))

    @property
    def submitted_classes(self) -> list[int]:
        """The classes added so far."""
        return list(self._precision_sums)

    def per_class(self) -> PerClass:
        """Average precision and counts of every rated class. The precision of a class that was not submitted is 0."""
        class_ids, positives, negatives = self._counts
        sums = np.array([self._precision_sums.get(class_id, 0.0) for class_id in class_ids.tolist()])
        return from_precision_sums(class_ids, sums, positives, negatives)

    def _is_ranked(self, class_ids: np.ndarray) -> np.ndarray:
        return np.isin(class_ids, self.submitted_classes)


def segment_map(
    rankings: Iterable[tuple[int, Iterable[Segment]]],
    ratings: SegmentRatings,
    top_k: int = DEFAULT_MAX_SEGMENTS,
) -> dict[str, float | int]:
    """Segment MAP@K of submitted rankings. `SegmentRankingMetrics` also gives the average precision of each class.

    Args:
        rankings: each submitted class with its segments, best first. They are read once, one class at a time.
        ratings: the rated segments.
        top_k: segments per class that count, rated or not.

    Returns:
        The same as `SegmentRankingMetrics.result`.

    Raises:
        InputError: no segment was rated positive, or a class, or a segment within a class, comes twice.
    """
    metrics = SegmentRankingMetrics(ratings, top_k)
    for class_id, segments in rankings:
        metrics.add(class_id, segments)
    return metrics.result()


def _check_positive(ratings: SegmentRatings) -> None:
    """Raises InputError if no class has a positive."""
    if not ratings.counts().positives.any():
        raise InputError(
            f"none of {quantity(ratings.num_segments, 'rated segment')} is positive for a class; is this rated data?"
        )


def _rated_hits(class_id: int, segments: Iterable[Segment], rated: Mapping[Segment, bool]) -> list[bool]:
    found = [segment for segment in segments if segment in rated]
    if len(set(found)) < len(found):
        twice = next(segment for index, segment in enumerate(found) if segment in found[:index])
        raise InputError(f"class {class_id} ranks video {twice[0]!r}, segment at {twice[1]} s, twice; list it once")
    return [rated[segment] for segment in found]
