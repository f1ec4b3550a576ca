"""The file of `--loss.class-weights`: factors on the losses of classes."""

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
    """Factors of the classes from a CSV with the columns Index and Weight: float32 [C], 1 where none is given.

    Args:
        path: the file; further columns and the order of the rows do not matter.
        num_classes: C.

    Raises:
        InputError: the file cannot be read or lacks a column, a class is none of the vocabulary or comes twice, or a weight is no
            finite number from 0 on.
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
    """NaN of what is none; Python takes digits with underscores for one, too."""
    try:
        return float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan
