"""The weights given to `yt8m ensemble`: numbers, a file of `yt8m weigh`, or a table with weights for each class."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from yt8m.data.tables.member_weights import read_member_weights
from yt8m.errors import InputError, quantity
from yt8m.files import read_json
from yt8m.predicting.combining import MEANS, Combination, Combined, Ensemble, Mean, class_ids_of, normalised
from yt8m.predicting.parts import Described, Predictions
from yt8m.predicting.reranked import NETWORK, Reranked, reranker_weights
from yt8m.predicting.stacking import LOGISTIC, Stacked, stack_weights
from yt8m.progress import Progress
from yt8m.reranking import Reranker
from yt8m.values import Float32, fit


@dataclasses.dataclass(frozen=True)
class AskedWeights:
    """How members are combined. M = members."""

    combined: Combined
    weights: Sequence[float] | None = None
    """One weight for each member; None = equal weights."""
    by_class: Mapping[int, Sequence[float]] = dataclasses.field(default_factory=dict)
    """Weights for each member in some classes, in place of `weights`. The members have equal weights in all other classes."""
    intercept: float = 0.0
    """The intercept of a logistic regression."""
    reranker: Reranker | None = None
    """The network of `network`."""
    learned_for: Sequence[str] = ()
    """The members in the file of weights, in the order of the weights; empty = there is no file, or it names none."""
    file: str = ""

    def of(self, members: Sequence[Described]) -> np.ndarray:
        """Returns the weights of the members, float64 [M], or [M, C] by class.

        Raises:
            InputError: they do not fit the members.
        """
        if self.reranker:
            return reranker_weights(self.reranker, members)
        if self.combined == LOGISTIC:
            return stack_weights(self.weights or (), members)
        return normalised(self._of_classes(members) if self.by_class else self.weights, members)

    def _of_classes(self, members: Sequence[Described]) -> np.ndarray:
        """Returns the weights of the members in each class, float64 [M, C]."""
        unknown = max(self.by_class)
        if unknown >= members[0].description.num_classes:
            raise InputError(
                f"--weights {self.file}: has class {unknown}, {members[0].name} "
                f"{quantity(members[0].description.num_classes, 'class')}; leave its row out"
            )
        width = len(self.by_class[unknown])
        rows = [self.by_class.get(class_id, [1.0] * width) for class_id in class_ids_of(members).tolist()]
        return np.array(rows, np.float64).T

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
        order = [learned_for.index(place) for place in given]
        by_class = {class_id: [row[place] for place in order] for class_id, row in self.by_class.items()}
        weights = None if self.weights is None else [self.weights[place] for place in order]
        own = "; each has its own column" if weights is None else "; each has its own weight: "
        own += ", ".join(f"{name} {weight:.3g}" for name, weight in zip(names, weights or (), strict=bool(weights)))
        progress.message(f"--weights {self.file}: names the members in another order{own}")
        reranker = self.reranker and self.reranker.of_members(order)
        return dataclasses.replace(self, weights=weights, by_class=by_class, reranker=reranker, learned_for=names)

    def combine(self, members: Sequence[Predictions]) -> Combination:
        """Combines the members into one. Raises InputError if they do not fit together."""
        if self.reranker:
            return Reranked(members, self.reranker)
        if self.combined == LOGISTIC:
            return Stacked(members, self.weights or (), self.intercept)
        return Ensemble(members, self.combined, self._of_classes(members) if self.by_class else self.weights)

    def made_from(self, members: Sequence[Described]) -> dict[str, Any]:
        """Returns what determines the result beside the members, as plain JSON values."""
        values: dict[str, Any] = {"mean": self.combined, "weights": self.of(members).tolist()}
        if self.reranker:
            return values | {"network": self.reranker.as_json()}
        return values | {"intercept": self.intercept} if self.combined == LOGISTIC else values


def asked_weights(mean: Mean | None, weights: Sequence[float] | str | os.PathLike | None) -> AskedWeights:
    """Makes the weights from numbers or a file.

    Args:
        mean: the mean; None = the one that the weights were learned for, or else geometric.
        weights: one number for each member, the path of a file (a table by class if it ends in .csv), or None for
            equal weights.

    Raises:
        InputError: the file cannot be read or holds no weights, or its weights were learned for another mean.
    """
    if not isinstance(weights, str | os.PathLike):
        return AskedWeights(mean or "geometric", weights)
    if os.fspath(weights).endswith(".csv"):
        table = read_member_weights(weights)
        return AskedWeights(
            mean or "geometric", by_class=table.by_class, learned_for=table.members, file=os.fspath(weights)
        )
    found = _read(weights)
    if mean and mean != found.combined:
        learned_for = {LOGISTIC: "a logistic regression", NETWORK: "a network"}.get(
            found.combined, f"the {found.combined} mean"
        )
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
    if not isinstance(weights, list) or mean not in [*MEANS, LOGISTIC, NETWORK]:
        raise InputError(f"{name}: holds no weights; make some with yt8m weigh")
    try:
        weights, intercept = list(fit(weights, tuple[Float32, ...], "weights")), fit(intercept, Float32, "intercept")
    except InputError as error:
        raise InputError(f"{name}: {error}; {again}") from error
    reranker = _reranker(values, weights, intercept, name, again) if mean == NETWORK else None
    if mean in MEANS and min(weights, default=0) < 0:
        raise InputError(f"{name}: weights are of the {mean} mean, and one is below 0; {again}")
    if not any(weights):
        raise InputError(f"{name}: weights are all 0; {again}")
    names = values.get("members")
    if not isinstance(names, list) or len(names) != len(weights) or not all(isinstance(each, str) for each in names):
        names = ()
    return AskedWeights(mean, weights, intercept=intercept, reranker=reranker, learned_for=names, file=os.fspath(path))


def _reranker(values: dict[str, Any], weights: list[float], intercept: float, name: str, again: str) -> Reranker:
    """Reads the network of a file, which has the file's weights, too."""
    try:
        reranker = Reranker.from_json(values.get("network"))
    except InputError as error:
        raise InputError(f"{name}: {error}; {again}") from error
    own = [*reranker.weights.tolist(), reranker.intercept]
    if len(own) != len(weights) + 1 or not np.allclose([*weights, intercept], own, rtol=1e-5, atol=1e-6):
        raise InputError(f"{name}: its weights are not those of its network; {again}")
    return reranker
