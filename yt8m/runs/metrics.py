"""The metrics of a run: a line each time that some are written."""

import contextlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yt8m.errors import InputError
from yt8m.files import (
    NewFile,
    read_json,
)
from yt8m.runs.directory import RunDirectory, load_config

if TYPE_CHECKING:
    import pandas


def best_metrics(run: str | os.PathLike) -> dict[str, Any]:
    """What the validation of a run's best weights gave; empty of a run without validation records, or without one so far.

    Raises:
        InputError: the file is damaged.
    """
    path = RunDirectory(Path(run)).best_metrics
    return read_json(path) if path.exists() else {}


def load_metrics(run: str | os.PathLike) -> "pandas.DataFrame":
    """The metrics that a run has written so far, a row each time that some were, in the order of the file.

    Args:
        run: the run directory.

    Returns:
        `kind` (`train` or `validation`), `step` (int64), then a column a metric, in the order in which they come first: float64,
        NaN in rows that lack it. What is in them: docs/training.md.

    Raises:
        InputError: there is no run, or a line of its `metrics.jsonl` is damaged.
    """
    import pandas

    load_config(run)  # says what is there instead
    rows = read_metrics(RunDirectory(Path(run)))
    metrics = dict.fromkeys(name for row in rows for name in row if name not in ("kind", "step"))
    columns = {
        "kind": pandas.Series([row["kind"] for row in rows], dtype=str),
        "step": pandas.Series([row["step"] for row in rows], dtype="int64"),
    }
    for name in metrics:
        columns[name] = pandas.Series([row.get(name, math.nan) for row in rows], dtype="float64")
    return pandas.DataFrame(columns)


def read_metrics(run: RunDirectory) -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`; a last line that a kill cut short is left out.

    Raises:
        InputError: another line is damaged.
    """
    if not run.metrics.exists():
        return []
    *lines, _ = run.metrics.read_text(errors="replace").split("\n")
    return [_metrics_row(line, f"{run.metrics}, line {number}") for number, line in enumerate(lines, 1)]


def _metrics_row(line: str, where: str) -> dict[str, Any]:
    row = None
    with contextlib.suppress(ValueError):
        row = json.loads(line)
    if (
        not isinstance(row, dict)
        or row.get("kind") not in ("train", "validation")
        or not isinstance(row.get("step"), int)
    ):
        raise InputError(f"{where}: is damaged; delete that line")
    return row


def forget_after(run: RunDirectory, step: int, validated: bool = True) -> None:
    """Drops the metrics of steps after `step`, and of its validation unless `validated`: a resumed run does them again."""
    last = {"train": step, "validation": step if validated else step - 1}
    kept = [row for row in read_metrics(run) if row["step"] <= last[row["kind"]]]
    if run.metrics.exists():
        with NewFile(run.metrics) as file:
            file.write("".join(json.dumps(row) + "\n" for row in kept).encode())


def append_metrics(run: RunDirectory, row: Mapping[str, Any]) -> None:
    """Adds a line to `metrics.jsonl`.

    Raises:
        InputError: the disk is full, or the directory cannot be written any more.
    """
    try:
        with run.metrics.open("a") as file:
            file.write(json.dumps(row) + "\n")
    except OSError as error:
        raise InputError(f"{run.metrics}: cannot be written ({error.strerror})") from error
