"""The parts of all texts: tables, shortened lists, and sizes."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from yt8m.errors import quantity

_MOST_LINES = 20
"""The longest list of problems that is printed; `yt8m validate` prints one."""


def table(rows: Sequence[tuple[str, Any]]) -> str:
    """Writes a line for each row: the padded name and the value."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(
        f"{name:<{width}}  {f'{value:.4f}' if isinstance(value, float) else value}" for name, value in rows
    )


def columns(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Writes rows of texts as lines with aligned columns.

    Args:
        rows: rows of one length.
        right: numbers of the columns to align to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        fields = [
            text.rjust(width) if place in right else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(fields).rstrip())
    return lines


def printable(text: str) -> str:
    """A text in one line that any terminal takes: control characters, and bytes of names that are not UTF-8, are written out."""
    text = re.sub("[\x00-\x1f\x7f-\x9f]", lambda found: repr(found[0])[1:-1], text)
    return text.encode(errors="backslashreplace").decode()


def capped(lines: Sequence[str]) -> list[str]:
    """Returns the first lines, and a line that says how many more there are."""
    more = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], *([f"... and {more} more"] if more > 0 else [])]


def size_in_words(num_bytes: int) -> str:
    """Writes a size in words: 1500000 becomes `1.50 MB`."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= size:
            return f"{num_bytes / size:.2f} {unit}"
    return quantity(num_bytes, "byte")
