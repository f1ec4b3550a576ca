"""The ratings of segments."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from yt8m.data.schema import LABEL_PADDING, is_present
from yt8m.errors import InputError
from yt8m.metrics.inputs import check_ids, id_text

Segment = tuple[str, int]
"""A video's id and the segment's first second."""


class Rated(NamedTuple):
    """A rating of a row of a batch."""

    row: int
    class_id: int
    positive: bool


class RatingCounts(NamedTuple):
    """How many segments of each rated class were rated positive and negative, int64 [M] each."""

    class_ids: np.ndarray
    """In ascending order."""
    positives: np.ndarray
    negatives: np.ndarray


class SegmentRatings:
    """The ratings of segments."""

    def __init__(self):
        self._by_class: dict[int, dict[Segment, bool]] = {}
        self._segments: set[Segment] = set()

    def add(self, segment: Segment, class_id: int, positive: bool) -> bool:
        """Adds one rating. Repeating it changes nothing.

        Args:
            segment: the video's id and the segment's first second.
            class_id: the rated class.
            positive: whether the segment shows the class.

        Returns:
            Whether the rating is new.

        Raises:
            InputError: an earlier rating contradicts it.
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
    ) -> list[Rated]:
        """Adds the ratings of a batch of rated segments, in the form of `yt8m.data.schema`.

        Args:
            ids: the videos' ids, [N].
            starts: int [N], the segments' first seconds.
            labels: int [N, L], rated classes, padded with -1.
            label_scores: float [N, L], from 0 to 1; `is_present` says which are positive.

        Returns:
            The new ratings.

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
            class_id, positive = int(labels[row, column]), bool(is_present(label_scores[row, column]))
            if self.add((id_text(ids[row]), int(starts[row])), class_id, positive):
                new.append(Rated(row, class_id, positive))
        return new

    def merge(self, other: "SegmentRatings") -> None:
        """Adds all ratings of another object, which does not change. Raises InputError if ratings contradict each other."""
        for class_id, ratings in other._by_class.items():
            for segment, positive in ratings.items():
                self.add(segment, class_id, positive)

    def of_class(self, class_id: int) -> Mapping[Segment, bool]:
        """The rated segments of a class, True if positive. Empty for a class without ratings."""
        return self._by_class.get(class_id, {})

    def by_segment(self) -> dict[Segment, list[tuple[int, bool]]]:
        """The rated classes of each segment, ascending, each with whether it is positive."""
        segments: dict[Segment, list[tuple[int, bool]]] = {}
        for class_id in sorted(self._by_class):
            for segment, positive in self._by_class[class_id].items():
                segments.setdefault(segment, []).append((class_id, positive))
        return segments

    def counts(self) -> RatingCounts:
        """The rated classes, with their numbers of positive and negative segments."""
        classes = sorted(self._by_class)
        positives = np.array([sum(self._by_class[class_id].values()) for class_id in classes], np.int64)
        num_rated = np.array([len(self._by_class[class_id]) for class_id in classes], np.int64)
        return RatingCounts(np.array(classes, np.int64), positives, num_rated - positives)

    @property
    def num_segments(self) -> int:
        """Segments with a rating."""
        return len(self._segments)

    @property
    def video_ids(self) -> set[str]:
        """Videos with a rated segment."""
        return {video_id for video_id, _ in self._segments}
