"""Weights of an ensemble's members, learned on labelled records and judged on others.

M = members, P = pairs of a row and a class, with what each member says of it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from yt8m.errors import InputError
from yt8m.metrics.entries import RankedEntries
from yt8m.metrics.ratings import SegmentRatings
from yt8m.metrics.registry import primary
from yt8m.predicting.combining import (
    Mean,
    check_members,
    class_ids_of,
    values_of,
)
from yt8m.predicting.parts import Described, Part, Predictions
from yt8m.submission.video import MAX_PAIRS

_PARTS = 5
"""The videos are cut into so many parts; each is judged with weights learned on the others."""
_CANDIDATES = 100
"""Classes of a video that may be among its predictions, whatever the weights: those surest in the mean of all members."""
_LEAST_SHARE = 0.02
"""A member that does not get more is left out."""


@dataclass(frozen=True)
class Pairs:
    """What members say of labelled pairs of a row and a class."""

    values: np.ndarray
    """What the mean is taken of, float32 [P, M]."""
    classes: np.ndarray
    """int64 [P]"""
    rows: np.ndarray
    """int64 [P]: ascending."""
    hits: np.ndarray
    """bool [P]"""
    parts: np.ndarray
    """int64 [P]: which part of the videos the row is in."""
    positives: np.ndarray
    """int64 [parts, C]: labels of each class, also those that no pair has."""
    said: np.ndarray
    """bool [P, M]: which members say something of the row and the class; the others' values are 0."""

    def means(self, weights: np.ndarray, chosen: np.ndarray | slice = slice(None)) -> np.ndarray:
        """The weighted means of those who say something, float [P], of the pairs that are chosen."""
        total, weight = self.values[chosen] @ weights, self.said[chosen] @ weights
        return np.divide(total, weight, out=np.full(len(total), total.min(initial=0.0) - 1.0), where=weight > 0)


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
    check_members(members)
    require_several(members)
    task = members[0].description.task
    if task == "segment":
        assert ratings is not None
        pairs, metric = _rated_pairs(members, mean, ratings), _segment_map
    else:
        assert labels is not None
        pairs, metric = _video_pairs(members, mean, labels), _gap
    if not pairs.positives.sum():
        raise InputError(
            f"{members[0].name}: none of its rows has a label in the records; give those it was predicted for"
        )
    every = np.ones(len(pairs.parts), bool)
    totals = np.zeros(len(pairs.parts))
    for part in range(_PARTS):
        if (pairs.parts == part).any():
            weights = _search(pairs, pairs.parts != part, metric)
            totals[pairs.parts == part] = pairs.means(weights, pairs.parts == part)
    single = np.eye(len(members))
    return Weights(
        members=[member.name for member in members],
        mean=mean,
        weights=_search(pairs, every, metric).tolist(),
        metric=primary(task).key,
        score=metric(pairs, every, totals),
        equal=metric(pairs, every, pairs.means(np.full(len(members), 1 / len(members)))),
        alone=[metric(pairs, every, pairs.means(weights)) for weights in single],
    )


def require_several(members: Sequence[Described]) -> None:
    """Raises InputError for one member alone."""
    if len(members) < 2:
        raise InputError(f"{members[0].name}: one member needs no weights; name two or more")


_Metric = Callable[[Pairs, np.ndarray, np.ndarray], float]
"""Of pairs, which of them to look at (bool [P]) and the score of each (float [P])."""


def _search(pairs: Pairs, chosen: np.ndarray, metric: _Metric) -> np.ndarray:
    """Weights float64 [M] of the pairs that are chosen."""
    count = pairs.values.shape[1]

    def weights_of(free: np.ndarray) -> np.ndarray:
        exponentials = np.exp(np.append(free, 0.0) - max(free.max(), 0.0))
        return exponentials / exponentials.sum()

    def loss(free: np.ndarray) -> float:
        return -metric(pairs, chosen, pairs.means(weights_of(free)))

    simplex = np.vstack([np.zeros(count - 1), 1.5 * np.eye(count - 1)])
    options = {"initial_simplex": simplex, "maxfev": 60 * count, "xatol": 0.01, "fatol": 1e-6}
    found = minimize(loss, simplex[0], method="Nelder-Mead", options=options)
    weights = weights_of(found.x)
    weights[weights < _LEAST_SHARE] = 0.0
    return weights / weights.sum()


def _segment_map(pairs: Pairs, chosen: np.ndarray, scores: np.ndarray) -> float:
    """Mean over the classes with a positive, as `yt8m.metrics.SegmentMetrics` has it."""
    entries = RankedEntries()
    entries.append(pairs.classes[chosen], scores[chosen].astype(np.float32), pairs.hits[chosen])
    positives = pairs.positives[np.unique(pairs.parts[chosen])].sum(axis=0)
    if not positives.any():  # of the few videos that are left
        return 0.0
    sums = entries.class_precision_sums(len(positives))
    return float(np.mean(sums[positives > 0] / positives[positives > 0]))


