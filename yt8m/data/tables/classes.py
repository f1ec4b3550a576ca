"""Reads the column of class ids that tables of classes have."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from yt8m.data.tables.text import Problem, Table

if TYPE_CHECKING:
    import pandas

_CLASS = r"[0-9]{1,9}"


def select_classes(table: Table, columns: Sequence[str]) -> tuple["pandas.DataFrame", list[Problem]]:
    """Selects columns of a table of classes, and finds bad rows.

    Args:
        table: a table with a header.
        columns: names of columns; the first is the column of class ids.

    Returns:
        The columns, and problems for `Table.refuse`. Class ids are int64, -1 if the text is no class id. Other columns are
        text, empty if a row is too short. Problems are: the row is too short, the class is not a whole number of at least 0,
        or the class came before.

    Raises:
        InputError: the header lacks a column.
    """
    frame, name = table.select(columns).fillna(""), columns[0]
    texts = frame[name].str.strip()
    usable = texts.str.fullmatch(_CLASS).astype(bool)
    frame[name] = texts.where(usable, "-1").astype("int64")
    place = table.header.index(name)
    return frame, [
        table.too_short(columns),
        (~usable, lambda row: f"the {name} is {row[place].strip()[:40]!r} and no class, a whole number from 0 on"),
        (usable & frame[name].duplicated(), lambda row: f"class {int(row[place])} comes a second time"),
    ]
