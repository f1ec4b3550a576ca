"""Average precision of each class."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

MANY_POSITIVES = 10
"""With so many videos or segments, the average precision of a class is meaningful."""


@dataclass(frozen=True)
class PerClass:
    """Average precision and counts of M classes: those with a positive, or for segments all rated ones.

    `VideoMetrics`, `SegmentMetrics` and `SegmentRankingMetrics` return it, and take their own means from it.
    """

    class_ids: np.ndarray
    """Class ids, int64 [M], ascending."""
    average_precision: np.ndarray
    """float64 [M], from 0 to 1; NaN for a class without a positive, where it is undefined."""
    num_positives: np.ndarray
    """int64 [M]: videos with the label, or segments rated positive."""
    num_negatives: np.ndarray | None = None
    """int64 [M]: segments rated negative. None for videos, where every video without the label is negative."""

    @property
    def has_positives(self) -> np.ndarray:
        """bool [M]: whether the class has an average precision."""
        return self.num_positives > 0

    def mean(self) -> float:
        """The mean average precision over the classes with a positive. There must be at least one."""
        return self.mean_of(np.ones(len(self.class_ids), bool))

    def mean_of(self, chosen: np.ndarray) -> float:
        """The mean over some of these classes, bool [M]; 0 if none of them has a positive."""
        chosen = chosen & self.has_positives
        return float(np.mean(self.average_precision[chosen])) if chosen.any() else 0.0


def from_precision_sums(
    class_ids: np.ndarray, sums: np.ndarray, num_positives: np.ndarray, num_negatives: np.ndarray | None = None
) -> PerClass:
    """Makes a `PerClass` from sums of precisions at hits, float [M], divided by the positives of each class."""
    undefined = np.full(len(class_ids), np.nan)
    precisions = np.divide(sums, num_positives, out=undefined, where=num_positives > 0)
    return PerClass(class_ids, precisions, num_positives, num_negatives)


def enough_positives(counts: Iterable[int], wanted: int) -> int:
    """The positives that a class needs to be listed among the best or worst.

    With three videos, average precision is chance. So the limit is `MANY_POSITIVES`, or less if too few classes reach it.

    Args:
        counts: positives of each class that has any.
        wanted: the number of classes that should reach the limit.
    """
    return min([MANY_POSITIVES, *sorted(counts, reverse=True)[:wanted]])
