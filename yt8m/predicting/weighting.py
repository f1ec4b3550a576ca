"""Weights of an ensemble's members, learned on labelled records and tested on others.

M = members.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import minimize

from yt8m.errors import InputError
from yt8m.metrics.ratings import SegmentRatings
from yt8m.predicting.combining import Mean
from yt8m.predicting.pairs import Pairs, labelled_pairs
from yt8m.predicting.parts import Described, Predictions

_LEAST_SHARE = 0.02
"""A member with no more than this share is left out."""


class Sum:
    """The base of what is learned as one weight a member, with the attributes of `yt8m.predicting.reranked.LearnedNetwork`."""

    reranker: ClassVar[None] = None
    better: ClassVar[None] = None

    @property
    def told(self):
        """What is told of it: all that there is."""
        return self

    def as_json(self) -> dict[str, Any]:
        """As a file of weights holds it."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Weights(Sum):
    """Learned weights and their scores."""

    members: list[str]
    mean: Mean
    weights: list[float]
    """One weight for each member, with the sum 1, learned on all videos."""
    metric: str
    """The key of the metric, which is the primary metric of the task."""
    score: float
    """The metric to expect on other data: each part of the videos is scored with weights learned on the other parts."""
    equal: float
    """The same metric with equal weights."""
    alone: list[float]
    """The same metric of each member alone."""


def learn_weights(
    members: Sequence[Predictions],
    mean: Mean,
    *,
    ratings: SegmentRatings | None = None,
    labels: Mapping[str, Sequence[int]] | None = None,
) -> Weights:
    """Finds the weights with the best segment MAP or GAP, by the simplex search of Nelder and Mead from equal weights.

    Args:
        members: predictions that cover the labelled rows, for videos that no member was trained on.
        mean: the mean that combines them.
        ratings: the rated segments, for the segment task.
        labels: the labels by video, for the video task.

    Raises:
        InputError: the members do not fit together; there is only one; there is no labelled row, or no positive one.
    """
    require_several(members)
    pairs = labelled_pairs(members, mean, ratings, labels)
    totals = np.zeros(len(pairs.hits))
    for others, own in pairs.chosen_of_parts():
        totals[own] = pairs.of(own).means(_search(pairs.of(others)))
    return Weights(
        members=[member.name for member in members],
        mean=mean,
        weights=_search(pairs).tolist(),
        metric=pairs.metric,
        score=pairs.measure(totals),
        equal=pairs.measure(pairs.means(np.full(len(members), 1 / len(members)))),
        alone=[pairs.measure(pairs.means(weights)) for weights in np.eye(len(members))],
    )


def require_several(members: Sequence[Described]) -> None:
    """Raises InputError if there is only one member."""
    if len(members) < 2:
        raise InputError(f"{members[0].name}: one member needs no weights; name two or more")


def _search(pairs: Pairs) -> np.ndarray:
    """Learns weights, float64 [M]."""
    count = pairs.values.shape[1]

    def weights_of(free: np.ndarray) -> np.ndarray:
        exponentials = np.exp(np.append(free, 0.0) - max(free.max(), 0.0))
        return exponentials / exponentials.sum()

    def loss(free: np.ndarray) -> float:
        return -pairs.measure(pairs.means(weights_of(free)))

    simplex = np.vstack([np.zeros(count - 1), 1.5 * np.eye(count - 1)])
    options = {"initial_simplex": simplex, "maxfev": 60 * count, "xatol": 0.01, "fatol": 1e-6}
    found = minimize(loss, simplex[0], method="Nelder-Mead", options=options)
    weights = weights_of(found.x)
    weights[weights < _LEAST_SHARE] = 0.0
    return weights / weights.sum()
