"""Looks for what a command line names, before TensorFlow is loaded: that takes seconds, and a mistyped path should not."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from yt8m.config import RunConfig
from yt8m.distribution import cluster
from yt8m.errors import InputError


def require_files(
    vocabulary: str | None = None,
    labels: str | None = None,
    segment_classes: str | None = None,
    calibrations: Sequence[str] = (),
) -> None:
    """Reads the small files that are named, as the work will read them. None and empty names stand for no file.

    Raises:
        InputError: a file cannot be read, or is none of its kind.
    """
    from yt8m.data.tables.video_labels import read_video_labels
    from yt8m.data.tables.vocabulary import read_class_names, read_segment_class_ids
    from yt8m.scoring.calibration import Calibrations

    if vocabulary:
        read_class_names(vocabulary)
    if labels:
        read_video_labels(labels)
    if segment_classes:
        read_segment_class_ids(segment_classes)
    Calibrations(calibrations)


def require_records(paths: Sequence[str]) -> None:
    """Raises InputError if local paths stand for no file of records. Others are looked for when they are read."""
    from yt8m.data.access.file_access import is_remote
    from yt8m.data.sources import expand_paths

    if local := [path for path in paths if not is_remote(path)]:
        expand_paths(local)


def require_run(
    run: str, data: Sequence[str] = (), split: Literal["train", "validate", "test"] = "validate", has_data: bool = True
) -> None:
    """Looks for a run with weights, and for the records that it is to read.

    Args:
        run: the run directory.
        data: the records that the user names; none = those of the run's own split.
        split: that split.
        has_data: whether the command reads records at all.

    Raises:
        InputError: the run, its weights or the records are missing.
    """
    from yt8m import runs
    from yt8m.runs.best import best_weights
    from yt8m.runs.records import choose_paths

    if _is_shared_out():
        return
    config = runs.load_config(run)
    best_weights(run)
    if has_data:
        require_records(choose_paths(run, config, data, split))


def require_training(config: RunConfig) -> None:
    """Looks for everything that the configuration of a training names.

    Raises:
        InputError: a directory, a file or a run is missing.
    """
    from yt8m import runs
    from yt8m.data.access.file_access import is_remote
    from yt8m.data.schema import Fold, IndexedFold
    from yt8m.data.sources import find_splits
    from yt8m.runs.best import best_weights

    if _is_shared_out():
        return
    data = config.data
    found = find_splits(data.root, config.model.level) if data.root and not is_remote(data.root) else {}
    require_records(data.train or found.get("train", ()))
    if not data.fold:
        require_records(data.validate or found.get("validate", ()))
    require_records(data.test)  # those of the root are looked for where they are needed
    fold = Fold.parse(data.fold)
    require_files(labels=data.labels)
    for path in (config.distill.teacher, fold.path if isinstance(fold, IndexedFold) else ""):
        if path and not is_remote(path) and not os.path.exists(path):
            raise InputError(f"{path}: no such file or directory")
    if runs.reads_initial_run(config):
        initial = config.training.initial_run
        if not runs.RunDirectory(Path(initial)).config.exists():
            raise InputError(
                f"--training.initial-run {initial}: no run directory (it has no config.json); name another"
            )
        runs.load_config(initial)
        best_weights(initial)


def require_new_run(config: RunConfig) -> None:
    """As `require_training`, for a training that writes: its run directory must be named, and be one or empty."""
    from yt8m import runs
    from yt8m.training.splits import require_named

    if not config.run:
        raise InputError("no run directory; name one with --run DIR")
    require_named(config.data.train or config.data.root)
    if not _is_shared_out():
        runs.check_place(config.run)
    require_training(config)


def _is_shared_out() -> bool:
    """Whether this is one of several workers: these find mistakes together, so that none waits for another that is gone."""
    return cluster.from_environment() is not None
