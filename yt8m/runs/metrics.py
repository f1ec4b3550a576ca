"""Reads and writes the metrics of a run, in `metrics.jsonl` and beside its best weights."""

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
    """Reads the validation result of a run's best weights; empty if the run has not been validated.

    Raises:
        InputError: the file is damaged.
    """
    path = RunDirectory(Path(run)).best_metrics
    return read_json(path) if path.exists() else {}


def load_metrics(run: str | os.PathLike) -> "pandas.DataFrame":
    """Loads the metrics that a run has written so far, one row for each line of the file.

    Args:
        run: the run directory.

    Returns:
        The columns `kind` (`train` or `validation`) and `step` (int64), then one for each metric, in order of first
        occurrence: float64, NaN in rows that lack it. docs/training.md describes the metrics.

    Raises:
        InputError: there is no run, or a line of its `metrics.jsonl` is damaged.
    """
    import pandas

    load_config(run)  # its error says what is there instead
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
    """Reads the lines of `metrics.jsonl`, without a last line that a kill cut short.

    Raises:
        InputError: another line is damaged.
    """
    if not run.metrics.exists():
        return []
    *lines, _ = run.metrics.read_text(errors="replace").split("\n")
    return [_metrics_row(line, f"{run.metrics}, line {number}") for number, line in enumerate(lines, 1)]


def _metrics_row(line: str, where: str) -> dict[str, Any]:
    row = None
    with contextlib.suppress(ValueError, RecursionError):
        row = json.loads(line)
    if (
        not isinstance(row, dict)
        or row.get("kind") not in ("train", "validation")
        or not isinstance(row.get("step"), int)
    ):
        raise InputError(f"{where}: is damaged; delete that line")
    return row


def forget_after(run: RunDirectory, step: int, validated: bool = True) -> None:
    """Drops metrics of steps after `step`, and of its validation unless `validated`: a resumed run repeats them."""
    last = {"train": step, "validation": step if validated else step - 1}
    kept = [row for row in read_metrics(run) if row["step"] <= last[row["kind"]]]
    if run.metrics.exists():
        with NewFile(run.metrics) as file:
            file.write("".join(json.dumps(row) + "\n" for row in kept).encode())


def append_metrics(run: RunDirectory, row: Mapping[str, Any]) -> None:
    """Adds a line to `metrics.jsonl`.

    Raises:
        InputError: the disk is full, or the directory is no longer writable.
    """
    try:
        with run.metrics.open("a") as file:
            file.write(json.dumps(row) + "\n")
    except OSError as error:
        raise InputError(f"{run.metrics}: cannot be written ({error.strerror})") from error
