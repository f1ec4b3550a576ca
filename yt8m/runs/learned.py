"""Finds out whether a run learned from given records. A run keeps its paths as they were typed, perhaps relative ones."""

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from yt8m.config import RunConfig
from yt8m.data.overlap import find_overlap
from yt8m.data.sources import expand_paths, scheme
from yt8m.errors import InputError
from yt8m.files import read_json
from yt8m.runs.directory import RunDirectory


class Learned(NamedTuple):
    """What given records have in common with those that a run learned from. At most one of the two is set."""

    common: str | None
    """What is in both, as a clause; None if nothing was found."""
    unknown: str | None
    """Why it could not be checked, as a clause; None if it could."""

    def remark(self, run: str | os.PathLike) -> str:
        """A line that says that it could not be checked, and why."""
        return (
            f"{os.fspath(run)}: it could not be checked whether the run learned from these records ({self.unknown}); if it "
            "did, the figures look better than they are"
        )


def find_learned(run: str | os.PathLike, config: RunConfig, paths: str | Sequence[str]) -> Learned:
    """Compares the records that a run learned from with others, as `find_overlap` does.

    Relative paths of the run belong to the directory of its training. If they are not there, they are searched from here:
    data and run may have moved together.

    Args:
        run: the run directory.
        config: its configuration.
        paths: the others' paths, as `expand_paths` takes them. Wrong ones have nothing in common: whoever reads them
            reports them.
    """
    if not config.data.train:
        return Learned(None, "it does not say which records those were")
    found: list[str] = []
    missing: InputError | None = None
    directory = directory_of_training(run)
    for path in config.data.train:
        try:
            found += _find(path, directory)
        except InputError as error:
            missing = missing or error
    with contextlib.suppress(InputError):
        if common := find_overlap(list(dict.fromkeys(found)), expand_paths(paths)):
            return Learned(common, None)
    return Learned(None, str(missing) if missing else None)


def _find(path: str, directory: str | None) -> list[str]:
    if directory and directory != os.getcwd() and relative_paths([path]):
        with contextlib.suppress(InputError):
            return expand_paths(os.path.join(directory, path))
    return expand_paths(path)


def relative_paths(paths: Iterable[str]) -> list[str]:
    """The paths that mean something else in another directory."""
    return [path for path in paths if not scheme(path) and not os.path.isabs(path)]


def directory_of_training(run: str | os.PathLike) -> str | None:
    """The directory in which the run was last started; None if unknown."""
    found: Any = None
    with contextlib.suppress(InputError):  # the run serves without that file
        found = read_json(RunDirectory(Path(run)).environment)
    directory = found.get("directory") if isinstance(found, dict) else None
    return directory if isinstance(directory, str) else None


def first_records(run: str | os.PathLike, config: RunConfig) -> str | None:
    """The first file of a run's training records that is there.

    Relative paths are looked for here, and in the directory of the training.
    """
    there = directory_of_training(run)
    for path in config.data.train:
        others = [os.path.join(there, path)] if there and not scheme(path) else []
        for place in (path, *others):
            with contextlib.suppress(InputError):
                return expand_paths(place)[0]
    return None
