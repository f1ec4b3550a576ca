"""Submissions for the video task as members of an ensemble.

- A video without predictions in a list gets the mean of the other members.
- A class that a row does not name gets half of the least score in the row if the row is as long as the longest one in the list,
  because it was cut off there. Otherwise it gets half of the least score in the list.
- Scores are probabilities. 0 and 1 stand for 1e-7 and 1 - 1e-7. Other scores can only be ranked.

N = videos of a part, V = videos of the list, k = classes kept for a video.
"""

import functools
import itertools
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from yt8m.data.schema import LARGEST_NUM_CLASSES
from yt8m.errors import InputError
from yt8m.metrics.logits import logit
from yt8m.predicting.listed import (
    ListedPredictions,
    Rows,
    SubmissionList,
    refuse_strangers,
    vocabulary_for,
)
from yt8m.predicting.parts import Description, Part, Predictions
from yt8m.progress import Progress
from yt8m.submission import VideoRow, read_video_submission
from yt8m.submission.video import MAX_PAIRS

_LEAST = 1e-7
"""The lowest probability: lists round to six places or more, and no logarithm may be infinite."""
_ROWS_AT_ONCE = 4096
_PART_VIDEOS = 8192
"""Rows of a part in an ensemble of lists alone."""


class VideoList(SubmissionList):
    """A submission for the video task, held in memory with 150 bytes for each video beside its id.

    Args:
        path: the CSV file.
        ranked: whether scores are only ranked. They may then be any numbers.

    Raises:
        LineError, InputError: the file cannot be read, breaks the rules, has no predictions, or has scores that are no
            probabilities.
    """

    def __init__(self, path: str | os.PathLike, ranked: bool):
        super().__init__(path)
        self._ids: dict[bytes, int] = {}
        columns: list[tuple[np.ndarray, ...]] = []
        rows = read_video_submission(self.path, LARGEST_NUM_CLASSES)
        outside: VideoRow | None = None
        while some := list(itertools.islice(rows, _ROWS_AT_ONCE)):
            some = [row for row in some if row.classes]
            outside = outside or next((row for row in some if row.scores[0] > 1 or row.scores[-1] < 0), None)
            if outside and not ranked:
                self._refuse_scores(outside)
            self._ids |= {row.video_id.encode(): len(self._ids) + place for place, row in enumerate(some)}
            columns.append(_as_table(some))
        if not self._ids:
            raise InputError(f"{self.path}: has no predictions; leave it out")
        self.counts, self._classes, scores = (np.concatenate(column) for column in zip(*columns, strict=True))
        self.logits, self.rest = _filled_in(scores, self.counts, are_probabilities=outside is None)
        self.describe(None, None, "")

    def _refuse_scores(self, row: VideoRow) -> None:
        score = row.scores[0] if row.scores[0] > 1 else row.scores[-1]
        raise InputError(
            f"{self.path}, line {row.line}: video {row.video_id!r} has a score of {score:g}, which is no probability; "
            "scores that are none can only be ranked (--mean rank)"
        )

    @property
    def video_ids(self) -> Iterable[bytes]:
        return self._ids.keys()

    def describe(self, num_classes: int | None, classes: Sequence[int] | None, like: str) -> None:
        largest = int(self._classes.max())
        if num_classes is not None and largest >= num_classes:
            raise self._refuse_classes(largest, num_classes, like)
        count = num_classes or vocabulary_for(largest)
        self.description = Description(
            task="video", num_classes=count, classes=None, top_k=min(MAX_PAIRS, count), precision="float32"
        )

    def aligned(self, rows: Predictions, progress: Progress) -> "ListedVideos":
        missing, unknown, total = 0, dict(self._ids), 0
        for part in rows.rows():
            missing += sum(video not in self._ids for video in part.ids.tolist())
            total += len(part)
            for video in part.ids.tolist():
                unknown.pop(video, None)
        if unknown:
            raise InputError(
                f"{self.path}: has video {next(iter(unknown)).decode()!r}, which {rows.name} lacks, and so {len(unknown)} in "
                "all; predict both for the same records"
            )
        if missing:
            progress.message(
                f"{self.path}: has no predictions for {missing} of the {total} videos, of which the other members alone are "
                "averaged"
            )
        return ListedVideos(self, rows)

    def entries(self, ids: np.ndarray) -> "VideoEntries":
        """Returns the entries of some videos, bytes [N]; videos without predictions name no class."""
        found = np.array([self._ids.get(video, -1) for video in ids.tolist()], np.int64)
        named = (np.arange(MAX_PAIRS) < self.counts[found][:, None]) & (found >= 0)[:, None]
        return VideoEntries(self._classes[found].astype(np.int64), named, self.logits[found], self.rest[found])

    def part(self, ids: np.ndarray) -> Part:
        """Returns predictions for some videos, bytes [N], each with its own k classes."""
        kept = self.description.top_k or 0
        entries = self.entries(ids)
        classes, logits = _padded(entries, kept)
        num_named = entries.named.sum(axis=1)
        counts, said = np.minimum(num_named, kept), num_named[:, None] > 0
        return Part(ids, logits, None, classes, rest=entries.rest, counts=counts, said=said)


