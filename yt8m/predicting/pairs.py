"""Labelled pairs of a row and a class, with the value of each member of an ensemble, to learn weights from.

M = members, P = pairs.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from yt8m.errors import InputError
from yt8m.metrics.entries import RankedEntries
from yt8m.metrics.ratings import SegmentRatings
from yt8m.metrics.registry import primary
from yt8m.predicting.combining import Combined, check_members, class_ids_of, values_of
from yt8m.predicting.parts import Part, Predictions
from yt8m.submission.video import MAX_PAIRS

PARTS = 5
"""Number of parts to cut the videos into. Each part is scored with weights learned on the others."""
_CANDIDATES = 100
"""Candidate classes of a video for any weights: the most probable ones in the mean of all members."""


@dataclass(frozen=True)
class Pairs:
    """The members' values for labelled pairs of a row and a class."""

    values: np.ndarray
    """The values to average, or the logits: float32 [P, M]."""
    classes: np.ndarray
    """int64 [P]"""
    rows: np.ndarray
    """int64 [P]: ascending. Videos have equally many pairs each."""
    hits: np.ndarray
    """bool [P]"""
    parts: np.ndarray
    """int64 [P]: the part of the videos that the row is in."""
    positives: np.ndarray
    """int64 [parts, C]: number of labels of each class, including labels without a pair."""
    said: np.ndarray
    """bool [P, M]: which members have a value for the row and the class. The values of others are 0."""
    of_segments: bool
    """Whether the rows are segments instead of videos."""

    def of(self, chosen: np.ndarray) -> "Pairs":
        """Returns the pairs of some rows, chosen by bool [P]. Labels of parts without a pair do not count."""
        kept = np.bincount(self.parts[chosen], minlength=PARTS)[:, None] > 0
        arrays = {name: getattr(self, name)[chosen] for name in ("values", "classes", "rows", "hits", "parts", "said")}
        return replace(self, positives=np.where(kept, self.positives, 0), **arrays)

    def means(self, weights: np.ndarray) -> np.ndarray:
        """Returns weighted means over the members that have a value, float [P]."""
        total, weight = self.values @ weights, self.said @ weights
        return np.divide(total, weight, out=np.full(len(total), total.min(initial=0.0) - 1.0), where=weight > 0)

    @property
    def metric(self) -> str:
        """The key of the metric of `measure`, which is the primary metric of the task."""
        return primary("segment" if self.of_segments else "video").key

    def measure(self, scores: np.ndarray) -> float:
        """Returns segment MAP or GAP, from 0 to 1, of scores float [P]."""
        return (_segment_map if self.of_segments else _gap)(self, scores.astype(np.float32))

    def chosen_of_parts(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields, for each part with pairs, the pairs of the other parts and of this part: bool [P] both."""
        for part in range(PARTS):
            if (own := self.parts == part).any():
                yield ~own, own


def labelled_pairs(
    members: Sequence[Predictions],
    combined: Combined,
    ratings: SegmentRatings | None = None,
    labels: Mapping[str, Sequence[int]] | None = None,
) -> Pairs:
    """Collects the members' values for labelled rows.

    Args:
        members: predictions that cover the labelled rows.
        combined: the combination to learn, which determines the values.
        ratings: the rated segments, for the segment task.
        labels: the labels by video, for the video task.

    Raises:
        InputError: the members do not fit together, or there is no labelled row, or no positive one.
    """
    check_members(members)
    if members[0].description.task == "segment":
        assert ratings is not None
        pairs = _rated_pairs(members, combined, ratings)
    else:
        assert labels is not None
        pairs = _video_pairs(members, combined, labels)
    if not pairs.positives.sum():
        raise InputError(
            f"{members[0].name}: none of its rows has a label in the records; give those it was predicted for"
        )
    return pairs


def _segment_map(pairs: Pairs, scores: np.ndarray) -> float:
    """Returns the mean over the classes with a positive, like `yt8m.metrics.SegmentMetrics`."""
    entries = RankedEntries()
    entries.append(pairs.classes, scores, pairs.hits)
    positives = pairs.positives.sum(axis=0)
    if not positives.any():  # few videos may be left
        return 0.0
    sums = entries.class_precision_sums(len(positives))
    return float(np.mean(sums[positives > 0] / positives[positives > 0]))


def _gap(pairs: Pairs, scores: np.ndarray) -> float:
    """Returns GAP over the 20 best classes of each video, like `yt8m.metrics.VideoMetrics`."""
    of_a_video = np.count_nonzero(pairs.rows == pairs.rows[0])
    kept = _best(scores.reshape(-1, of_a_video), MAX_PAIRS).ravel()
    entries = RankedEntries()
    entries.append(np.zeros(np.count_nonzero(kept), np.int64), scores[kept], pairs.hits[kept])
    return entries.pooled_precision_sum() / max(pairs.positives.sum(), 1)


def _best(scores: np.ndarray, count: int) -> np.ndarray:
    """Marks the highest scores of each row, bool [R, N]; of equal ones the first. This is several times as fast as to sort."""
    if scores.shape[1] <= count:
        return np.ones(scores.shape, bool)
    least = np.partition(scores, -count, axis=1)[:, -count, None]
    kept = scores >= least
    crowded = np.flatnonzero(kept.sum(axis=1) > count)  # several are equal to the last one that has room
    order = np.argsort(-scores[crowded], axis=1, kind="stable")[:, count:]
    kept[crowded[:, None], order] = False
    return kept


def _part_of(video: str) -> int:
    return int(hashlib.md5(video.encode(), usedforsecurity=False).hexdigest(), 16) % PARTS


def _video_of(name: str) -> str:
    return name.rpartition(":")[0]


def _aligned(members: Sequence[Predictions], number: int) -> list[Part]:
    """Reads the part of each member that has the rows of the first member's part."""
    digest = members[0].digests[number]
    return [member.read(member.digests.index(digest)) for member in members]


def _rated_pairs(members: Sequence[Predictions], combined: Combined, ratings: SegmentRatings) -> Pairs:
    class_ids, num_classes = class_ids_of(members), members[0].description.num_classes
    ranked = set(class_ids.tolist())
    rated = {
        f"{video}:{start}": [pair for pair in pairs if pair[0] in ranked]
        for (video, start), pairs in ratings.by_segment().items()
    }
    positives = np.zeros((PARTS, num_classes), np.int64)
    for name, of_segment in rated.items():
        for class_id, positive in of_segment:
            positives[_part_of(_video_of(name)), class_id] += positive
    tables, column_of = values_of(members, combined, class_ids), {each: column for column, each in enumerate(class_ids)}
    values, said, pairs = [], [], []
    for number in range(len(members[0].digests)):
        parts = _aligned(members, number)
        names = parts[0].names()
        rows = [row for row, name in enumerate(names) if name in rated]
        places = [(place, *rating) for place, row in enumerate(rows) for rating in rated[names[row]]]
        if not places:
            continue
        dense, heard = values_of_rows(members, tables, parts, rows, class_ids)
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
    return Pairs(np.concatenate(values), classes, rows, hits, parts, positives, np.concatenate(said), of_segments=True)


def values_of_rows(
    members: Sequence[Predictions],
    tables: Sequence[Callable[[np.ndarray], np.ndarray]],
    parts: Sequence[Part],
    rows: list[int],
    class_ids: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the members' values for some rows of a part, float32 [len(rows), C, M], and where they have one, bool.

    Args:
        members: the predictions.
        tables: what turns the logits of each into its values (`yt8m.predicting.combining.values_of`).
        parts: the part of each that has the rows.
        rows: places in the parts.
        class_ids: the classes, int [C].
    """
    shape = (len(rows), len(class_ids))
    found, said = [], []
    for member, table, part in zip(members, tables, parts, strict=True):
        some = part.take(rows)
        said.append(np.broadcast_to(True if some.said is None else some.said, shape))
        found.append(np.where(said[-1], table(some.dense(member.description, class_ids)), np.float32(0.0)))
    return np.stack(found, axis=-1), np.stack(said, axis=-1)


def _video_pairs(members: Sequence[Predictions], combined: Combined, labels: Mapping[str, Sequence[int]]) -> Pairs:
    class_ids, num_classes = class_ids_of(members), members[0].description.num_classes
    tables = values_of(members, combined, class_ids)
    values, said, classes, hits, counts, parts = [], [], [], [], [], []
    positives = np.zeros((PARTS, num_classes), np.int64)
    for number in range(len(members[0].digests)):
        aligned = _aligned(members, number)
        names = aligned[0].names()
        rows = [row for row, name in enumerate(names) if name in labels]
        for first in range(0, len(rows), 256):
            some = rows[first : first + 256]
            dense, heard = values_of_rows(members, tables, aligned, some, class_ids)
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
        of_segments=False,
    )
