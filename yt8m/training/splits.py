"""Chooses the training and validation records from the user's flags and the directory of the data set."""

import dataclasses
import os
from collections.abc import Sequence

from yt8m import runs
from yt8m.config import DataConfig, RunConfig
from yt8m.data.overlap import find_overlap
from yt8m.data.sources import cut_validation, expand_paths, find_splits
from yt8m.errors import InputError
from yt8m.progress import SILENT, Progress
from yt8m.runs.learned import find_learned
from yt8m.runs.records import open_data


def choose_splits(config: RunConfig, progress: Progress = SILENT) -> DataConfig:
    """Returns the configuration of the data with the paths of all existing splits.

    If the directory holds validation records but no training records, and neither kind is named, the validation records are
    split: the last sixth of the files validates and the others train. With `--data.fold`, all of them but the fold train.

    Args:
        config: a recipe with the paths of the data set.
        progress: gets a line if validation records train, and if an initial run learned from records that validate.

    Raises:
        InputError: there are no training records, or the directory holds none; there are validation records beside a fold; files
            or videos both train and validate; named test records are missing.
    """
    data = config.data
    if data.fold and data.validate:
        raise InputError(
            f"--data.fold {data.fold} validates on the training records that it leaves out; leave out --data.validate"
        )
    found = find_splits(data.root, config.model.level) if data.root else {}
    if "train" not in found and "validate" in found and not data.train:
        found |= _cut(data, found["validate"], progress)
    data = dataclasses.replace(
        data, **{split: getattr(data, split) or found.get(split, ()) for split in ("train", "validate", "test")}
    )
    require_named(data.train)
    if config.data.test:  # test records are read last
        expand_paths(config.data.test)
    if data.fold:
        data = dataclasses.replace(data, validate=data.train)
    elif data.validate:
        _refuse_overlap(data)
    if data.validate and runs.reads_initial_run(config):
        _compare_initial_run(config.training.initial_run, data, progress)
    return data


def require_named(train: Sequence[str] | str) -> None:
    """Raises InputError if neither training records nor a directory of them are named."""
    if not train:
        raise InputError(
            "no training records; name them with --data.train PATH, or their directory with --data.root DIR"
        )


def _cut(data: DataConfig, paths: tuple[str, ...], progress: Progress) -> dict[str, tuple[str, ...]]:
    """Cuts validation records into a training and a validation split."""
    if data.validate:
        raise InputError(
            f"{data.root}: holds no training records, and its validation records are cut in two only where neither kind "
            "is named; name some with --data.train PATH, or leave out --data.validate"
        )
    alone = f"{data.root}: holds validation records and none to train on"
    if data.fold:
        progress.message(f"{alone}; they train, less the fold")
        return {"train": paths}
    train, validate = cut_validation(paths)
    if not train:
        raise InputError(
            f"{alone}, and only one file of them, {validate[0]}; name others with --data.train PATH, or leave out a part of "
            "the videos to validate on with --data.fold 0/6"
        )
    progress.message(
        f"{alone}; {len(train)} of the {len(train) + len(validate)} files train, and the last {len(validate)} "
        f"{'validate' if validate[1:] else 'validates'}, from {validate[0]} on"
    )
    return {"train": train, "validate": validate}


def _compare_initial_run(run: str, data: DataConfig, progress: Progress) -> None:
    initial = runs.load_config(run)
    is_same_fold = data.fold and initial.data.fold == data.fold
    if not is_same_fold and (common := find_learned(run, initial, data.validate).common):
        progress.message(
            f"--training.initial-run {run}: learned from records that validate here ({common}); the validation will look "
            "better than it is"
        )


def _refuse_overlap(data: DataConfig) -> None:
    common = find_overlap(expand_paths(data.train), expand_paths(data.validate))
    if common:
        raise InputError(
            f"{common}, and what trains must not validate: name other records with --data.train or --data.validate, or leave "
            "out a part of the training videos with --data.fold 0/6"
        )


def check_submission(config: RunConfig, out: str | os.PathLike) -> None:
    """Checks before a training that the later steps of `yt8m submit` can work.

    Args:
        config: a recipe with the paths of the data set.
        out: the CSV file to write for the test records.

    Raises:
        InputError, RecordError: a split is missing, the test records cannot be read, or the file cannot be written.
    """
    runs.check_output(out)
    data = choose_splits(config)
    for split, use in (("validate", "measures the run"), ("test", "predicts")):
        if not getattr(data, split):
            raise InputError(
                f"no {split} records, on which yt8m submit {use} after the training; name them with --data.{split} PATH, "
                "or use yt8m train alone"
            )
    from yt8m.distribution.strategies import open_devices

    open_devices(config.distribute)  # devices cannot be split once records have been parsed
    # The readers of these records leave out the broken ones.
    data = dataclasses.replace(data, on_corrupt="stop")
    open_data(dataclasses.replace(config, data=data), data.test)
