"""Checks that all trials of a study learned from the same records. Each run notes its own."""

from pathlib import Path
from typing import Any

from yt8m.errors import InputError
from yt8m.files import read_json
from yt8m.runs import RunDirectory


def other_records(trials: Path, run: RunDirectory) -> str | None:
    """A remark if a trial's training or validation files differ from the first trial's; otherwise None.

    Args:
        trials: the directory of the trials' runs.
        run: the run of the trial.
    """
    first = next((each for each in sorted(trials.glob("*/records.json")) if _noted(each)), run.records)
    before, now = _noted(first), _noted(run.records)
    if not now or before == now:
        return None
    return (
        f"{run.path}: learned from other records than {first.parent}, because files have changed since; scores before and "
        "after cannot be compared (give another --run to start again)"
    )


def _noted(path: Path) -> dict[str, Any] | None:
    try:
        return read_json(path)
    except InputError:  # from an earlier version, or the trial did not get that far
        return None
