"""Writes `classes.csv` and `classes.png`: how well the model recognises each class."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yt8m.data.sources import expand_paths
from yt8m.data.tables.text import write_table
from yt8m.data.tables.vocabulary import class_name, find_vocabulary, read_class_names
from yt8m.errors import InputError, quantity
from yt8m.files import NewFile, check_destination, make_directory, remove_empty
from yt8m.metrics import PerClass
from yt8m.views.plotting import (
    head,
    logarithmic_counts,
    new_figure,
    save_figure,
    whole_numbers,
)

if TYPE_CHECKING:
    import pandas

TABLE_FILE, PICTURE_FILE = "classes.csv", "classes.png"
COLUMNS = {
    "class_id": "Index",
    "name": "Name",
    "average_precision": "AveragePrecision",
    "num_positives": "NumPositives",
    "num_negatives": "NumNegatives",
}
"""The columns of `classes.csv`, by the fields of `ClassRow`."""


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class in a report."""

    class_id: int
    name: str
    """`Class 17` if the class has no name."""
    average_precision: float | None
    """From 0 to 1; None without positives."""
    num_positives: int
    """Number of videos with the label, or of segments rated positive."""
    num_negatives: int | None
    """Number of segments rated negative; None for videos."""


def open_class_report(
    directory: str | os.PathLike | None,
    vocabulary: str | os.PathLike | None,
    data: str | Sequence[str],
    without_files: bool = False,
) -> "ClassReport | None":
    """Prepares a report to be written after the work, and checks for errors before it. None if no report is wanted.

    Args:
        directory: directory of the files; made, if missing, when the report is written. None = write no files.
        vocabulary: a `vocabulary.csv`; None = the one at the data set's root, if there is one.
        data: the records to score, as `expand_paths` takes them.
        without_files: whether to make a report of rows even without a directory.

    Raises:
        InputError: the directory cannot be made or written to, or the vocabulary cannot be used.
    """
    if directory is None and not without_files:
        if vocabulary is not None:
            raise InputError("--vocabulary only names the classes of a report; give --classes DIR too")
        return None
    found = vocabulary or find_vocabulary(expand_paths(data)[0])
    names = read_class_names(found) if found else {}
    if directory is None:
        return ClassReport(None, names)
    remove_empty(make_directory(directory))
    for name in (TABLE_FILE, PICTURE_FILE):
        check_destination(Path(directory) / name)
    return ClassReport(Path(directory), names)


class ClassReport:
    """A report to be written later; `open_class_report` makes it and describes its arguments."""

    def __init__(self, directory: Path | None, names: Mapping[int, str]):
        self._directory, self._names = directory, names

    def write(self, per_class: PerClass) -> list[ClassRow]:
        """Writes both files, if there is a directory for them.

        Returns:
            The rows of the table, best class first.

        Raises:
            InputError: a file cannot be written.
        """
        rows = rank_classes(per_class, self._names)
        if self._directory is not None:
            with NewFile(self._directory / TABLE_FILE) as file:
                file.write(_table(rows))
            plot(rows, self._directory / PICTURE_FILE)
        return rows


def rank_classes(per_class: PerClass, names: Mapping[int, str]) -> list[ClassRow]:
    """Sorts classes by average precision, best first; equal ones by frequency; classes without positives come last."""
    negatives = [None] * len(per_class.class_ids) if per_class.num_negatives is None else per_class.num_negatives
    columns = (per_class.class_ids, per_class.average_precision, per_class.num_positives)
    rows = [
        ClassRow(
            class_id=int(class_id),
            name=class_name(int(class_id), names),
            average_precision=float(precision) if positives else None,
            num_positives=int(positives),
            num_negatives=None if negative is None else int(negative),
        )
        for class_id, precision, positives, negative in zip(*columns, negatives, strict=True)
    ]
    # Equal precisions may differ in their last bits, by the order of a sum.
    return sorted(
        rows,
        key=lambda row: (
            row.average_precision is None,
            -round(row.average_precision or 0.0, 12),
            -row.num_positives,
            row.class_id,
        ),
    )


def frame_of(rows: Sequence[ClassRow]) -> "pandas.DataFrame":
    """Makes a DataFrame of the rows, with the fields of `ClassRow` as columns.

    `class_id` and `num_positives` are int64 and `name` is text. `average_precision` is float64, NaN for None.
    `num_negatives` is Int64, missing for None.
    """
    import pandas

    types = {
        "class_id": "int64",
        "name": str,
        "average_precision": "float64",
        "num_positives": "int64",
        "num_negatives": "Int64",
    }
    return pandas.DataFrame(
        {field: pandas.Series([getattr(row, field) for row in rows], dtype=types[field]) for field in COLUMNS}
    )


def _table(rows: Sequence[ClassRow]) -> bytes:
    """Makes a CSV file of the rows. Precisions keep every digit, so their mean is the reported one."""
    return write_table({column: [getattr(row, field) for row in rows] for field, column in COLUMNS.items()})


def plot(rows: Sequence[ClassRow], path: Path) -> None:
    """Draws a histogram of the average precisions, and average precision against the number of positives.

    Args:
        rows: the classes. Classes without positives are left out; at least one must have a positive.
        path: a PNG file.
    """
    drawn = [row for row in rows if row.average_precision is not None]
    precisions, counts = [row.average_precision for row in drawn], [row.num_positives for row in drawn]
    mean = sum(precisions) / len(precisions)
    figure = new_figure(height=7)
    spread, against_count = figure.subplots(2, 1)

    # A sum over equal scores may exceed 1 by its last bit, and the last bar would not count it.
    spread.hist(
        [min(precision, 1.0) for precision in precisions], bins=20, range=(0, 1), color="tab:blue", edgecolor="white"
    )
    spread.axvline(mean, color="tab:red", linestyle="--", label=f"mean {mean:.4f}")
    spread.set(xlabel="average precision", ylabel="classes", xlim=(0, 1))
    whole_numbers(spread.yaxis)

    size = 24 if len(drawn) <= 300 else 8
    against_count.scatter(counts, precisions, s=size, alpha=0.5, linewidths=0, color="tab:blue", zorder=3)
    against_count.axhline(mean, color="tab:red", linestyle="--", label=f"mean {mean:.4f}")
    unit = "videos with the label" if drawn[0].num_negatives is None else "positive segments"
    against_count.set(xlabel=unit, ylabel="average precision", xscale="log", ylim=(-0.03, 1.03))
    low, high = logarithmic_counts(against_count.xaxis, min(counts), max(counts))
    against_count.set_xlim(low / 1.1, high * 1.1)  # room for whole dots at both ends
    titles = (quantity(len(drawn), "class", ","), "Rare and frequent classes")
    for axes, title in zip((spread, against_count), titles, strict=True):
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        head(axes, title)
    save_figure(figure, path)
