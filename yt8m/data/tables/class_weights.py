"""Reads the file of `--loss.class-weights`: a factor for each class's loss."""

import math
import os

import numpy as np

from yt8m.data.tables.classes import select_classes
from yt8m.data.tables.text import Purpose, read_table

_COLUMNS = ("Index", "Weight")
_PURPOSE = Purpose(
    unreadable="the class weights cannot be read",
    another="check --loss.class-weights",
    mend="--loss.class-weights takes a CSV file with the columns Index and Weight",
)


def read_class_weights(path: str | os.PathLike, num_classes: int) -> np.ndarray:
    """Reads factors of classes from a CSV file with the columns Index and Weight: float32 [C], 1 where none is given.

    Args:
        path: the file. Other columns and the order of the rows do not matter.
        num_classes: C.

    Raises:
        InputError: the file cannot be read or lacks a column, a class is not in the vocabulary or comes twice, or a weight is
            not a finite number of at least 0.
    """
    table = read_table(path, _PURPOSE)
    frame, problems = select_classes(table, _COLUMNS)
    classes, weights = frame["Index"], frame["Weight"].map(_number)
    at_class, at_weight = map(table.header.index, _COLUMNS)
    table.refuse(
        [
            *problems,
            (classes >= num_classes, lambda row: f"class {int(row[at_class])} is not in 0 to {num_classes - 1}"),
            (weights.isna(), lambda row: f"the Weight is {row[at_weight].strip()[:40]!r} and no number"),
            (weights < 0, lambda row: f"weight {float(row[at_weight])} must be 0 or more"),
            (weights == math.inf, lambda row: f"weight {float(row[at_weight])} must be finite"),
        ]
    )
    factors = np.ones(num_classes, np.float32)
    factors[classes] = weights
    return factors


def _number(text: str) -> float:
    """Parses a number; NaN if the text is none. Unlike Python, takes no underscores between digits."""
    try:
        return float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan
