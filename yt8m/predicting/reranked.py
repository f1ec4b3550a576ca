"""Ensembles whose best candidates a network scores once more (`yt8m.reranking`), learned on labelled records.

M = members, P = pairs of a video and a class, N = videos, C = classes.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from yt8m.errors import InputError, quantity
from yt8m.predicting.combining import LARGEST_LOGIT, Combination, Mean, Named
from yt8m.predicting.pairs import Pairs, values_of_rows
from yt8m.predicting.parts import Part, Predictions
from yt8m.predicting.stacking import LOGISTIC, LOWEST, Regression, Stack, filled, fit_regressions, stack_of
from yt8m.predicting.weighting import Weights, learn_weights
from yt8m.progress import SILENT, Progress
from yt8m.reranking import Reranker, fit_reranker

NETWORK = "network"
"""The name of the mean in a file with a network."""
_ROWS = 256
"""Videos that are scored at once."""


@dataclass(frozen=True)
class NetworkStack(Stack):
    """A logistic regression, and the score of networks that score its best candidates once more."""

    logistic: float
    """The metric of the logistic regression alone, on videos that it was not learned from."""


@dataclass(frozen=True)
class LearnedNetwork:
    """What is told of a network, and the network."""

    told: NetworkStack
    reranker: Reranker

    @property
    def better(self) -> str | None:
        """The method that scores more, as networks do not gain from few videos; None if none does."""
        others = {"weights": self.told.learned.score, "logistic": self.told.logistic}
        best = max(others, key=others.__getitem__)
        return best if others[best] > self.told.score else None

    def as_json(self) -> dict[str, Any]:
        """As a file of weights holds it."""
        return {**dataclasses.asdict(self.told), "network": self.reranker.as_json()}


Learned = Weights | Stack | LearnedNetwork
"""What each method of `yt8m weigh` learns."""


def learn_network(
    members: Sequence[Predictions],
    mean: Mean,
    *,
    labels: Mapping[str, Sequence[int]],
    progress: Progress = SILENT,
) -> LearnedNetwork:
    """Fits a logistic regression to the members' logits, and a reranker to the candidates that it finds.

    Args:
        members, labels: as in `yt8m.predicting.weighting.learn_weights`, for whole videos.
        mean: the mean to compare it with.
        progress: counts the parts of the videos whose networks are fitted, and then that of all videos.

    Raises:
        InputError: as `yt8m.predicting.stacking.learn_stack`.
    """
    learned = learn_weights(members, mean, labels=labels)
    regressions = fit_regressions(members, labels=labels)
    stack = stack_of(regressions, learned)
    pairs, values, parts = regressions.pairs, regressions.values, regressions.of_parts
    scores = np.zeros(len(values), np.float32)
    with progress.working("fitting networks", "part", total=len(parts) + 1):
        for others, own, regression in parts:
            if regression is None:
                scores[own] = values[own].mean(axis=1)
            else:
                fitted = _fit(pairs.of(others), values[others], regression)
                scores[own] = fitted.logits(*_by_video(pairs, values[own], pairs.classes[own])).ravel()
            progress.advance(1)
        reranker = _fit(pairs, values, regressions.whole)
        progress.advance(1)
    told = NetworkStack(
        **dataclasses.asdict(stack) | {"mean": NETWORK, "score": pairs.measure(scores), "learned": stack.learned},
        logistic=stack.score,
    )
    return LearnedNetwork(told, reranker)


def _by_video(pairs: Pairs, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Arrays [P, ...] of the pairs of some videos as [N, k, ...]: every video has as many."""
    count = np.count_nonzero(pairs.rows == pairs.rows[0])
    return tuple(each.reshape(-1, count, *each.shape[1:]) for each in arrays)


def _fit(pairs: Pairs, values: np.ndarray, regression: Regression) -> Reranker:
    values, classes, hits, parts = _by_video(pairs, values, pairs.classes, pairs.hits, pairs.parts)
    return fit_reranker(values, classes, hits, parts[:, 0], pairs.positives, regression.weights, regression.intercept)


class Reranked(Combination):
    """Several predictions, combined by a reranker, as logits.

    Args:
        members: predictions of whole videos for the same rows. Their parts have the same rows, in any order.
        reranker: for as many members and classes.

    Raises:
        InputError: the members do not fit together, or not to the reranker.
    """

    def __init__(self, members: Sequence[Predictions], reranker: Reranker):
        super().__init__(members, LOGISTIC, reranker_weights(reranker, members))
        self.reranker = reranker

    def read(self, number: int) -> Part:
        parts = [member.read(order[number]) for member, order in zip(self.members, self._order, strict=True)]
        first, named = parts[0], Named()
        for member, part in zip(self.members, parts, strict=True):
            named.add(part, member.description, self._class_ids)
        logits = np.empty((len(first), len(self._class_ids)), np.float32)
        for start in range(0, len(first), _ROWS):
            rows = list(range(start, min(start + _ROWS, len(first))))
            logits[rows] = self._rows(parts, rows)
        return self._as_part(first, logits, named)

    def _rows(self, parts: Sequence[Part], rows: list[int]) -> np.ndarray:
        """Logits of some rows, float32 [len(rows), C]. Classes without a value from any member come last."""
        values, said = values_of_rows(self.members, self._valued, parts, rows, self._class_ids)
        shape = values.shape
        dense = filled(values.reshape(-1, shape[-1]), said.reshape(-1, shape[-1])).reshape(shape)
        spoken = said.any(axis=-1)
        logits = self.reranker.logits(
            np.where(spoken[..., None], dense, -LARGEST_LOGIT).astype(np.float32),
            np.broadcast_to(self._class_ids, spoken.shape),
        )
        return np.where(spoken, logits, LOWEST)


def reranker_weights(reranker: Reranker, members: Sequence[Predictions]) -> np.ndarray:
    """Returns the weights of the sum, float64 [M]. Raises InputError unless the members fit the reranker."""
    given, needed = len(reranker.weights), len(members)
    if given != needed:
        raise InputError(
            f"--weights: the network was learned for {quantity(given, 'member')}, and {needed} given; name as many"
        )
    description, classes = members[0].description, len(reranker.log_frequency)
    if description.task == "segment":
        raise InputError(f"{members[0].name}: holds segments, and the network of --weights scores whole videos")
    if description.num_classes != classes:
        raise InputError(
            f"{members[0].name}: has {description.num_classes} classes, and the network of --weights was learned for {classes}; "
            "name runs or stored predictions with as many"
        )
    return reranker.weights.astype(np.float64)