def _gap(pairs: Pairs, chosen: np.ndarray, scores: np.ndarray) -> float:
    """GAP of each video's 20 best, as `yt8m.metrics.VideoMetrics` has it."""
    rows, values, hits = pairs.rows[chosen], scores[chosen].astype(np.float32), pairs.hits[chosen]
    order = np.lexsort((-values, rows))
    begins = np.searchsorted(rows, rows, side="left")  # rows ascend, and stay where they are in this order
    kept = order[np.arange(len(rows)) - begins < MAX_PAIRS]
    entries = RankedEntries()
    entries.append(np.zeros(len(kept), np.int64), values[kept], hits[kept])
    return entries.pooled_precision_sum() / max(pairs.positives[np.unique(pairs.parts[chosen])].sum(), 1)


def _part_of(video: str) -> int:
    return int(hashlib.md5(video.encode(), usedforsecurity=False).hexdigest(), 16) % _PARTS


def _video_of(name: str) -> str:
    return name.rpartition(":")[0]


def _aligned(members: Sequence[Predictions], number: int) -> list[Part]:
    """The part of each member that has the rows of the first one's."""
    digest = members[0].digests[number]
    return [member.read(member.digests.index(digest)) for member in members]


def _rated_pairs(members: Sequence[Predictions], mean: Mean, ratings: SegmentRatings) -> Pairs:
    class_ids, num_classes = class_ids_of(members), members[0].description.num_classes
    ranked = set(class_ids.tolist())
    rated = {
        f"{video}:{start}": [pair for pair in pairs if pair[0] in ranked]
        for (video, start), pairs in ratings.by_segment().items()
    }
    positives = np.zeros((_PARTS, num_classes), np.int64)
    for name, of_segment in rated.items():
        for class_id, positive in of_segment:
            positives[_part_of(_video_of(name)), class_id] += positive
    tables, column_of = values_of(members, mean, class_ids), {each: column for column, each in enumerate(class_ids)}
    values, said, pairs = [], [], []
    for number in range(len(members[0].digests)):
        parts = _aligned(members, number)
        names = parts[0].names()
        rows = [row for row, name in enumerate(names) if name in rated]
        places = [(place, *rating) for place, row in enumerate(rows) for rating in rated[names[row]]]
        if not places:
            continue
        dense, heard = _values(members, tables, parts, rows, class_ids)
        at = np.array([place for place, _, _ in places]), np.array([column_of[each] for _, each, _ in places])
        values.append(dense[at])
        said.append(heard[at])
        first = len(pairs)
        pairs += [(first + place, each, hit, _part_of(_video_of(names[rows[place]]))) for place, each, hit in places]
    if not pairs:
        raise InputError(
            f"{members[0].name}: none of its segments is rated in the records; give those it was predicted for"
        )
    rows, classes, hits, parts = (np.array(column) for column in zip(*pairs, strict=True))
    return Pairs(np.concatenate(values), classes, rows, hits, parts, positives, np.concatenate(said))


def _values(
    members, tables, parts: Sequence[Part], rows: list[int], class_ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What each member says of some rows of a part: float32 [len(rows), C, M], and bool of whether it says anything."""
    shape = (len(rows), len(class_ids))
    found, said = [], []
    for member, table, part in zip(members, tables, parts, strict=True):
        some = part.take(rows)
        said.append(np.broadcast_to(True if some.said is None else some.said, shape))
        found.append(np.where(said[-1], table(some.dense(member.description, class_ids)), np.float32(0.0)))
    return np.stack(found, axis=-1), np.stack(said, axis=-1)


def _video_pairs(members: Sequence[Predictions], mean: Mean, labels: Mapping[str, Sequence[int]]) -> Pairs:
    class_ids, num_classes = class_ids_of(members), members[0].description.num_classes
    tables = values_of(members, mean, class_ids)
    values, said, classes, hits, counts, parts = [], [], [], [], [], []
    positives = np.zeros((_PARTS, num_classes), np.int64)
    for number in range(len(members[0].digests)):
        aligned = _aligned(members, number)
        names = aligned[0].names()
        rows = [row for row, name in enumerate(names) if name in labels]
        for first in range(0, len(rows), 256):
            some = rows[first : first + 256]
            dense, heard = _values(members, tables, aligned, some, class_ids)
            kept = min(_CANDIDATES, len(class_ids))
            means = dense.sum(axis=-1) / np.maximum(heard.sum(axis=-1), 1)
            columns = np.sort(np.argpartition(-means, kept - 1, axis=1)[:, :kept], axis=1)
            hot = np.zeros((len(some), num_classes), bool)
            for place, row in enumerate(some):
                own = [label for label in labels[names[row]] if 0 <= label < num_classes]
                hot[place, own] = True
                np.add.at(positives[_part_of(names[row])], np.flatnonzero(hot[place]), 1)
                parts.append(np.full(kept, _part_of(names[row])))
            for each, into in ((dense, values), (heard, said)):
                into.append(np.take_along_axis(each, columns[:, :, None], axis=1).reshape(-1, len(members)))
            classes.append(class_ids[columns].ravel())
            hits.append(np.take_along_axis(hot, class_ids[columns], axis=1).ravel())
            counts += [kept] * len(some)
    if not counts:
        raise InputError(f"{members[0].name}: none of its videos is in the records; give those it was predicted for")
    return Pairs(
        np.concatenate(values),
        np.concatenate(classes),
        np.repeat(np.arange(len(counts)), counts),
        np.concatenate(hits),
        np.concatenate(parts),
        positives,
        np.concatenate(said),
    )
