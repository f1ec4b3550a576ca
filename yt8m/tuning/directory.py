"""The directory of a study.

==================  ====================================================================================================
``study.db``        Optuna's study, a SQLite file
``study.json``      the recipe's configuration, the space and the seed, which must be the same to resume
``trials/0007/``    the run directory of a trial; ``trials/0007.log`` has the output of its process
``report.png``      scores, parallel coordinates and importances, at the end
==================  ====================================================================================================
"""

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from yt8m import config as configuration
from yt8m import runs
from yt8m.errors import InputError
from yt8m.files import locked, make_directory, read_json, remove_empty, write_json
from yt8m.tuning.study import Study
from yt8m.tuning.task import Task

_OF_SCORES = {"training.num_steps", "training.num_epochs", "training.few_records", "training.validation_videos"}
"""Fields that may change when a run goes on, but not within a study, because they change its scores."""


@contextlib.contextmanager
def opened_study(task: Task) -> Iterator[Study]:
    """Opens the study in a directory. A new one is made; an existing one must have the same configuration and space."""
    directory = Path(task.config.run)
    description = directory / "study.json"
    if directory.is_dir() and any(directory.iterdir()) and not description.exists():
        raise InputError(f"{directory}: is a directory with other files; give an empty or new one as --run")
    made = make_directory(directory)
    try:
        with locked(directory, f"{directory}: another yt8m tune works on it; wait for it, or give another --run"):
            wanted = _describe(task)
            if description.exists():
                _check_same(directory, read_json(description), wanted)
                _require_database(directory)
            with Study(directory / "study.db", task.dimensions, task.seed) as study:
                write_json(description, wanted)
                make_directory(directory / "trials")
                yield study
    finally:
        remove_empty(made)


def _require_database(directory: Path) -> None:
    """Raises InputError if a directory has trials but no database."""
    trials = directory / "trials"
    if not (directory / "study.db").exists() and trials.is_dir() and any(trials.iterdir()):
        raise InputError(
            f"{directory}: study.db is missing, so the study would start again over the existing {trials.name}/; "
            f"restore it, give another --run, or delete {directory}"
        )


def _describe(task: Task) -> dict[str, Any]:
    config = configuration.to_dict(dataclasses.replace(task.config, run=""))
    space = {each.name: dataclasses.asdict(each) for each in task.dimensions}
    return json.loads(json.dumps({"config": config, "space": space, "seed": task.seed, "metric": task.metric}))


def _check_same(directory: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raises InputError for a study with another configuration, space or seed, and names the differences."""
    there, here = (runs.flatten(each["config"]) for each in (found, wanted))
    fixed = (there.keys() | here.keys()) - (runs.CHANGEABLE - _OF_SCORES)
    different = [key for key in sorted(fixed) if there.get(key) != here.get(key)]
    different += [key for key in ("space", "seed", "metric") if found[key] != wanted[key]]
    if there.get("recipe") != here.get("recipe"):
        different = ["recipe"]
    if different:
        raise InputError(
            f"{directory}: holds a study that differs in {', '.join(different[:3])}"
            f"{f' and {len(different) - 3} more' if different[3:] else ''}; give another --run, or the same flags and space"
        )
