"""Fits calibrations to counts of logits: isotonic regression, or Platt's logistic regression, by scikit-learn.

All pairs of a row and a class count. There are billions of them, so they are counted in bins of logits as they come.

C = classes, B = bins.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from yt8m.errors import InputError
from yt8m.metrics.registry import Task
from yt8m.scoring.calibration import LogitMap, LogitMaps, Method

LARGEST = 32
"""Logits beyond this value, or below its negative, count as this value."""
BINS_A_UNIT = 32
NUM_BINS = 2 * LARGEST * BINS_A_UNIT
CENTRES = (np.arange(NUM_BINS) + 0.5) / BINS_A_UNIT - LARGEST
"""Middles of the bins, float64 [B]."""
_TIE_BREAK = 0.01
"""Share of the logit itself in the result. Isotonic regression makes flat steps; this share breaks their ties."""
_DECIMALS = 6
_PROBLEMS: dict[Task, tuple[str, str, str, str]] = {
    "video": (
        "there are none",
        "none has a label",
        "every class is a label of each",
        "labels do not have higher logits than the other classes",
    ),
    "segment": (
        "they have no ratings",
        "no rating is positive",
        "no rating is negative",
        "positive ratings do not have higher logits than negative ones",
    ),
}
"""What can be wrong with videos, by task: no pairs, no hits, no misses, logits that do not rise with the share of hits."""


class LogitCounts:
    """Numbers of misses and hits in each bin of logits, in two halves of the rows.

    Args:
        num_classes: C.
        by_class: whether to count each class separately too; that takes 32 kB for each class.
    """

    def __init__(self, num_classes: int, by_class: bool):
        self.pooled = np.zeros((2, 2, NUM_BINS), np.int64)
        """By half, by miss or hit, by bin: int64 [2, 2, B]."""
        self.of_class = np.zeros((num_classes if by_class else 0, 2, 2, NUM_BINS), np.int32)
        """The same for each class: int32 [C or 0, 2, 2, B]."""

    def add(self, halves: np.ndarray, classes: np.ndarray, logits: np.ndarray, hits: np.ndarray) -> None:
        """Adds M pairs of a row and a class: halves int, classes int, logits float and hits bool, all [M]."""
        bins = np.clip(np.floor((logits + LARGEST) * BINS_A_UNIT), 0, NUM_BINS - 1).astype(np.int64)
        cells = (halves * 2 + hits) * NUM_BINS + bins
        self.pooled += np.bincount(cells, minlength=self.pooled.size).reshape(self.pooled.shape)
        if len(self.of_class):
            np.add.at(self.of_class.reshape(len(self.of_class), -1), (classes, cells), 1)

    def merge(self, other: "LogitCounts") -> None:
        """Adds the counts of another one."""
        self.pooled += other.pooled
        self.of_class += other.of_class

    def classes_with(self, num_positives: int) -> np.ndarray:
        """The classes with at least this many hits, int [<= C]."""
        return np.flatnonzero(self.of_class[:, :, 1].sum(axis=(1, 2)) >= num_positives)


def fit(
    counts: LogitCounts,
    method: Method,
    own_classes: Sequence[int] = (),
    halves: Sequence[int] = (0, 1),
    task: Task = "video",
) -> LogitMaps:
    """Fits functions to some halves of the rows.

    Args:
        counts: counts of logits.
        method: `isotonic` or `platt`.
        own_classes: classes that get their own function, unless their logits in these halves do not tell hits from misses.
        halves: 0, 1 or both.
        task: what the pairs are, for messages.

    Raises:
        InputError: there are no hits or no misses; or, for `platt`, logits do not rise with the share of hits.
    """
    chosen = list(halves)
    counted = counts.pooled[chosen].sum(axis=0)
    pooled = _fit(counted, method)
    if pooled is None:
        raise InputError(_problem(counted, is_half=len(chosen) == 1, task=task))
    own = {int(class_id): _fit(counts.of_class[class_id, chosen].sum(axis=0), method) for class_id in own_classes}
    return LogitMaps(pooled, {class_id: each for class_id, each in own.items() if each})


def _problem(counts: np.ndarray, is_half: bool, task: Task) -> str:
    """Says why nothing fits misses and hits, int [2, B], and what to do."""
    no_pairs, no_hits, no_misses, no_rise = _PROBLEMS[task]
    misses, hits = counts.sum(axis=1)
    videos = "one half of the videos, which must calibrate the other half" if is_half else "the videos"
    if misses and hits:
        advice = "try --method isotonic, give more records, or train the run longer"
        return f"no calibration fits {videos}: {no_rise}; {advice}"
    why = no_misses if hits else no_hits if misses else no_pairs
    return f"no calibration fits {videos}: {why}; give more records{', or another --seed' if is_half else ''}"


def _fit(counts: np.ndarray, method: Method) -> LogitMap | None:
    """Fits a function to misses and hits, int [2, B]; None if none fits."""
    misses, hits = counts.astype(np.float64)
    if not misses.any() or not hits.any():
        return None
    # Platt's (1999) targets, as if there were one more miss and one more hit: no probability becomes 0 or 1.
    least, most = 1 / (misses.sum() + 2), (hits.sum() + 1) / (hits.sum() + 2)
    return (_isotonic if method == "isotonic" else _platt)(misses, hits, least, most)


def _isotonic(misses: np.ndarray, hits: np.ndarray, least: float, most: float) -> LogitMap:
    from sklearn.isotonic import IsotonicRegression

    total = misses + hits
    filled = total > 0
    model = IsotonicRegression(y_min=least, y_max=most)
    model.fit(CENTRES[filled], hits[filled] / total[filled], sample_weight=total[filled])
    shares = np.clip(model.y_thresholds_, least, most)
    offsets = (1 - _TIE_BREAK) * (np.log(shares) - np.log1p(-shares))
    return LogitMap(_TIE_BREAK, model.X_thresholds_.tolist(), np.round(offsets, _DECIMALS).tolist())


def _platt(misses: np.ndarray, hits: np.ndarray, least: float, most: float) -> LogitMap | None:
    from scipy.linalg import LinAlgWarning
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    # A target between 0 and 1 is a weighted hit and a weighted miss.
    positive, negative = hits * most + misses * least, hits * (1 - most) + misses * (1 - least)
    filled = positive > 0
    if filled.sum() < 2:  # no slope is better than another
        return None
    logits = np.concatenate([CENTRES[filled]] * 2)[:, None]
    are_hits = np.repeat([True, False], filled.sum())
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8)
    with warnings.catch_warnings():
        # They have many lines each, and what comes of it is looked at here.
        warnings.simplefilter("ignore", LinAlgWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(logits, are_hits, sample_weight=np.concatenate([positive[filled], negative[filled]]))
    slope, offset = round(float(model.coef_[0, 0]), _DECIMALS), round(float(model.intercept_[0]), _DECIMALS)
    return LogitMap(slope, (0.0,), (offset,)) if 0 < slope < np.inf and np.isfinite(offset) else None


def total_loss(counts: LogitCounts, half: int, maps: LogitMaps) -> float:
    """The summed cross-entropy of a half's pairs after calibration, with each logit at the middle of its bin."""
    rest, total = counts.pooled[half].copy(), 0.0
    for class_id, own in maps.own.items():
        rest -= counts.of_class[class_id, half]
        total += _loss(counts.of_class[class_id, half], own)
    return total + _loss(rest, maps.pooled)


def _loss(counts: np.ndarray, each: LogitMap) -> float:
    logits = each(CENTRES).astype(np.float64)
    return float(counts[0] @ np.logaddexp(0, logits) + counts[1] @ np.logaddexp(0, -logits))
