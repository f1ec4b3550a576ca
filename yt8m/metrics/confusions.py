"""Which class a model gives in the place of which other one."""

from typing import NamedTuple

import numpy as np

from yt8m.metrics.selection import best_classes

_PENDING = 1 << 20
"""Confusions that are kept one by one before equal ones are counted together."""


class Confusion(NamedTuple):
    """A pair of classes that a model confuses."""

    missed: int
    """The class that was there."""
    given: int
    """The class that was not, and was given in its place."""
    count: int
    """Rows in which that happened."""


class Confusions:
    """How often each class is given in the place of each other one, over rows (videos or segments) that come in batches.

    A row with n labels is given its n best classes, as precision at equal recall does. Then as many labels are missed as
    other classes are given; each label missed counts as confused with each class given in a label's place, once a row.
    Scores that are equal are in the order of their classes. A pair that was seen takes 16 bytes.

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
            known: bool [N, C]: classes of which it is known whether they are there, the labels among them; others are not
                given. None = all.
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
        """Adds all pairs within a row, of which each has as many of the one as of the other; rows ascend."""
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
        """Adds all rows of another one, which stays as it is."""
        other._count()
        self._count(other._pairs, other._counts)

    def _count(self, pairs: np.ndarray | None = None, counts: np.ndarray | None = None) -> None:
        """Counts what is pending, and further pairs, together with what was counted before."""
        pairs = np.zeros(0, np.int64) if pairs is None else pairs
        counts = np.zeros(0, np.int64) if counts is None else counts
        every = np.concatenate([self._pairs, *self._pending, pairs])
        weights = np.concatenate([self._counts, np.ones(self._num_pending, np.int64), counts])
        self._pairs, places = np.unique(every, return_inverse=True)
        self._counts = np.zeros(len(self._pairs), np.int64)
        np.add.at(self._counts, places, weights)
        self._pending, self._num_pending = [], 0

    def most_frequent(self, most: int) -> list[Confusion]:
        """The pairs confused most often, at most so many; equally frequent ones in the order of their classes."""
        self._count()
        order = np.lexsort((self._pairs, -self._counts))[:most]
        missed, given = np.divmod(self._pairs[order], self.num_classes)
        columns = (missed.tolist(), given.tolist(), self._counts[order].tolist())
        return [Confusion(*each) for each in zip(*columns, strict=True)]
