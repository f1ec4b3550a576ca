"""What all texts are made of: tables, lists that are cut off, and sizes."""

from collections.abc import Sequence
from typing import Any

from yt8m.errors import quantity

_MOST_LINES = 20
"""Of a list of problems, as `yt8m validate` has them."""


def table(rows: Sequence[tuple[str, Any]]) -> str:
    """A line a row: the name, padded, and the value."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(
        f"{name:<{width}}  {f'{value:.4f}' if isinstance(value, float) else value}" for name, value in rows
    )


def capped(lines: Sequence[str]) -> list[str]:
    """The first of many lines, and how many more there are."""
    more = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], *([f"... and {more} more"] if more > 0 else [])]


def size_in_words(num_bytes: int) -> str:
    """`1.50 MB` of 1500000."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.2f} {unit}"
    return quantity(num_bytes, "byte")
