"""Lists the runs below a directory: what each is, how it stands and what it is worth."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yt8m.errors import InputError, unknown_name
from yt8m.files import read_json
from yt8m.metrics.registry import primary, score_of, task_of
from yt8m.runs.directory import RunDirectory
from yt8m.runs.metrics import best_metrics, read_metrics
from yt8m.runs.notes import read_note
from yt8m.runs.starts import Status, read_starts, status_of
from yt8m.runs.unlike import is_run

if TYPE_CHECKING:
    import pandas

_DEEPEST = 4
"""Levels of directories to search for runs."""


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """A run in a table of runs. None stands for what is not known."""

    run: str
    """The run directory."""
    recipe: str
    model: str
    level: str | None
    """The level of the records: `frame` or `video`."""
    status: Status
    step: int
    """Steps done."""
    num_steps: int | None
    """Steps in all."""
    epochs: float | None
    """Passes over the training records so far."""
    metric: str | None
    """The key of the main metric: `gap`, or `segment_map`."""
    best: float | None
    """Its value for the best weights."""
    best_step: int | None
    seconds: float | None
    """Duration of all starts that ended."""
    started: float | None
    """When the first start began, in seconds since 1970."""
    num_bytes: int
    """Size of all files in the directory."""
    note: str


COLUMNS = tuple(RunSummary.__dataclass_fields__)


def find_runs(directory: str | os.PathLike) -> list[Path]:
    """Finds the run directories in a directory and up to four levels below it, in the order of their names.

    Args:
        directory: a directory of runs, or a run.

    Raises:
        InputError: there is no such directory.
    """
    place = Path(directory)
    if not place.is_dir():
        raise InputError(f"{os.fspath(directory)}: no such directory; name the one that your runs are in")
    return list(_runs_in(place, _DEEPEST))


def _runs_in(place: Path, levels: int) -> Iterator[Path]:
    if is_run(place):
        yield place
    elif levels:
        with contextlib.suppress(PermissionError):
            for each in sorted(place.iterdir()):
                if not each.name.startswith(".") and each.is_dir() and not each.is_symlink():
                    yield from _runs_in(each, levels - 1)


def summaries(directory: str | os.PathLike = "runs", sort: str = "best", reverse: bool = False) -> list[RunSummary]:
    """Describes the runs below a directory. Models are not loaded.

    Args:
        directory: a directory of runs, or a run.
        sort: the column to sort by: numbers from large to small, text from a to z. Runs without a value come last.
        reverse: sort the other way round.

    Raises:
        InputError: there is no such directory or column.
    """
    if sort not in COLUMNS:
        raise InputError(unknown_name("column", sort, list(COLUMNS)))
    found = [summary_of(path) for path in find_runs(directory)]
    known = [each for each in found if getattr(each, sort) is not None]
    is_number = bool(known) and not isinstance(getattr(known[0], sort), str)
    known.sort(key=lambda each: getattr(each, sort), reverse=is_number != reverse)
    return known + [each for each in found if getattr(each, sort) is None]


def list_runs(directory: str | os.PathLike = "runs") -> "pandas.DataFrame":
    """Lists the runs below a directory as a table, one row for each run, the best first.

    Args:
        directory: a directory of runs, or a run.

    Returns:
        The columns of `RunSummary`; numbers that are not known are missing.

    Raises:
        InputError: there is no such directory.
    """
    import pandas

    found = summaries(directory)
    types = {"step": "int64", "num_bytes": "int64", "num_steps": "Int64", "best_step": "Int64"}
    types |= dict.fromkeys(("epochs", "best", "seconds", "started"), "float64")
    columns = {name: [getattr(each, name) for each in found] for name in COLUMNS}
    return pandas.DataFrame(
        {name: pandas.Series(values, dtype=types.get(name, "str")) for name, values in columns.items()}
    )


def summary_of(path: str | os.PathLike) -> RunSummary:
    """Describes a run. What cannot be read of it counts as not known."""
    run = RunDirectory(Path(path))
    config = _read(run.config)
    training, model = _section(config, "training"), _section(config, "model")
    starts, step = read_starts(run), _step(run)
    num_steps = None if run.is_made_at_once else training.get("num_steps")
    best: dict[str, Any] = {}
    with contextlib.suppress(InputError):
        best = best_metrics(path)
    task = task_of(best)
    ended = [row["seconds"] for row in starts if row["event"] == "ended"]
    return RunSummary(
        run=os.fspath(path),
        recipe=config.get("recipe") or "",
        model=model.get("name") or "",
        level=_level(model),
        status=status_of(run, starts, run.is_made_at_once or (num_steps is not None and step >= num_steps)),
        step=step,
        num_steps=num_steps,
        epochs=_epochs(run, step, training.get("batch_size")),
        metric=primary(task).key if task else None,
        best=score_of(best),
        best_step=best.get("step"),
        seconds=sum(ended) if ended else None,
        started=starts[0]["time"] if starts else None,
        num_bytes=size_of([run.path]),
        note=read_note(run),
    )


def _read(path: Path) -> dict[str, Any]:
    with contextlib.suppress(InputError):
        found = read_json(path)
        return found if isinstance(found, dict) else {}
    return {}


def _section(config: dict[str, Any], name: str) -> dict[str, Any]:
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _level(model: dict[str, Any]) -> str | None:
    from yt8m.models import ALL_ARCHITECTURES

    members = model.get("members")
    if isinstance(members, list) and members and isinstance(members[0], dict):
        return _level(members[0])  # all are of one level
    return getattr(ALL_ARCHITECTURES.get(model.get("name", "")), "level", None)


def _step(run: RunDirectory) -> int:
    """Returns the last step in the metrics or at the end of a start."""
    steps = [row["step"] for row in read_starts(run) if isinstance(row.get("step"), int)]
    with contextlib.suppress(InputError):
        steps += [row["step"] for row in read_metrics(run)[-1:]]
    return max(steps, default=0)


def _epochs(run: RunDirectory, step: int, batch_size: int | None) -> float | None:
    """Returns the passes over the training records, if the number of records of all files is known."""
    num_records = num_training_records(run)
    return step * batch_size / num_records if batch_size and num_records else None


def num_training_records(run: RunDirectory) -> int | None:
    """Returns the number of records that a run learns from, if that of all files is known."""
    num_files = len(_read(run.records).get("train", ()))
    counts = [row[-1] for row in _read(run.record_counts).get("files", ()) if row]
    return None if len(counts) < num_files else sum(counts) or None


def size_of(places: Sequence[Path]) -> int:
    """Returns the bytes of all files in some places, without following links."""
    total = 0
    for place in places:
        if place.is_dir() and not place.is_symlink():
            total += size_of(list(place.iterdir()))
        else:
            with contextlib.suppress(FileNotFoundError):  # training goes on meanwhile
                total += place.lstat().st_size
    return total
