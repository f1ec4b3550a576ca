"""Which classes a model confuses."""

from typing import NamedTuple

import numpy as np

from yt8m.metrics.selection import best_classes

_PENDING = 1 << 20
"""Confusions to collect before equal ones are counted together."""


class Confusion(NamedTuple):
    """A pair of classes that a model confuses."""

    missed: int
    """The class that is a label."""
    given: int
    """The class that was predicted instead."""
    count: int
    """Rows with this confusion."""


class Confusions:
    """Counts confusions between classes, over batches of rows (videos or segments).

    For a row with n labels, the n best classes are predicted, as for precision at equal recall. So the row has as many missed
    labels as wrong classes. Each missed label counts once as confused with each wrong class. Equal scores are in the order of
    their classes. Each pair in the counts takes 16 bytes.

    Args:
        num_classes: classes C of the vocabulary.
    """

    def __init__(self, num_classes: int):
        self.num_classes = num_classes
        self._pairs, self._counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._pending: list[np.ndarray] = []
        self._num_pending = 0

    def update(self, scores: np.ndarray, present: np.ndarray, known: np.ndarray | None = None) -> None:
        """Adds rows.

        Args:
            scores: finite float [N, C].
            present: bool [N, C]: the labels.
            known: bool [N, C]: classes with a known truth, including the labels. Others are never predicted. None = all.
        """
        num_labels = present.sum(axis=1)
        width = int(num_labels.max(initial=0))
        if not width:
            return
        classes, _ = best_classes(scores if known is None else np.where(known, scores, -np.inf), width)
        given = np.zeros_like(present)
        rows, places = np.nonzero(np.arange(width) < num_labels[:, None])
        given[rows, classes[rows, places]] = True
        self._add(*np.nonzero(present & ~given), *np.nonzero(given & ~present))

    def _add(self, missed_rows, missed_classes, given_rows, given_classes) -> None:
        """Adds all pairs within each row. A row has equally many missed and wrong classes; rows ascend."""
        a_row = np.bincount(missed_rows, minlength=1)
        first_of_row = np.cumsum(a_row) - a_row
        partners = a_row[missed_rows]
        missed = np.repeat(np.arange(len(missed_rows)), partners)
        place_in_row = np.arange(len(missed)) - np.repeat(np.cumsum(partners) - partners, partners)
        given = first_of_row[missed_rows[missed]] + place_in_row
        assert np.array_equal(missed_rows, given_rows)
        self._pending.append(missed_classes[missed] * self.num_classes + given_classes[given])
        self._num_pending += len(missed)
        if self._num_pending > _PENDING:
            self._count()

    def merge(self, other: "Confusions") -> None:
        """Adds all rows of another object, which does not change."""
        other._count()
        self._count(other._pairs, other._counts)

    def _count(self, pairs: np.ndarray | None = None, counts: np.ndarray | None = None) -> None:
        """Adds the collected pairs, and further ones, to the counts."""
        pairs = np.zeros(0, np.int64) if pairs is None else pairs
        counts = np.zeros(0, np.int64) if counts is None else counts
        every = np.concatenate([self._pairs, *self._pending, pairs])
        weights = np.concatenate([self._counts, np.ones(self._num_pending, np.int64), counts])
        self._pairs, places = np.unique(every, return_inverse=True)
        self._counts = np.zeros(len(self._pairs), np.int64)
        np.add.at(self._counts, places, weights)
        self._pending, self._num_pending = [], 0

    def most_frequent(self, most: int) -> list[Confusion]:
        """The most frequent pairs, at most so many. Equally frequent pairs are in the order of their classes."""
        self._count()
        order = np.lexsort((self._pairs, -self._counts))[:most]
        missed, given = np.divmod(self._pairs[order], self.num_classes)
        columns = (missed.tolist(), given.tolist(), self._counts[order].tolist())
        return [Confusion(*each) for each in zip(*columns, strict=True)]
