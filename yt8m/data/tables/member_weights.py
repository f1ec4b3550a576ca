"""Reads weights of an ensemble's members for each class, a file of `yt8m ensemble --weights`."""

import os
from dataclasses import dataclass

from yt8m.data.tables.classes import select_classes
from yt8m.data.tables.text import Purpose, number_in, read_table
from yt8m.errors import quantity

_CLASS_COLUMNS = ("Index", "class_id")
_PURPOSE = Purpose(
    unreadable="the weights cannot be read",
    another="check --weights",
    mend="--weights takes a CSV file with the column Index or class_id, and a column of weights for each member",
)


@dataclass(frozen=True)
class MemberWeights:
    """Weights by class."""

    members: list[str]
    """The names of the columns of weights."""
    by_class: dict[int, list[float]]
    """One weight for each member, 0 or more, one of them above 0."""


def read_member_weights(path: str | os.PathLike) -> MemberWeights:
    """Reads a CSV file with a row for each class: its id, and a weight for each member.

    Args:
        path: the file. Its first column is `Index` or `class_id`. The header of each other column names a member.

    Raises:
        InputError: the file cannot be read, or has no column of weights or no row; a class comes twice, or is no whole number; a
            weight is not a finite number of at least 0, or all weights of a class are 0.
    """
    table = read_table(path, _PURPOSE)
    if not table.header or table.header[0] not in _CLASS_COLUMNS:
        raise table.error(table.header_place, "the first column is not Index or class_id")
    members = table.header[1:]
    if not members or len({*members}) < len(members):
        wrong = "no column of weights" if not members else "a column twice"
        raise table.error(table.header_place, f"the header has {wrong}")
    frame, problems = select_classes(table, table.header)
    if not len(frame):
        raise table.error(table.header_place, f"no class follows the {quantity(len(table.header), 'column')}")
    weights = frame[members].map(number_in)
    bad = [(weights[name].isna(), table.not_a(name, "a finite number of at least 0")) for name in members]
    table.refuse([*problems, table.too_long(), *bad, (weights.sum(axis=1) == 0, lambda row: "all weights are 0")])
    ids = frame[table.header[0]].tolist()
    return MemberWeights(members, dict(zip(ids, weights.to_numpy(float).tolist(), strict=True)))
