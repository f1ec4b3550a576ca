"""Prepares a training: finds its records and completes its configuration."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, NamedTuple

from yt8m.config import RunConfig
from yt8m.data import endings
from yt8m.data.features import texts_of
from yt8m.data.remarks import TRAINING, require_own_layout
from yt8m.data.service.epochs import find_workers
from yt8m.data.source import Source
from yt8m.errors import InputError
from yt8m.progress import SILENT, Progress, Remarks
from yt8m.runs.records import open_data, open_validation
from yt8m.training.completion import with_choices
from yt8m.training.length import with_steps
from yt8m.training.splits import choose_splits

Part = Literal["all", "training", "held out"]


class Resolved(NamedTuple):
    """A complete configuration and its records."""

    config: RunConfig
    train: Source
    validation: Source | None
    """None if there are no validation records."""


def resolve(config: RunConfig, progress: Progress = SILENT) -> Resolved:
    """Finds the records, and completes the configuration with their classes, features and number.

    Args:
        config: a recipe, with `run` and the paths of the data set.
        progress: gets a line on the broken records that are left out of each split, if they are to be skipped, and on validation
            records that are used for training.

    Raises:
        InputError, RecordError: no run directory is named; there are no training records; records both train and validate;
            files cannot be used; a data service does not answer.
    """
    if not config.run:
        raise InputError("no run directory; name one with --run DIR")
    remarks = Remarks(progress)  # says remarks that both splits share once
    data = config.data
    if data.service:
        find_workers(data.service)
    data = with_choices(choose_splits(config, remarks), config.run, remarks, has_classes=not config.pretrain)
    with_data = dataclasses.replace(config, data=data)
    train = _open(with_data, data.train, remarks, "training")
    if data.service:
        require_own_layout(train, "a data service", "read them without --data.service")
    data = dataclasses.replace(data, features=texts_of(train.features))
    config = with_steps(dataclasses.replace(config, data=data), train, remarks)
    if not data.validate:
        return Resolved(config, train, None)
    if config.pretrain:
        return Resolved(config, train, _open(config, data.validate, remarks, "held out" if data.fold else "all"))
    return Resolved(config, train, open_validation(config.run, config, progress=remarks))


def _open(config: RunConfig, paths: Sequence[str], progress: Progress, part: Part) -> Source:
    """Opens records to train on; in pretraining, whole videos without their labels, also to validate on."""
    if config.pretrain:
        return open_data(config, paths, segments=False, progress=progress, part=part, counted=None)
    return open_data(config, paths, progress=progress, part=part, labels_for=TRAINING, counted=None)


def refuse_broken_ends(*sources: Source | None) -> None:
    """Raises RecordError if a training or validation file is a broken download: validation files are read late."""
    for source in filter(None, sources):
        endings.refuse_broken_ends(source, can_skip=True)
