"""A logistic regression on the logits of an ensemble's members, learned on labelled records and judged on others.

Unlike weights of a mean, its weights may be below 0 and sum to anything. It thus scales and shifts the logits, too, so that its
probabilities fit the labels. All classes share the weights.

M = members, P = pairs of a row and a class, N = rows of a part, C = classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from yt8m.errors import InputError, quantity
from yt8m.metrics.ratings import SegmentRatings
from yt8m.predicting.combining import Combination, Mean
from yt8m.predicting.pairs import Pairs, labelled_pairs
from yt8m.predicting.parts import Described, Predictions
from yt8m.predicting.weighting import learn_weights

LOGISTIC = "logistic"
"""What a file of weights names as its mean where they are those of a logistic regression."""


@dataclass(frozen=True)
class LearnedMean:
    """What a mean with learned weights is worth on the same pairs."""

    mean: Mean
    weights: list[float]
    score: float


@dataclass(frozen=True)
class Stack:
    """A logistic regression and what it is worth. The fields of `yt8m.predicting.weighting.Weights` mean the same here."""

    members: list[str]
    mean: str
    """`LOGISTIC`."""
    weights: list[float]
    """One a member, of any sign. Learned on all videos."""
    intercept: float
    metric: str
    score: float
    equal: float
    """Of the mean with equal weights."""
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
        members, ratings, labels: as `yt8m.predicting.weighting.learn_weights` takes them.
        mean: that it is compared with.

    Raises:
        InputError: as `learn_weights`; the labels are all alike.
    """
    learned = learn_weights(members, mean, ratings=ratings, labels=labels)
    pairs = labelled_pairs(members, LOGISTIC, ratings, labels)
    values = filled(pairs.values, pairs.said)
    weights, intercept = _fit(values, pairs.hits, members)
    scores = np.zeros(len(values))
    for others, own in pairs.chosen_of_parts():
        if (
            len(np.unique(pairs.hits[others])) < 2
        ):  # of few videos; equal weights have learned nothing from the others either
            scores[own] = values[own].mean(axis=1)
        else:
            own_weights, own_intercept = _fit(values[others], pairs.hits[others], members)
            scores[own] = values[own] @ own_weights + own_intercept
    return Stack(
        members=learned.members,
        mean=LOGISTIC,
        weights=weights.tolist(),
        intercept=intercept,
        metric=pairs.metric,
        score=pairs.measure(_last_unless_said(scores, pairs)),
        equal=learned.equal,
        alone=learned.alone,
        learned=LearnedMean(mean, learned.weights, learned.score),
    )


def _fit(values: np.ndarray, hits: np.ndarray, members: Sequence[Described]) -> tuple[np.ndarray, float]:
    """Weights float64 [M] and the intercept, of values float [P, M] and hits bool [P]."""
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(hits)) < 2:
        every = "all" if hits.all() else "none"
        raise InputError(
            f"{members[0].name}: {every} of {quantity(len(hits), 'pair')} of a row and a class are labels, and a regression "
            "needs both kinds; give more records, or learn weights of a mean (--method weights)"
        )
    model = LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(values.astype(np.float64), hits)
    return model.coef_[0], float(model.intercept_[0])


def filled(values: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Values float [P, M], those of members that say nothing replaced by the mean of those that say something."""
    spoken = said.sum(axis=1, keepdims=True)
    mean = (values * said).sum(axis=1, keepdims=True) / np.maximum(spoken, 1)
    return np.where(said, values, mean)


def _last_unless_said(scores: np.ndarray, pairs: Pairs) -> np.ndarray:
    """Scores float [P], below all others where no member says anything."""
    return np.where(pairs.said.any(axis=1), scores, scores.min(initial=0.0) - 1.0)


class Stacked(Combination):
    """A logistic regression's sum of several predictions: logits again.

    Args:
        members: predictions for the same rows, in parts of the same ones, in any order.
        weights: one a member, finite.
        intercept: finite.

    Raises:
        InputError: the members do not fit together, or are of another number than the weights.
    """

    def __init__(self, members: Sequence[Predictions], weights: Sequence[float], intercept: float):
        super().__init__(members, LOGISTIC, stack_weights(weights, members))
        self.intercept = intercept

    def _new_sum(self, shape: tuple[int, int]) -> "StackSum":
        return StackSum(shape, self.intercept)


class StackSum:
    """A weighted sum of logits, in which a member that says nothing counts as the mean of those that say something."""

    def __init__(self, shape: tuple[int, int], intercept: float):
        self._total, self._plain = np.full(shape, intercept, np.float32), np.zeros(shape, np.float32)
        self._spoken, self._silent = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._all_said = True

    def add(self, weight: float, values: np.ndarray, said: np.ndarray | None) -> None:
        """As `yt8m.predicting.combining.Sum` has it."""
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
        """As `yt8m.predicting.combining.Sum` has it."""
        if self._all_said:
            return self._total
        found = self._total + self._silent * self._plain / np.maximum(self._spoken, 1)
        return np.where(self._spoken > 0, found, _LOWEST)


_LOWEST = np.float32(-1e3)
"""Of what no member says anything of."""


def stack_weights(weights: Sequence[float], members: Sequence[Described]) -> np.ndarray:
    """The weights, float64 [M]. Raises InputError unless there are as many as members."""
    if len(weights) != len(members):
        raise InputError(
            f"--weights: {len(weights)} given, {len(members)} needed; name the members that they were learned for, in their order"
        )
    return np.array(weights, np.float64)
