"""Which classes a page names: the best and the worst ones, and those where the runs differ most."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from yt8m.data.tables.vocabulary import class_name
from yt8m.metrics import enough_positives
from yt8m.scoring.classes import rank_classes
from yt8m.views.report.measuring import RunResult

_MOST_CLASSES = 10
"""Classes shown of a kind: the best, the worst and those where the runs differ most."""


@dataclass(frozen=True)
class ClassLine:
    """A class in a table: its name, its positives and its average precision in every run, None where it has none."""

    name: str
    num_positives: int
    precisions: Sequence[float | None]

    @property
    def mean(self) -> float:
        """Of the average precisions that there are."""
        return statistics.fmean(each for each in self.precisions if each is not None)

    @property
    def difference(self) -> float:
        """Between the greatest and the least average precision; 0 where a run has none."""
        return 0.0 if None in self.precisions else max(self.precisions) - min(self.precisions)


@dataclass(frozen=True)
class ClassTables:
    """Classes worth looking at, `_MOST_CLASSES` of a kind."""

    best: Sequence[ClassLine]
    worst: Sequence[ClassLine]
    """None of them is among the best."""
    most_different: Sequence[ClassLine]
    """Those whose average precision differs most between the runs; empty of one run, or where all are equal."""
    enough_positives: int
    """That each of them has."""
    num_classes: int
    """How many have so many."""


def class_tables(results: Sequence[RunResult], names: Mapping[int, str]) -> ClassTables:
    """The best and the worst classes by the mean average precision over the runs, and those where the runs differ most.

    Of equal ones the more frequent comes first. Classes with few positives are left out, as their average precision is chance.
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
    best = sorted(lines, key=lambda line: (-round(line.mean, 12), -line.num_positives))  # less the last bits of sums
    worst = sorted(best[_MOST_CLASSES:], key=lambda line: (round(line.mean, 12), -line.num_positives))
    different = sorted(lines, key=lambda line: (-line.difference, -line.num_positives))
    return ClassTables(
        best[:_MOST_CLASSES],
        worst[:_MOST_CLASSES],
        [line for line in different[:_MOST_CLASSES] if line.difference > 0],
        enough,
        len(lines),
    )
