"""Combines several predictions for the same rows into an ensemble.

M = members, N = rows of a part, C = classes.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal, Protocol, get_args

import numpy as np

from yt8m.data.repeats import RepeatError
from yt8m.errors import InputError, quantity
from yt8m.metrics.logits import log_probability, logit
from yt8m.predicting.listed import ListedPredictions
from yt8m.predicting.parts import Described, Description, Part, Predictions, refuse_repeats

Mean = Literal["arithmetic", "geometric", "rank"]
"""The mean of probabilities; of their logarithms; or of ranks, each the share of entries that an entry ranks above."""

MEANS: tuple[Mean, ...] = get_args(Mean)
Combined = Mean | Literal["logistic", "network"]
"""A mean, a weighted sum of logits (`yt8m.predicting.stacking`), or that and a network (`yt8m.predicting.reranked`)."""
LARGEST_LOGIT = np.float32(30.0)
"""The largest logit in a sum of logits. More certainty than probabilities of 1e-13 and 1 - 1e-13 is never needed."""


class Combination(Predictions):
    """Several predictions for the same rows, combined.

    Args:
        members: predictions for the same rows. Their parts have the same rows, in any order.
        combined: the values to combine.
        weights: float64 [M], or [M, C] by class.

    Raises:
        InputError: the members have different tasks, classes or rows.
    """

    def __init__(self, members: Sequence[Predictions], combined: Combined, weights: np.ndarray):
        check_members(members)
        self.members, self.weights = members, weights
        self.name = " + ".join(member.name for member in members)
        self._class_ids = class_ids_of(members)
        self.description = mean_description(members)
        self._order = _matching_parts(members)
        self._valued = values_of(members, combined, self._class_ids)

    @property
    def digests(self) -> tuple[str, ...]:
        return self.members[0].digests

    def read_rows(self, number: int) -> Part:
        return self.members[0].read_rows(number)

    def _as_part(self, rows: Part, logits: np.ndarray, named: "Named") -> Part:
        if self.description.classes is not None:
            return Part(rows.ids, logits, rows.starts)
        kept = min(self.description.top_k or 1, logits.shape[1])
        order = np.argsort(-logits, axis=1, kind="stable")[:, :kept]
        logits = np.take_along_axis(logits, order, axis=1)
        return Part(rows.ids, logits, rows.starts, self._class_ids[order], counts=named.counts(kept))


class WeightedSum(Combination):
    """A weighted sum of several predictions. A member with weight 0 is not read."""

    @abstractmethod
    def _new_sum(self, shape: tuple[int, int]) -> "Sum":
        """Makes an empty sum for some rows and classes."""

    def read(self, number: int) -> Part:
        first = self.members[0].read(number)
        total, named = self._new_sum((len(first), len(self._class_ids))), Named()
        for place, (member, weight) in enumerate(zip(self.members, self.weights, strict=True)):
            if np.any(weight):
                part = first if place == 0 else member.read(self._order[place][number])
                values = self._valued[place](part.dense(member.description, self._class_ids))
                total.add(weight, values, part.said)
                named.add(part, member.description, self._class_ids)
        return self._as_part(first, total.logits(), named)


class Sum(Protocol):
    """The sum of the members' values for some rows and classes."""

    def add(self, weight: float | np.ndarray, values: np.ndarray, said: np.ndarray | None) -> None:
        """Adds a member.

        Args:
            weight: the weight of the member, or float64 [C] by class.
            values: the values of the member, float32 [N, C].
            said: where the member has values, bool of a shape that broadcasts to them; None = everywhere.
        """

    def logits(self) -> np.ndarray:
        """Returns the combined logits, float32 [N, C]. Entries without a value from any member rank last."""


class Ensemble(WeightedSum):
    """The weighted mean of several predictions.

    Args:
        members: predictions for the same rows. Their parts have the same rows, in any order.
        mean: the kind of mean.
        weights: one for each member, 0 or more, with any sum, or [M, C] by class; None = equal weights.

    Raises:
        InputError: the members have different tasks, classes or rows; there are not as many weights as members; all are 0.
    """

    def __init__(
        self,
        members: Sequence[Predictions],
        mean: Mean = "geometric",
        weights: Sequence[float] | np.ndarray | None = None,
    ):
        check_descriptions(members)  # makes sure that there is a member
        super().__init__(members, mean, normalised(weights, members))
        self.mean = mean

    def _new_sum(self, shape: tuple[int, int]) -> "MeanSum":
        return MeanSum(shape, self.mean)


