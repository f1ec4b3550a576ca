"""Mean average precision of rated five-second segments. Definitions and examples: docs/metrics.md."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import numpy as np

from yt8m.data.schema import LABEL_PADDING
from yt8m.errors import InputError
from yt8m.metrics.entries import MAX_CLASSES, RankedEntries
from yt8m.metrics.inputs import as_float32, check_finite, check_ids, id_text
from yt8m.metrics.ranking import precision_sum

Segment = tuple[str, int]
"""A video's id and the segment's first second."""

DEFAULT_MAX_SEGMENTS = 100_000
"""Segments of a class that count."""


class SegmentRatings:
    """Which segments were rated for which classes, and how."""

    def __init__(self):
        self._by_class: dict[int, dict[Segment, bool]] = {}
        self._segments: set[Segment] = set()

    def add(self, segment: Segment, class_id: int, positive: bool) -> bool:
        """Adds one rating; the same rating again changes nothing.

        Args:
            segment: the video's id and the segment's first second.
            class_id: the class it was rated for.
            positive: whether the class was seen there.

        Returns:
            Whether the rating is new.

        Raises:
            InputError: the segment was rated the other way for this class before.
        """
        ratings = self._by_class.setdefault(class_id, {})
        known = ratings.get(segment)
        if known is not None and known != positive:
            raise InputError(
                f"video {segment[0]!r}, segment at {segment[1]} s: rated both present and absent for class {class_id}; "
                "keep one of the two ratings"
            )
        ratings[segment] = positive
        self._segments.add(segment)
        return known is None

    def add_batch(
        self, ids: Sequence[str | bytes], starts: np.ndarray, labels: np.ndarray, label_scores: np.ndarray
    ) -> list[tuple[int, int, bool]]:
        """Adds the ratings of a batch of rated segments, in the form of `yt8m.data.schema`.

        Args:
            ids: the videos' ids, [N].
            starts: int [N], the segments' first seconds.
            labels: int [N, L], rated classes, padded with -1.
            label_scores: float [N, L], above 0 where the class was seen.

        Returns:
            The new ratings as (row, class, positive).

        Raises:
            InputError: ratings contradict each other.
            ValueError: the shapes do not fit together.
        """
        starts, labels, label_scores = np.asarray(starts), np.asarray(labels), np.asarray(label_scores)
        if labels.ndim != 2 or labels.shape != label_scores.shape or starts.shape != labels.shape[:1]:
            raise ValueError(f"starts {starts.shape}, labels {labels.shape}, scores {label_scores.shape} do not fit")
        check_ids(ids, len(labels))
        new = []
        for row, column in np.argwhere(labels != LABEL_PADDING).tolist():
            class_id, positive = int(labels[row, column]), bool(label_scores[row, column] > 0)
            if self.add((id_text(ids[row]), int(starts[row])), class_id, positive):
                new.append((row, class_id, positive))
        return new

    def of_class(self, class_id: int) -> Mapping[Segment, bool]:
        """The rated segments of a class, True where the class was seen; empty for a class never rated."""
        return self._by_class.get(class_id, {})

    def num_positives(self) -> dict[int, int]:
        """Positive segments of every class that has one, by class in ascending order."""
        counts = {class_id: sum(ratings.values()) for class_id, ratings in sorted(self._by_class.items())}
        return {class_id: count for class_id, count in counts.items() if count}

    @property
    def num_segments(self) -> int:
        """Segments with a rating."""
        return len(self._segments)

    @property
    def video_ids(self) -> set[str]:
        """Videos with a rated segment."""
        return {video_id for video_id, _ in self._segments}


class SegmentMetrics:
    """Segment MAP of a model's scores for rated segments, a batch at a time.

    A segment takes part in the ranking of the classes that it was rated for and no other. The ranking is that of all
    rated segments: with at most 100 000 of a class, cutting it changes nothing. Scores are compared as float32.

    Args:
        num_classes: classes C of the vocabulary.
    """

    def __init__(self, num_classes: int):
        if not 1 <= num_classes <= MAX_CLASSES:
            raise ValueError(f"num_classes is {num_classes}; it must be from 1 to {MAX_CLASSES}")
        self.num_classes = num_classes
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
            label_scores: float [N, L], above 0 where the class was seen.

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

    def result(self) -> dict[str, float | int]:
        """The metrics of all segments so far; more may be added afterwards.

        Returns:
            `segment_map` and `segment_map_submitted`, equal because a model ranks every class, from 0 to 1, and
            `num_segments`, rated segments.

        Raises:
            InputError: no segment was rated positive.
        """
        positives = _positives(self._ratings)
        sums = self._entries.class_precision_sums(self.num_classes)
        mean = float(np.mean([sums[class_id] / count for class_id, count in positives.items()]))
        return {"segment_map": mean, "segment_map_submitted": mean, "num_segments": self._ratings.num_segments}


def segment_map(
    rankings: Iterable[tuple[int, Iterable[Segment]]],
    ratings: SegmentRatings,
    top_k: int = DEFAULT_MAX_SEGMENTS,
) -> dict[str, float | int]:
    """Segment MAP@K of submitted rankings, which know an order but no scores and therefore no ties.

    Args:
        rankings: a class and its segments, best first, for every submitted class; read once, one class at a time.
        ratings: the rated segments.
        top_k: segments of a class that count, rated or not.

    Returns:
        `segment_map`, the mean over all classes with a positive, where a class not submitted counts 0;
        `segment_map_submitted`, the mean over the submitted ones among them (0 if there are none); `num_segments`,
        rated segments.

    Raises:
        InputError: no segment was rated positive, or a class, or a segment within a class, comes twice.
    """
    positives = _positives(ratings)
    precisions: dict[int, float] = {}
    seen: set[int] = set()
    for class_id, segments in rankings:
        if class_id in seen:
            raise InputError(f"class {class_id} is ranked twice; give one ranking a class")
        seen.add(class_id)
        if class_id in positives:
            hits = _rated_hits(class_id, islice(segments, top_k), ratings.of_class(class_id))
            ranks = np.arange(len(hits) + 1)
            precisions[class_id] = precision_sum(ranks, np.cumsum([0, *hits])) / positives[class_id]
    total = sum(precisions[class_id] for class_id in sorted(precisions))
    return {
        "segment_map": total / len(positives),
        "segment_map_submitted": total / max(len(precisions), 1),
        "num_segments": ratings.num_segments,
    }


def _positives(ratings: SegmentRatings) -> dict[int, int]:
    positives = ratings.num_positives()
    if not positives:
        raise InputError(
            f"none of the {ratings.num_segments} rated segments is positive for a class; is this rated data?"
        )
    return positives


def _rated_hits(class_id: int, segments: Iterable[Segment], rated: Mapping[Segment, bool]) -> list[bool]:
    found = [segment for segment in segments if segment in rated]
    if len(set(found)) < len(found):
        twice = next(segment for index, segment in enumerate(found) if segment in found[:index])
        raise InputError(f"class {class_id} ranks video {twice[0]!r}, segment at {twice[1]} s, twice; list it once")
    return [rated[segment] for segment in found]
