"""The starts of a run, in `starts.jsonl`: when each began and ended, and how.

A start writes a line when it begins and one when it ends. A killed process leaves the second one out.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from yt8m.errors import InputError
from yt8m.files import locked
from yt8m.runs.directory import RunDirectory

Status = Literal["running", "done", "stopped", "out of time", "failed", "killed", "empty"]
"""`done`: no steps are left. `stopped`: on request. `out of time`: by `--training.max-hours`.

`failed`: by an error. `killed`: without a word. `empty`: without weights.
"""


@dataclass
class Ending:
    """How a start ends. The work sets it."""

    status: Status = "done"


@contextlib.contextmanager
def recorded_start(run: RunDirectory, step: Callable[[], int], ending: Ending) -> Iterator[None]:
    """Records a start of a run during the block.

    Args:
        run: the run directory.
        step: returns the number of steps that the run has done.
        ending: how the start ends, unless an error leaves the block.

    Raises:
        InputError: the file cannot be written.
    """
    began = time.time()
    _append(run, {"event": "begun", "time": round(began, 3)})
    reason = None
    try:
        yield
    except BaseException as error:
        ending.status, reason = ("failed" if isinstance(error, Exception) else "stopped"), str(error) or None
        raise
    finally:
        now = time.time()
        row = {"event": "ended", "time": round(now, 3), "status": ending.status, "step": step(), "reason": reason}
        with contextlib.suppress(InputError):  # the error before, a full disk say, is the one to report
            _append(run, row | {"seconds": round(now - began, 3)})


def _append(run: RunDirectory, row: dict[str, Any]) -> None:
    try:
        with run.starts.open("a") as file:
            file.write(json.dumps(row) + "\n")
    except OSError as error:
        raise InputError(f"{run.starts}: cannot be written ({error.strerror})") from error


def read_starts(run: RunDirectory) -> list[dict[str, Any]]:
    """Returns the lines of `starts.jsonl` that can be read, each with `event` and `time`; none for runs of older versions."""
    rows = []
    if run.starts.exists():
        for line in run.starts.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                row = json.loads(line)
                if (
                    isinstance(row, dict)
                    and row.get("event") in ("begun", "ended")
                    and isinstance(row.get("time"), float | int)
                ):
                    rows.append(row)
    return rows


def is_busy(path: str | os.PathLike) -> bool:
    """Whether a process is at work on a run."""
    try:
        with locked(path, "busy"):
            return False
    except InputError:
        return True
    except OSError:  # a directory of others, which may not be read
        return False


def status_of(run: RunDirectory, starts: list[dict[str, Any]], is_over: bool) -> Status:
    """Returns how a run stands.

    Args:
        run: the run directory.
        starts: its starts.
        is_over: whether it has done all its steps, for runs of older versions.
    """
    if is_busy(run.path):
        return "running"
    if not run.has_weights:
        return "failed" if starts and starts[-1].get("status") == "failed" else "empty"
    if not starts:
        return "done" if is_over else "stopped"
    last = starts[-1]
    return "killed" if last["event"] == "begun" else last.get("status", "stopped")