class MeanSum:
    """A `Sum` that takes the mean of the members that have a value. The weights of all members sum to 1."""

    def __init__(self, shape: tuple[int, int], mean: Mean):
        self._total, self._mean = np.zeros(shape, np.float32), mean
        self._weight: np.ndarray | float = 0.0
        self._all_said = True

    def add(self, weight: float | np.ndarray, values: np.ndarray, said: np.ndarray | None) -> None:
        values = np.asarray(weight, np.float32) * values
        self._total += values if said is None else np.where(said, values, np.float32(0.0))
        self._all_said = self._all_said and said is None
        self._weight = self._weight + (weight if said is None else weight * said)

    def logits(self) -> np.ndarray:
        return as_logits(self._total if self._all_said else self._means(), self._mean)

    def _means(self) -> np.ndarray:
        weight, empty = np.broadcast_to(self._weight, self._total.shape), np.full_like(self._total, _LOWEST[self._mean])
        return np.divide(self._total, weight, out=empty, where=weight > 0, casting="same_kind")


class Named:
    """The classes that members name for each row if all members are lists. Otherwise all classes count as named."""

    def __init__(self) -> None:
        self._classes: np.ndarray | None = None
        self._all = False

    def add(self, part: Part, description: Description, class_ids: np.ndarray) -> None:
        """Adds the classes that a member names for the rows."""
        self._all = self._all or part.counts is None
        if not self._all:
            own = part.named(description, class_ids)
            self._classes = own if self._classes is None else self._classes | own

    def counts(self, kept: int) -> np.ndarray | None:
        """Returns `Part.counts` for the `kept` most probable classes: classes that no list names come last."""
        return None if self._all or self._classes is None else np.minimum(self._classes.sum(axis=1), kept)


_LOWEST: dict[Mean, float] = {"arithmetic": 0.0, "geometric": -70.0, "rank": 0.0}


def values_of(
    members: Sequence[Predictions], combined: Combined, class_ids: np.ndarray
) -> list[Callable[[np.ndarray], np.ndarray]]:
    """Returns a function for each member, which turns its logits of these classes into float32 values to sum."""
    if combined == "logistic":
        return [lambda logits: np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)] * len(members)
    if combined != "rank":
        return [lambda logits: of_mean(logits, combined)] * len(members)
    return [
        member.shares if isinstance(member, ListedPredictions) else RankTable(member, class_ids) for member in members
    ]


def mean_description(members: Sequence[Described]) -> Description:
    """Returns the description of the mean of members that fit together (`check_descriptions`)."""
    first = members[0].description
    sparse = any(member.description.classes is None for member in members)
    return Description(
        task=first.task,
        num_classes=first.num_classes,
        classes=None if sparse else tuple(class_ids_of(members).tolist()),
        top_k=max(member.description.top_k or 0 for member in members) if sparse else None,
        precision="float32" if any(member.description.precision == "float32" for member in members) else "float16",
    )


def of_mean(logits: np.ndarray, mean: Mean) -> np.ndarray:
    """Returns the values that a mean other than of ranks is taken of: float32, in the shape of the logits."""
    log_probabilities = log_probability(logits)
    return np.exp(log_probabilities) if mean == "arithmetic" else log_probabilities


def as_logits(means: np.ndarray, mean: Mean) -> np.ndarray:
    """Turns means back into logits, float32."""
    return logit(np.exp(means.astype(np.float64)) if mean == "geometric" else means.astype(np.float64))


def normalised(weights: Sequence[float] | np.ndarray | None, members: Sequence[Described]) -> np.ndarray:
    """Scales weights to sum to 1, float64 [M]; or [M, C], in each class. Raises InputError if they cannot be used."""
    if weights is None:
        return np.full(len(members), 1.0 / len(members))
    values = np.array(weights, np.float64)
    if len(values) != len(members):
        raise InputError(f"--weights: {len(values)} given, {len(members)} needed; give one a member, in the same order")
    if not np.isfinite(values).all() or (values < 0).any() or not values.sum(axis=0).all():
        raise InputError(f"weights {' '.join(map(str, weights))} must be 0 or more, and one of them above 0")
    return values / values.sum(axis=0)


def class_ids_of(members: Sequence[Described]) -> np.ndarray:
    """Returns the classes that all members have, int64, in the order of the first member."""
    every = [member.description.classes for member in members if member.description.classes is not None]
    if not every:
        return np.arange(members[0].description.num_classes)
    return np.array(every[0], np.int64)


