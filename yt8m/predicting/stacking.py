"""A logistic regression on the logits of an ensemble's members, learned on labelled records and tested on others.

Unlike the weights of a mean, its weights may be negative and have any sum. They also scale and shift the logits, so that its
probabilities fit the labels. All classes share the weights.

M = members, P = pairs of a row and a class, N = rows of a part, C = classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from yt8m.errors import InputError, quantity
from yt8m.metrics.ratings import SegmentRatings
from yt8m.predicting.combining import Mean, WeightedSum
from yt8m.predicting.pairs import Pairs, labelled_pairs
from yt8m.predicting.parts import Described, Predictions
from yt8m.predicting.weighting import Sum, Weights, learn_weights

LOGISTIC = "logistic"
"""The name of the mean in a file with the weights of a logistic regression."""


@dataclass(frozen=True)
class LearnedMean:
    """A mean with learned weights, and its scores on the same pairs."""

    mean: Mean
    weights: list[float]
    score: float


@dataclass(frozen=True)
class Stack(Sum):
    """A logistic regression and its scores. The fields of `yt8m.predicting.weighting.Weights` mean the same here."""

    members: list[str]
    mean: str
    """`LOGISTIC`."""
    weights: list[float]
    """One weight for each member, of any sign, learned on all videos."""
    intercept: float
    metric: str
    score: float
    equal: float
    """The metric of the mean with equal weights."""
    alone: list[float]
    learned: LearnedMean
    """The mean with learned weights, for comparison."""


def learn_stack(
    members: Sequence[Predictions],
    mean: Mean,
    *,
    ratings: SegmentRatings | None = None,
    labels: Mapping[str, Sequence[int]] | None = None,
) -> Stack:
    """Fits scikit-learn's `LogisticRegression` (C = 1) to the members' logits of labelled pairs.

    Args:
        members, ratings, labels: as in `yt8m.predicting.weighting.learn_weights`.
        mean: the mean to compare it with.

    Raises:
        InputError: as `learn_weights`; all labels are equal.
    """
    learned = learn_weights(members, mean, ratings=ratings, labels=labels)
    return stack_of(fit_regressions(members, ratings, labels), learned)


def stack_of(fitted: "Regressions", learned: Weights) -> Stack:
    """Scores the regressions, each on the part that it was not fitted to, beside the learned weights of a mean."""
    pairs, values = fitted.pairs, fitted.values
    scores = np.zeros(len(values))
    for _, own, regression in fitted.of_parts:
        if regression is None:
            scores[own] = values[own].mean(axis=1)
        else:
            scores[own] = values[own] @ regression.weights + regression.intercept
    return Stack(
        members=learned.members,
        mean=LOGISTIC,
        weights=fitted.whole.weights.tolist(),
        intercept=fitted.whole.intercept,
        metric=pairs.metric,
        score=pairs.measure(_last_unless_said(scores, pairs)),
        equal=learned.equal,
        alone=learned.alone,
        learned=LearnedMean(learned.mean, learned.weights, learned.score),
    )


@dataclass(frozen=True)
class Regression:
    """A weighted sum of logits."""

    weights: np.ndarray
    """float64 [M]"""
    intercept: float


@dataclass(frozen=True)
class Regressions:
    """Logistic regressions on the labelled pairs, and on those without each part."""

    pairs: Pairs
    values: np.ndarray
    """The members' logits, float32 [P, M], without gaps."""
    whole: Regression
    """That of all pairs."""
    of_parts: list[tuple[np.ndarray, np.ndarray, Regression | None]]
    """For each part of the videos the pairs of all others and its own, bool [P], and the regression of the others. Few videos may
    have none: use equal weights then, which learn nothing either."""