class VideoEntries(NamedTuple):
    """What a list says of some videos."""

    classes: np.ndarray
    """int64 [N, 20]"""
    named: np.ndarray
    """bool [N, 20]: which of these classes the list names. They come first, best first."""
    logits: np.ndarray
    """float32 [N, 20]; scores that are no probabilities as they are."""
    rest: np.ndarray
    """float32 [N]: the logit of classes that are not named."""


class ListedVideos(ListedPredictions):
    """A list of videos, aligned with the rows of other members."""

    def __init__(self, listed: VideoList, rows: Predictions):
        super().__init__(listed, rows)
        self._list = listed

    def read(self, number: int) -> Part:
        return self._list.part(self.read_rows(number).ids)

    @functools.cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        """All distinct logits, float32 ascending; and the share of entries that rank below each."""
        listed = self._list
        named = np.arange(MAX_PAIRS) < listed.counts[:, None]
        values = np.concatenate([listed.logits[named], listed.rest])
        weights = np.concatenate([np.ones(named.sum(), np.int64), self.description.num_classes - listed.counts])
        levels, place = np.unique(values, return_inverse=True)
        counts = np.bincount(place, weights, len(levels))
        return levels, ((np.cumsum(counts) - counts / 2) / counts.sum()).astype(np.float32)

    def shares(self, logits: np.ndarray) -> np.ndarray:
        levels, shares = self._table
        return shares[np.minimum(np.searchsorted(levels, logits), len(levels) - 1)]


def _as_table(rows: Sequence[VideoRow]) -> tuple[np.ndarray, ...]:
    """Returns the number of classes of each row, the classes and the scores; the last two are padded to 20 columns."""
    classes = np.zeros((len(rows), MAX_PAIRS), np.uint16)
    scores = np.zeros((len(rows), MAX_PAIRS), np.float32)
    for place, row in enumerate(rows):
        classes[place, : len(row.classes)] = row.classes
        scores[place, : len(row.scores)] = row.scores
    return np.array([len(row.classes) for row in rows], np.int64), classes, scores


def _filled_in(scores: np.ndarray, counts: np.ndarray, are_probabilities: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns the logits of scores, float32 [V, 20], and of classes without a score, float32 [V].

    Scores that are no probabilities are returned as they are, and a class without a score gets less than the least one.
    """
    last = scores[np.arange(len(scores)), counts - 1]
    least = np.where(counts == counts.max(), last, last.min())
    if not are_probabilities:
        return scores, np.nextafter(least, np.float32(-np.inf))
    least = np.clip(least.astype(np.float64), _LEAST, 1 - _LEAST) / 2
    return logit(np.clip(scores.astype(np.float64), _LEAST, 1 - _LEAST)), logit(least)


def _padded(entries: VideoEntries, kept: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns classes int64 [N, kept] and their logits. A row that names fewer is filled up with other classes.

    Args:
        entries: the entries of some videos. Its classes are changed.
        kept: number of classes to return, at most the size of the vocabulary.
    """
    classes, named, logits, rest = entries
    for row in np.flatnonzero(~named[:, :kept].all(axis=1)):
        own = classes[row, named[row]]
        free = np.setdiff1d(np.arange(MAX_PAIRS + len(own)), own)
        classes[row, len(own) :] = free[: MAX_PAIRS - len(own)]
    return classes[:, :kept], np.where(named, logits, rest[:, None])[:, :kept]


def rows_of_videos(lists: Sequence[VideoList]) -> Rows:
    """Returns all videos in any of the lists, in the order of their first occurrence.

    Raises:
        InputError: a list has no video in common with the others.
    """
    refuse_strangers(lists)
    ids = list(dict.fromkeys(itertools.chain.from_iterable(each.video_ids for each in lists)))
    table = np.array(ids, np.bytes_)
    blocks = [table[first : first + _PART_VIDEOS] for first in range(0, len(table), _PART_VIDEOS)]
    return Rows(lists[0].description, [Part(block, np.empty((len(block), 0))) for block in blocks])
