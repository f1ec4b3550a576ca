"""The column of classes that tables of classes have."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from yt8m.data.tables.text import Problem, Table

if TYPE_CHECKING:
    import pandas

_CLASS = r"[0-9]{1,9}"


def select_classes(table: Table, columns: Sequence[str]) -> tuple["pandas.DataFrame", list[Problem]]:
    """Columns of a table, the first of which is that of the classes, and what is wrong with some of the rows.

    Args:
        table: any, with a header.
        columns: names of columns.

    Returns:
        The columns: the classes as int64, -1 of what is none, and the others as text, empty where a row is too short. For
        `Table.refuse`, the rows that end too early, whose class is no whole number from 0 on, and whose class came before.

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
