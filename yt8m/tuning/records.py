"""Whether the trials of a study learned from the same records, by what each trial's run has noted."""

from pathlib import Path
from typing import Any

from yt8m.errors import InputError
from yt8m.files import read_json
from yt8m.runs import RunDirectory


def other_records(trials: Path, run: RunDirectory) -> str | None:
    """A line on a trial that learned from, or validated on, other files than the first one did; None if it did not.

    Args:
        trials: the directory of the trials' runs, which are named by their numbers.
        run: the trial's.
    """
    first = next((each for each in sorted(trials.glob("*/records.json")) if _noted(each)), run.records)
    before, now = _noted(first), _noted(run.records)
    if not now or before == now:
        return None
    return (
        f"{run.path}: learned from other records than {first.parent}, as files have changed since; scores of before and after "
        "are not of the same (give another --run to begin anew)"
    )


def _noted(path: Path) -> dict[str, Any] | None:
    try:
        return read_json(path)
    except InputError:  # of an earlier version, or the trial did not come so far
        return None
