"""Precision against recall, and the reliability of probabilities, over the predictions of all classes together.

Both use the entries of the metrics: a video's 20 best classes, as in a submission and in GAP; a rated segment's rated
classes. Definitions: docs/reports.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

Entries = Iterable[tuple[np.ndarray, np.ndarray]]
"""Chunks of entries, from `VideoMetrics.pooled`: falling scores, float [M], and hits, bool [M]."""


@dataclass(frozen=True)
class PrecisionRecall:
    """Points of a curve, the highest threshold first. Equal scores share a point."""

    thresholds: np.ndarray
    """float [T]: the lowest score that is predicted."""
    precision: np.ndarray
    """float64 [T]: share of hits among the predicted entries."""
    recall: np.ndarray
    """float64 [T]: share of all labels that are predicted. The last value is below 1 if lists lack labels."""


def precision_recall(entries: Entries, num_positives: int, num_points: int = 1000) -> PrecisionRecall:
    """Precision against recall as the threshold falls.

    The area under all points of the entries of videos, with the precision held from one hit to the next, is GAP.

    Args:
        entries: at least one.
        num_positives: all labels, including those in no list.
        num_points: approximate number of points. There is one per ``1 / num_points`` of recall, and the last.
    """
    kept: list[np.ndarray] = []
    rank, hits, level = 0, 0, -1
    pending: np.ndarray | None = None  # the end of the last chunk; its block of equal scores may continue
    for scores, are_hits in entries:
        ranks = rank + np.arange(1, len(scores) + 1)
        found = hits + np.cumsum(are_hits)
        rows = np.stack([scores.astype(np.float64), ranks, found], axis=1)
        ends = np.append(scores[1:] != scores[:-1], True)
        rank, hits = int(ranks[-1]), int(found[-1])
        rows = rows[ends]
        if pending is not None and pending[0] != rows[0, 0]:
            rows = np.concatenate([pending[None], rows])
        pending, rows = rows[-1], rows[:-1]
        levels = rows[:, 2] * num_points // num_positives
        kept.append(rows[np.diff(levels, prepend=level) > 0])
        level = levels[-1] if levels.size else level
    assert pending is not None, "there are no entries"
    thresholds, ranks, found = np.concatenate([*kept, pending[None]]).T
    return PrecisionRecall(thresholds, found / ranks, found / num_positives)


def counts_at(entries: Entries, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The entries, and the hits among them, with at least the score of each threshold: int64 [T] each.

    Args:
        entries: any number, even none.
        thresholds: float [T].
    """
    taken, hits = np.zeros(len(thresholds), np.int64), np.zeros(len(thresholds), np.int64)
    for scores, are_hits in entries:
        places = np.searchsorted(-scores, -np.asarray(thresholds, scores.dtype), side="right")
        taken += places
        hits += np.append(0, np.cumsum(are_hits))[places]
    return taken, hits


@dataclass(frozen=True)
class Reliability:
    """Predicted and true frequencies, in B bins of equal width from 0 to 1."""

    counts: np.ndarray
    """int64 [B]: entries."""
    mean_probabilities: np.ndarray
    """float64 [B]: their mean predicted probability; NaN for an empty bin."""
    hit_shares: np.ndarray
    """float64 [B]: their share of hits; NaN for an empty bin."""

    @property
    def expected_calibration_error(self) -> float:
        """The mean difference between probability and share of hits, by entries (arXiv 1706.04599, equation 3)."""
        gaps = np.abs(self.mean_probabilities - self.hit_shares)
        filled = self.counts > 0
        return float(np.sum(gaps[filled] * self.counts[filled]) / self.counts.sum())


def reliability(entries: Entries, num_bins: int = 15) -> Reliability:
    """The reliability of probabilities.

    `calibration_curve` of scikit-learn gives the same means and shares, but no counts, which the error needs. It also holds
    all entries at once: 20 million take 417 MB and 1.6 CPU seconds there; one chunk after another, as here, takes 0.4 s.

    Args:
        entries: scores from 0 to 1; at least one.
        num_bins: B; bin b holds b/B <= p < (b + 1)/B, and the last one 1 too. 15 are those of Guo et al.
    """
    counts, hits, sums = np.zeros(num_bins, np.int64), np.zeros(num_bins, np.int64), np.zeros(num_bins)
    for probabilities, are_hits in entries:
        exact = probabilities.astype(np.float64)
        bins = np.minimum((exact * num_bins).astype(np.int64), num_bins - 1)
        counts += np.bincount(bins, minlength=num_bins)
        hits += np.bincount(bins[are_hits], minlength=num_bins)
        sums += np.bincount(bins, weights=exact, minlength=num_bins)
    empty = np.full(num_bins, np.nan)
    means, shares = (np.divide(each, counts, out=empty.copy(), where=counts > 0) for each in (sums, hits))
    return Reliability(counts, means, shares)
