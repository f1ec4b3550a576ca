"""Writes the addresses of videos, for `yt8m id`."""

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

from yt8m.commands.reports.tables import printable
from yt8m.errors import quantity

_MOST_NAMED = 5


def addresses(found: Sequence[Any]) -> str:
    """A line for each `yt8m.download.addresses.Address`, and how many there are of each kind if there are several."""
    ids = [printable(each.id) for each in found]
    width = max(map(len, ids))
    lines = [
        f"{name:<{width}}  {each.url or printable(each.path) or each.problem}"
        for name, each in zip(ids, found, strict=True)
    ]
    if len(found) > 1:
        lines.append(f"{quantity(len(found), 'id', ',')}: {_counted(found)}")
    return "\n".join(lines)


def _counted(found: Sequence[Any]) -> str:
    words = {
        "found": "found",
        "own": "of one's own",
        "gone": "gone",
        "invalid": "not of the data set",
        "failed": "failed",
    }
    counts = Counter(each.state for each in found)
    return ", ".join(f"{counts[state]:,} {text}" for state, text in words.items() if counts[state])


def unanswered(found: Sequence[Any]) -> str:
    """The line for ids without an answer, or that are none; empty if there are none of these."""
    bad = [each for each in found if each.state in ("invalid", "failed")]
    if not bad:
        return ""
    named = "; ".join(f"{each.id!r}: {each.problem}" for each in bad[:_MOST_NAMED])
    more = f"; and {len(bad) - _MOST_NAMED:,} more" if len(bad) > _MOST_NAMED else ""
    again = "; run the same command again to try these again" if any(each.state == "failed" for each in bad) else ""
    return f"{len(bad):,} of {quantity(len(found), 'id', ',')} without an answer: {named}{more}{again}"


def address_values(found: Sequence[Any]) -> dict[str, Any]:
    """The same as JSON values."""
    counts = Counter(each.state for each in found)
    videos = [
        {
            "id": each.id,
            "state": each.state,
            "youtube_id": each.youtube_id or None,
            "address": each.url or None,
            "path": each.path or None,
            "problem": each.problem or None,
        }
        for each in found
    ]
    return {"videos": videos, "counts": dict(counts)}


def write_addresses(path: str | os.PathLike, found: Sequence[Any]) -> None:
    """Writes a CSV file. Raises InputError if it cannot be written."""
    from yt8m.data.tables.text import write_table
    from yt8m.files import NewFile

    columns = {
        "id": [each.id for each in found],
        "state": [each.state for each in found],
        "youtube_id": [each.youtube_id for each in found],
        "address": [each.url for each in found],
        "path": [each.path for each in found],
    }
    with NewFile(path) as file:
        file.write(write_table(columns))
