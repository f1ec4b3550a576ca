"""The records that a run names itself, for commands that are given none."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from yt8m.config import RunConfig
from yt8m.data.schema import Fold, IndexedFold
from yt8m.data.sources import expand_paths
from yt8m.errors import InputError
from yt8m.files import read_json
from yt8m.runs import RunDirectory


def choose_paths(
    run: str | os.PathLike,
    config: RunConfig,
    data: str | Sequence[str],
    split: Literal["train", "validate", "test"],
    tell: Callable[[str], None] = lambda text: None,
) -> list[str]:
    """The records to work on: those given, or else the run's own split.

    A run names its records as they were typed, which may be relative to where it was trained.

    Args:
        run: the run directory.
        config: the run's.
        data: what is given.
        split: of the run, if nothing is.
        tell: gets a line if the run's records are looked for in another place than that of the training.

    Raises:
        InputError: none are given, and the run has no such split, or names it relative to a place that is not here.
    """
    given = [data] if isinstance(data, str | os.PathLike) else list(data)
    if given:
        return given
    paths = list(getattr(config.data, split))
    if not paths:
        # One that was unpacked says nothing of the records that it was trained on.
        why = f"was trained without a {split} split" if config.data.train else "does not say where its records are"
        raise InputError(f"{run}: {why}; name the records with --data")
    relative = [path for path in paths if "://" not in path and not os.path.isabs(path)]
    fold = Fold.parse(config.data.fold)
    if isinstance(fold, IndexedFold) and not os.path.isabs(fold.path):
        relative.append(fold.path)
    if relative:
        _look_for(relative, run, split, tell)
    return paths


def _look_for(relative: list[str], run: str | os.PathLike, split: str, tell: Callable[[str], None]) -> None:
    """Says where relative paths are taken to be, if that is not where the run was trained."""
    here, there = os.getcwd(), _directory_of_training(run)
    if here == there:
        return
    what = f"{os.fspath(run)}: its {split} records, {relative[0]}, are"
    trained = f"the directory it was trained in{f', {there}' if there else ''}"
    try:
        expand_paths(relative)
    except InputError as error:
        raise InputError(
            f"{what} named relative to {trained}, and are not there from here ({error}); go there, or name them with --data"
        ) from error
    if there:
        tell(f"{what} taken relative to {here}, and not to {trained}")


def _directory_of_training(run: str | os.PathLike) -> str | None:
    """Where the newest start of a run was made; None if that is not known."""
    path = RunDirectory(Path(run)).environment
    found: Any = read_json(path) if path.is_file() else None
    return found.get("directory") if isinstance(found, dict) else None
