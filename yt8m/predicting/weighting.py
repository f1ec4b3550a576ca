"""Weights of an ensemble's members, learned on labelled records and judged on others.

M = members.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from yt8m.errors import InputError
from yt8m.metrics.ratings import SegmentRatings
from yt8m.predicting.combining import Mean
from yt8m.predicting.pairs import Pairs, labelled_pairs
from yt8m.predicting.parts import Described, Predictions

_LEAST_SHARE = 0.02
"""A member that does not get more is left out."""


@dataclass(frozen=True)
class Weights:
    """Weights and what they are worth."""

    members: list[str]
    mean: Mean
    weights: list[float]
    """One a member; they sum to 1. Learned on all videos."""
    metric: str
    """Its key: the primary metric of the task."""
    score: float
    """Of each part of the videos with weights that were learned on the other parts: what to expect on other data."""
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
    """The weights with the best segment MAP, or GAP, by the simplex search of Nelder and Mead from equal ones.

    Args:
        members: predictions that cover the labelled rows; of videos that no member was trained on.
        mean: how they are combined.
        ratings: of the segment task.
        labels: by video; of the video task.

    Raises:
        InputError: the members do not fit together; one alone; no labelled row, or none positive.
    """
    require_several(members)
    pairs = labelled_pairs(members, mean, ratings, labels)
    totals = np.zeros(len(pairs.hits))
    for others, own in pairs.chosen_of_parts():
        totals[own] = pairs.means(_search(pairs, others), own)
    return Weights(
        members=[member.name for member in members],
        mean=mean,
        weights=_search(pairs, np.ones(len(pairs.hits), bool)).tolist(),
        metric=pairs.metric,
        score=pairs.measure(totals),
        equal=pairs.measure(pairs.means(np.full(len(members), 1 / len(members)))),
        alone=[pairs.measure(pairs.means(weights)) for weights in np.eye(len(members))],
    )


def require_several(members: Sequence[Described]) -> None:
    """Raises InputError for one member alone."""
    if len(members) < 2:
        raise InputError(f"{members[0].name}: one member needs no weights; name two or more")


def _search(pairs: Pairs, chosen: np.ndarray) -> np.ndarray:
    """Weights float64 [M] of the pairs that are chosen."""
    count = pairs.values.shape[1]

    def weights_of(free: np.ndarray) -> np.ndarray:
        exponentials = np.exp(np.append(free, 0.0) - max(free.max(), 0.0))
        return exponentials / exponentials.sum()

    def loss(free: np.ndarray) -> float:
        return -pairs.measure(pairs.means(weights_of(free)), chosen)

    simplex = np.vstack([np.zeros(count - 1), 1.5 * np.eye(count - 1)])
    options = {"initial_simplex": simplex, "maxfev": 60 * count, "xatol": 0.01, "fatol": 1e-6}
    found = minimize(loss, simplex[0], method="Nelder-Mead", options=options)
    weights = weights_of(found.x)
    weights[weights < _LEAST_SHARE] = 0.0
    return weights / weights.sum()
