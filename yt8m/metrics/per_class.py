"""Average precision class by class: what the means over classes are means of."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

MANY_POSITIVES = 10
"""From so many videos, or segments, on, an average precision says something of the class."""


@dataclass(frozen=True)
class PerClass:
    """The average precision and the counts of M classes: those with a positive, and for segments all that were rated.

    `VideoMetrics`, `SegmentMetrics` and `SegmentRankingMetrics` give it, and take their own means from it.
    """

    class_ids: np.ndarray
    """int64 [M], ascending."""
    average_precision: np.ndarray
    """float64 [M], from 0 to 1; NaN of a class without a positive, for which it is undefined."""
    num_positives: np.ndarray
    """int64 [M]: videos with the label, or segments rated positive."""
    num_negatives: np.ndarray | None = None
    """int64 [M]: segments rated negative; None for videos, of which all without the label are negative."""

    @property
    def has_positives(self) -> np.ndarray:
        """bool [M]: whether the class has an average precision."""
        return self.num_positives > 0

    def mean(self) -> float:
        """The mean average precision over the classes with a positive, of which there must be one."""
        return self.mean_of(np.ones(len(self.class_ids), bool))

    def mean_of(self, chosen: np.ndarray) -> float:
        """The same over some of them, bool [M]; 0 if none of these has a positive."""
        chosen = chosen & self.has_positives
        return float(np.mean(self.average_precision[chosen])) if chosen.any() else 0.0


def from_precision_sums(
    class_ids: np.ndarray, sums: np.ndarray, num_positives: np.ndarray, num_negatives: np.ndarray | None = None
) -> PerClass:
    """The same from sums of precisions at hits, float [M], each of which is divided by its class's positives."""
    undefined = np.full(len(class_ids), np.nan)
    precisions = np.divide(sums, num_positives, out=undefined, where=num_positives > 0)
    return PerClass(class_ids, precisions, num_positives, num_negatives)


def enough_positives(counts: Iterable[int], wanted: int) -> int:
    """The positives that a class must have to be named among the best or the worst ones.

    The average precision of a class of three videos is chance. So it is `MANY_POSITIVES`, or fewer, where otherwise not as many
    classes as wanted were left.

    Args:
        counts: positives of the classes that have any.
        wanted: classes that are to be left, if there are so many.
    """
    return min([MANY_POSITIVES, *sorted(counts, reverse=True)[:wanted]])