def fit_regressions(
    members: Sequence[Predictions],
    ratings: SegmentRatings | None = None,
    labels: Mapping[str, Sequence[int]] | None = None,
) -> Regressions:
    """Fits them. Arguments and errors are those of `learn_stack`."""
    pairs = labelled_pairs(members, LOGISTIC, ratings, labels)
    values = filled(pairs.values, pairs.said)
    whole = _fit(values, pairs.hits, members)
    of_parts = [
        (others, own, _fit(values[others], pairs.hits[others], members) if _has_both(pairs.hits[others]) else None)
        for others, own in pairs.chosen_of_parts()
    ]
    return Regressions(pairs, values, whole, of_parts)


def _has_both(hits: np.ndarray) -> bool:
    return len(np.unique(hits)) == 2


def _fit(values: np.ndarray, hits: np.ndarray, members: Sequence[Described]) -> Regression:
    """Fits one to values float [P, M] and hits bool [P]. Raises InputError if all hits are equal."""
    from sklearn.linear_model import LogisticRegression

    if not _has_both(hits):
        every = "all" if hits.all() else "none"
        raise InputError(
            f"{members[0].name}: {every} of {quantity(len(hits), 'pair')} of a row and a class are labels, and a regression "
            "needs both kinds; give more records, or learn weights of a mean (--method weights)"
        )
    model = LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(values.astype(np.float64), hits)
    return Regression(model.coef_[0], float(model.intercept_[0]))


def filled(values: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Returns values float [P, M]; the mean of the members that have a value replaces missing values."""
    spoken = said.sum(axis=1, keepdims=True)
    mean = (values * said).sum(axis=1, keepdims=True) / np.maximum(spoken, 1)
    return np.where(said, values, mean)


def _last_unless_said(scores: np.ndarray, pairs: Pairs) -> np.ndarray:
    """Returns scores float [P]. Pairs without a value from any member get less than all others."""
    return np.where(pairs.said.any(axis=1), scores, scores.min(initial=0.0) - 1.0)


class Stacked(WeightedSum):
    """The sum of several predictions by a logistic regression, as logits.

    Args:
        members: predictions for the same rows. Their parts have the same rows, in any order.
        weights: one for each member, finite.
        intercept: finite.

    Raises:
        InputError: the members do not fit together, or there are not as many weights as members.
    """

    def __init__(self, members: Sequence[Predictions], weights: Sequence[float], intercept: float):
        super().__init__(members, LOGISTIC, stack_weights(weights, members))
        self.intercept = intercept

    def _new_sum(self, shape: tuple[int, int]) -> "StackSum":
        return StackSum(shape, self.intercept)


class StackSum:
    """A weighted sum of logits. The mean of the members that have a value stands in for missing values."""

    def __init__(self, shape: tuple[int, int], intercept: float):
        self._total, self._plain = np.full(shape, intercept, np.float32), np.zeros(shape, np.float32)
        self._spoken, self._silent = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._all_said = True

    def add(self, weight: float, values: np.ndarray, said: np.ndarray | None) -> None:
        """See `yt8m.predicting.combining.Sum`."""
        if said is None:
            self._total += np.float32(weight) * values
            self._plain += values
            self._spoken += 1
        else:
            self._all_said = False
            self._total += np.where(said, np.float32(weight) * values, np.float32(0.0))
            self._plain += np.where(said, values, np.float32(0.0))
            self._spoken += said
            self._silent += np.where(said, np.float32(0.0), np.float32(weight))

    def logits(self) -> np.ndarray:
        """See `yt8m.predicting.combining.Sum`."""
        if self._all_said:
            return self._total
        found = self._total + self._silent * self._plain / np.maximum(self._spoken, 1)
        return np.where(self._spoken > 0, found, LOWEST)


LOWEST = np.float32(-1e3)
"""The logit of entries without a value from any member."""


def stack_weights(weights: Sequence[float], members: Sequence[Described]) -> np.ndarray:
    """Returns the weights, float64 [M]. Raises InputError unless there are as many as members."""
    if len(weights) != len(members):
        raise InputError(
            f"--weights: {len(weights)} given, {len(members)} needed; name the members that they were learned for, in their order"
        )
    return np.array(weights, np.float64)
