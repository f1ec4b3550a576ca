"""Notes the files that a run learns from, so that a resumed run can report changes.

The configuration only has the named paths, which do not show whether their contents changed.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yt8m.config import RunConfig
from yt8m.data.identity import identify
from yt8m.data.schema import Fold, IndexedFold
from yt8m.data.sources import expand_paths, scheme
from yt8m.errors import InputError
from yt8m.files import read_json, write_json
from yt8m.progress import Progress
from yt8m.runs import RunDirectory

_USES = {
    "train": "training records",
    "validate": "validation records",
    "fold": "index of the folds",
    "teacher": "teacher",
}


def compare_files(run: RunDirectory, config: RunConfig, progress: Progress) -> None:
    """Notes the local files that a run learns from, and reports files that have changed since its last start.

    Nothing is refused, because a copy of a data set has other modification times.

    Args:
        run: the run directory, with the notes of earlier starts.
        config: the complete configuration.
        progress: gets a line for each kind of file that has changed.
    """
    now = {use: identify(files) for use, files in _files_of(config).items()}
    try:
        before = read_json(run.records)
    except InputError:  # a new run, a run of an earlier version, or an edited file
        before = {}
    for use, files in now.items() if run.has_weights else ():
        if use in before and (changes := _changes(before[use], files)):
            more = f", and {len(changes) - 1} more" if changes[1:] else ""
            progress.message(
                f"{run.path}: the {_USES[use]} changed since the last start ({changes[0]}{more}); the steps and scores before "
                "are of what was there then"
            )
    write_json(run.records, now)


def _files_of(config: RunConfig) -> dict[str, list[str]]:
    data, teacher = config.data, config.distill.teacher
    files = {use: expand_paths(local) for use in ("train", "validate") if (local := _local(getattr(data, use)))}
    fold = Fold.parse(data.fold)
    if isinstance(fold, IndexedFold):
        files["fold"] = [fold.path]
    if teacher:
        files["teacher"] = [os.fspath(RunDirectory(Path(teacher)).best_weights) if os.path.isdir(teacher) else teacher]
    return files


def _local(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if not scheme(path)]


def _changes(before: Sequence[Sequence[Any]], now: Sequence[Sequence[Any]]) -> list[str]:
    """Describes each difference in words."""
    versions = [{path: version for path, *version in files} for files in (before, now)]
    words = [f"{path} is gone" for path in versions[0] if path not in versions[1]]
    words += [f"{path} is new" for path in versions[1] if path not in versions[0]]
    return words + [
        f"{path} has another size or time of change"
        for path, version in versions[1].items()
        if versions[0].get(path, version) != version
    ]
