"""Chooses the classes on the page: the best, the worst, and those where the runs differ most."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from yt8m.data.tables.vocabulary import class_name
from yt8m.metrics import enough_positives
from yt8m.scoring.classes import rank_classes
from yt8m.views.report.measuring import RunResult

_MOST_CLASSES = 10
"""Classes per table: the best, the worst, and those where the runs differ most."""


@dataclass(frozen=True)
class ClassLine:
    """A class in a table: name, positives, and average precision in every run (None if undefined)."""

    name: str
    num_positives: int
    precisions: Sequence[float | None]

    @property
    def mean(self) -> float:
        """The mean of the defined average precisions."""
        return statistics.fmean(each for each in self.precisions if each is not None)

    @property
    def difference(self) -> float:
        """The difference of the highest and lowest average precision; 0 if one is undefined."""
        return 0.0 if None in self.precisions else max(self.precisions) - min(self.precisions)


@dataclass(frozen=True)
class ClassTables:
    """The tables of classes, with up to `_MOST_CLASSES` each."""

    best: Sequence[ClassLine]
    worst: Sequence[ClassLine]
    """The worst classes, without any of the best."""
    most_different: Sequence[ClassLine]
    """Classes whose average precision differs most between runs; empty for one run, or if all are equal."""
    enough_positives: int
    """The number of positives that every class in the tables has at least."""
    num_classes: int
    """The number of classes with at least so many positives."""


def class_tables(results: Sequence[RunResult], names: Mapping[int, str]) -> ClassTables:
    """The best and worst classes by mean average precision over the runs, and those where the runs differ most.

    Equal classes are in the order of frequency. Classes with few positives are left out: their average precision is chance.
    """
    by_run = [
        {row.class_id: row for row in rank_classes(result.per_class, names) if row.average_precision is not None}
        for result in results
    ]
    every = []
    for class_id in sorted(set().union(*by_run)):
        of_class = [rows.get(class_id) for rows in by_run]
        precisions = [row.average_precision if row else None for row in of_class]
        count = min(row.num_positives for row in of_class if row)
        every.append(ClassLine(class_name(class_id, names), count, precisions))
    enough = enough_positives((line.num_positives for line in every), 2 * _MOST_CLASSES)
    lines = [line for line in every if line.num_positives >= enough]
    # Rounded, because the last bits depend on the order of sums.
    best = sorted(lines, key=lambda line: (-round(line.mean, 12), -line.num_positives))
    worst = sorted(best[_MOST_CLASSES:], key=lambda line: (round(line.mean, 12), -line.num_positives))
    different = sorted(lines, key=lambda line: (-line.difference, -line.num_positives))
    return ClassTables(
        best[:_MOST_CLASSES],
        worst[:_MOST_CLASSES],
        [line for line in different[:_MOST_CLASSES] if line.difference > 0],
        enough,
        len(lines),
    )
