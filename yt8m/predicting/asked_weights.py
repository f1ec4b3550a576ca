"""The weights given to `yt8m ensemble`: numbers, or a file of `yt8m weigh`."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from yt8m.errors import InputError
from yt8m.files import read_json
from yt8m.predicting.combining import MEANS, Combination, Combined, Ensemble, Mean, normalised
from yt8m.predicting.parts import Described, Predictions
from yt8m.predicting.stacking import LOGISTIC, Stacked, stack_weights
from yt8m.progress import Progress
from yt8m.values import Float32, fit


@dataclasses.dataclass(frozen=True)
class AskedWeights:
    """How members are combined. M = members."""

    combined: Combined
    weights: Sequence[float] | None = None
    """One weight for each member; None = equal weights."""
    intercept: float = 0.0
    """The intercept of a logistic regression."""
    learned_for: Sequence[str] = ()
    """The members in the file of weights, in the order of the weights; empty = there is no file, or it names none."""
    file: str = ""

    def of(self, members: Sequence[Described]) -> np.ndarray:
        """Returns the weights of the members, float64 [M]. Raises InputError if they do not fit the members."""
        if self.combined == LOGISTIC:
            return stack_weights(self.weights or (), members)
        return normalised(self.weights, members)

    def given_to(self, members: Sequence[str | os.PathLike], progress: Progress) -> "AskedWeights":
        """Returns the weights in the order of the members.

        Paths decide whether a member is one of the file's members. If all are, each gets its own weight. Otherwise the order
        decides: runs may have moved, and weights learned from some predictions may be used for others of the same runs.

        Args:
            members: the paths of the members, as many as there are weights.
            progress: gets a line if the file names other members, or the same ones in another order.
        """
        given = [os.path.realpath(member) for member in members]
        learned_for = [os.path.realpath(name) for name in self.learned_for]
        if not learned_for or given == learned_for:
            return self
        names = [os.fspath(member) for member in members]
        if sorted(given) != sorted(learned_for):
            pairs = [f"{name} the weight of {other}" for name, other in zip(names, self.learned_for, strict=True)]
            progress.message(f"--weights {self.file}: names other members, so the order decides: {', '.join(pairs)}")
            return self
        assert self.weights is not None, "it comes from a file"
        own = dict(zip(learned_for, self.weights, strict=True))
        weights = [own[place] for place in given]
        pairs = [f"{name} {weight:.3g}" for name, weight in zip(names, weights, strict=True)]
        progress.message(
            f"--weights {self.file}: names the members in another order; each has its own weight: {', '.join(pairs)}"
        )
        return dataclasses.replace(self, weights=weights, learned_for=names)

    def combine(self, members: Sequence[Predictions]) -> Combination:
        """Combines the members into one. Raises InputError if they do not fit together."""
        if self.combined == LOGISTIC:
            return Stacked(members, self.weights or (), self.intercept)
        return Ensemble(members, self.combined, self.weights)

    def made_from(self, members: Sequence[Described]) -> dict[str, Any]:
        """Returns what determines the result beside the members, as plain JSON values."""
        values = {"mean": self.combined, "weights": self.of(members).tolist()}
        return values | {"intercept": self.intercept} if self.combined == LOGISTIC else values


def asked_weights(mean: Mean | None, weights: Sequence[float] | str | os.PathLike | None) -> AskedWeights:
    """Makes the weights from numbers or a file.

    Args:
        mean: the mean; None = the one that the weights were learned for, or else geometric.
        weights: one number for each member, the path of a file, or None for equal weights.

    Raises:
        InputError: the file cannot be read or holds no weights, or its weights were learned for another mean.
    """
    if not isinstance(weights, str | os.PathLike):
        return AskedWeights(mean or "geometric", weights)
    found = _read(weights)
    if mean and mean != found.combined:
        learned_for = "a logistic regression" if found.combined == LOGISTIC else f"the {found.combined} mean"
        raise InputError(f"--mean {mean}: the weights were learned for {learned_for}; leave the flag out")
    return found


def _read(path: str | os.PathLike) -> AskedWeights:
    if not os.fspath(path):
        raise InputError("--weights is empty; give one number a member, or a file of yt8m weigh")
    try:
        values = read_json(path)
    except InputError as error:
        raise InputError(f"--weights {error}; give one number a member, or a file of yt8m weigh") from error
    values = values if isinstance(values, dict) else {}
    weights, mean, intercept = values.get("weights"), values.get("mean"), values.get("intercept", 0.0)
    name, again = f"--weights {os.fspath(path)}", "make them anew with yt8m weigh"
    if not isinstance(weights, list) or mean not in [*MEANS, LOGISTIC]:
        raise InputError(f"{name}: holds no weights; make some with yt8m weigh")
    try:
        weights, intercept = list(fit(weights, tuple[Float32, ...], "weights")), fit(intercept, Float32, "intercept")
    except InputError as error:
        raise InputError(f"{name}: {error}; {again}") from error
    if mean != LOGISTIC and min(weights, default=0) < 0:
        raise InputError(f"{name}: weights are of the {mean} mean, and one is below 0; {again}")
    if not any(weights):
        raise InputError(f"{name}: weights are all 0; {again}")
    names = values.get("members")
    if not isinstance(names, list) or len(names) != len(weights) or not all(isinstance(each, str) for each in names):
        names = ()
    return AskedWeights(mean, weights, intercept, names, os.fspath(path))
