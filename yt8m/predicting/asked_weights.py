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
from yt8m.values import Float32, fit


@dataclasses.dataclass(frozen=True)
class AskedWeights:
    """How members are combined. M = members."""

    combined: Combined
    weights: Sequence[float] | None = None
    """One weight for each member; None = equal weights."""
    intercept: float = 0.0
    """The intercept of a logistic regression."""

    def of(self, members: Sequence[Described]) -> np.ndarray:
        """Returns the weights of the members, float64 [M]. Raises InputError if they do not fit the members."""
        if self.combined == LOGISTIC:
            return stack_weights(self.weights or (), members)
        return normalised(self.weights, members)

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
    return AskedWeights(mean, weights, intercept)