def check_descriptions(members: Sequence[Described]) -> None:
    """Raises InputError unless there are members and all have the same task and classes."""
    if not members:
        raise InputError("an ensemble has no members; name runs or stored predictions")
    first, one = members[0], members[0].description
    for member in members[1:]:
        other = member.description
        if other.task != one.task:
            raise InputError(
                f"{member.name}: is of the {other.task} task, {first.name} of the {one.task} task; make both for one of "
                "them, with yt8m predict --task TASK --store DIR"
            )
        if other.num_classes != one.num_classes:
            raise InputError(
                f"{member.name}: has {quantity(other.num_classes, 'class')}, {first.name} {one.num_classes}; leave one of them "
                "out, as a class is another one in each"
            )
        if one.classes is not None and other.classes is not None and set(one.classes) != set(other.classes):
            lacks = sorted(set(one.classes) ^ set(other.classes))[0]
            raise InputError(
                f"{member.name}: has other classes than {first.name} (class {lacks} is in one alone); "
                "predict both for the same list of classes (--segment-classes)"
            )


def check_members(members: Sequence[Predictions]) -> None:
    """Raises InputError unless all predictions have the same task, classes and rows, and no row occurs twice."""
    check_descriptions(members)
    first = members[0]
    try:
        refuse_repeats(first.rows())
    except RepeatError as error:
        raise InputError(f"{first.name}: {error}") from error
    for member in members[1:]:
        if sorted(member.digests) != sorted(first.digests):
            raise InputError(_row_difference(first, member))


def _row_difference(first: Predictions, second: Predictions) -> str:
    names = [{name for part in predictions.rows() for name in part.names()} for predictions in (first, second)]
    for have, lack, have_names, lack_names in ((first, second, *names), (second, first, *reversed(names))):
        only = sorted(have_names - lack_names)
        if only:
            what = "video" if first.description.task == "video" else "segment"
            return (
                f"{lack.name}: has no {what} {only[0]!r}, which {have.name} has, and so {len(only)} in all; "
                "predict both for the same records"
            )
    return (
        f"{second.name}: has the rows of {first.name} in files that are cut otherwise; predict both from the same files"
    )


def _matching_parts(members: Sequence[Predictions]) -> list[dict[int, int]]:
    """Maps, for each member, the first member's parts to the parts with the same rows."""
    orders = []
    for member in members:
        places: dict[str, list[int]] = {}
        for place, digest in enumerate(member.digests):
            places.setdefault(digest, []).append(place)
        orders.append({number: places[digest].pop(0) for number, digest in enumerate(members[0].digests)})
    return orders


class RankTable:
    """Maps a logit to the share of entries that rank below it: in its class (segments), or in all classes (videos).

    Logits are rounded to float16, which has 65 536 values. Counting how often each occurs ranks any number of rows in one pass.
    Equal logits share the mean of their ranks. GAP pools all classes of the video task in one list. Segments are ranked class by
    class.

    Args:
        predictions: the predictions to rank.
        class_ids: the classes of the columns to look up, int [C].
    """

    def __init__(self, predictions: Predictions, class_ids: np.ndarray):
        self._by_class = predictions.description.task == "segment"
        rows = len(class_ids) if self._by_class else 1
        counts = np.zeros((rows, 1 << 16), np.int32 if self._by_class else np.int64)
        for part in predictions.parts():
            codes = _codes(part.dense(predictions.description, class_ids))
            for row in range(rows):
                column = codes[:, row] if self._by_class else codes
                counts[row] += np.bincount(column.ravel(), minlength=1 << 16)
        total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
        before = np.cumsum(counts, axis=1)
        # The mean rank of equal logits as a share of all: 1 is the best, and the worst is above 0.
        self._shares = (1.0 - (before - counts / 2.0) / total).astype(np.float32)

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """Maps logits float32 [N, C] to shares from 0 to 1, float32."""
        codes = _codes(logits)
        return self._shares[np.arange(len(self._shares)), codes] if self._by_class else self._shares[0][codes]


def _codes(logits: np.ndarray) -> np.ndarray:
    """Returns int64 codes from 0 to 65 535 that increase as the logits, rounded to float16, decrease."""
    bits = (logits.astype(np.float16) + np.float16(0.0)).view(np.uint16).astype(np.int64)
    return np.where(bits >> 15, bits, ~bits & 0x7FFF)
