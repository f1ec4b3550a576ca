"""Describes runs in a table, and what was removed from them."""

from collections.abc import Sequence
from typing import Any

from yt8m.commands.reports.tables import columns, printable, size_in_words
from yt8m.errors import quantity
from yt8m.metrics.registry import find

_LONGEST_NOTE = 60


def runs_listed(found: Sequence[Any], directory: str) -> str:
    """Lists `yt8m.runs.listing.RunSummary` objects in a table."""
    if not found:
        return f"{directory}: no runs; train one with --run {directory}/NAME"
    head = ("run", "recipe", "level", "status", "steps", "epochs", "best", "at", "time", "size", "note")
    return "\n".join(columns([head, *map(_row, found)], right={4, 5, 7, 8, 9}))


def _row(each: Any) -> tuple[str, ...]:
    steps = f"{each.step}/{each.num_steps}" if each.num_steps else str(each.step or "")
    best = "" if each.best is None else f"{find(each.metric).title} {each.best:.4f}"
    first_line = each.note.partition("\n")[0]
    note = first_line if len(first_line) <= _LONGEST_NOTE else f"{first_line[: _LONGEST_NOTE - 3]}..."
    return (
        printable(each.run),
        each.recipe or each.model,
        each.level or "",
        each.status,
        steps,
        "" if each.epochs is None else f"{each.epochs:.1f}",
        best,
        "" if each.best_step is None else str(each.best_step),
        "" if each.seconds is None else _duration(each.seconds),
        size_in_words(each.num_bytes),
        printable(note),
    )


def _duration(seconds: float) -> str:
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {left:02d} s" if minutes else f"{left} s"


def cleaned(found: Sequence[Any], dry_run: bool) -> str:
    """Describes `yt8m.runs.cleaning.Cleaned` results."""
    rows = [(each.path, size_in_words(each.num_bytes), each.why) for run in found for each in run.removed]
    verb = "would be removed" if dry_run else "removed"
    total, left = (sum(getattr(run, key) for run in found) for key in ("num_bytes", "kept_bytes"))
    last = f"{size_in_words(total)} {verb}, {size_in_words(left)} left in {quantity(len(found), 'run')}"
    return "\n".join([*columns(rows, right={1}), last])
