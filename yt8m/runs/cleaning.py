"""Removes the files of a run that nothing needs any more."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from yt8m.errors import InputError
from yt8m.files import locked, remove_all
from yt8m.runs.directory import RunDirectory, find_run
from yt8m.runs.listing import size_of, summary_of


@dataclass(frozen=True)
class Removed:
    """Something that was removed, or would be."""

    path: str
    num_bytes: int
    why: str


@dataclass(frozen=True)
class Cleaned:
    """The result of `clean`."""

    run: str
    removed: list[Removed]
    num_bytes: int
    """Bytes removed in all."""
    kept_bytes: int
    """Bytes that the run still has."""


def clean(run: str | os.PathLike, keep_checkpoints: bool = False, dry_run: bool = False) -> Cleaned:
    """Removes what is not needed to evaluate, predict, report or export a run, nor to go on with it if steps are left.

    These are predictions that the run keeps, unfinished files of killed processes, and the checkpoints of a run that is done.

    Args:
        run: the run directory.
        keep_checkpoints: whether to keep the checkpoints of a run that is done, for more steps or `yt8m average --last`.
        dry_run: whether to remove nothing, and only say what would be.

    Raises:
        InputError: there is no run, another process is at work on it, or a file cannot be removed.
    """
    directory = find_run(run)
    status = summary_of(run).status
    if status == "running":
        raise InputError(_busy(run))
    with locked(directory.path, _busy(run)):
        found = [
            Removed(str(path), size_of([path]), why)
            for path, why in _useless(directory, status == "done" and not keep_checkpoints)
        ]
        for each in [] if dry_run else found:
            _remove(Path(each.path))
        num_bytes = sum(each.num_bytes for each in found)
        return Cleaned(os.fspath(run), found, num_bytes, size_of([directory.path]) - (num_bytes if dry_run else 0))


def _busy(run: str | os.PathLike) -> str:
    return f"{os.fspath(run)}: another process is at work on this run; wait for it"


def _useless(run: RunDirectory, checkpoints_too: bool) -> Iterator[tuple[Path, str]]:
    if run.predictions.is_dir():
        yield run.predictions, "made again when they are needed"
    if checkpoints_too and run.checkpoints.is_dir() and run.best_weights.is_file():
        yield run.checkpoints, "the run is done"
    gone = {run.predictions, *([run.checkpoints] if checkpoints_too else [])}
    for path in sorted(run.path.rglob(".*.tmp.*")):
        if not gone & {*path.parents}:
            yield path, "unfinished"


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            remove_all([path])
    except OSError as error:
        raise InputError(
            f"{error.filename or path}: cannot be removed ({error.strerror}); check who owns it"
        ) from error
