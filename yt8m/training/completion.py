"""Completes a configuration with the number of classes and the features, from the data set or from a resumed run."""

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from yt8m import runs
from yt8m.config import DataConfig, RunConfig
from yt8m.data.schema import DEFAULT_NUM_CLASSES
from yt8m.data.sources import expand_paths
from yt8m.data.tables.vocabulary import count_classes, find_vocabulary
from yt8m.errors import InputError
from yt8m.progress import SILENT, Progress


def with_choices(data: DataConfig, run: str, progress: Progress, has_classes: bool = True) -> DataConfig:
    """Returns the configuration with the number of classes and, for a resumed run, its features.

    A run keeps the values that it began with, whatever its records hold now.

    Args:
        data: the configuration, with the training records.
        run: the run directory, which need not exist.
        progress: gets a line if the vocabulary of the data set has an unusual number of classes.
        has_classes: whether the model has classes; if not, their number is what it is by default.

    Raises:
        InputError: the records do not exist, or the vocabulary beside them cannot be used.
    """
    before = begun(run)
    if before:
        return dataclasses.replace(
            data,
            num_classes=data.num_classes or before.data.num_classes,
            features=data.features or before.data.features,
        )
    if not data.num_classes:
        number = number_of_classes(data.train, progress) if has_classes else DEFAULT_NUM_CLASSES
        data = dataclasses.replace(data, num_classes=number)
    return data


def number_of_classes(paths: Sequence[str] = (), progress: Progress = SILENT) -> int:
    """Returns the number of classes in the vocabulary at the root of the data set; without one, the number since 2018.

    Args:
        paths: the training records; none = there is no data set.
        progress: gets a line if the vocabulary has an unusual number of classes.

    Raises:
        InputError: as `with_choices`; several vocabularies have different numbers of classes.
    """
    files = expand_paths(paths) if paths else []
    one_a_directory = {os.path.dirname(path): path for path in reversed(files)}
    found = dict.fromkeys(filter(None, map(find_vocabulary, reversed(one_a_directory.values()))))
    counts = {path: count for path in found if (count := _count(path))}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{path} {count}" for path, count in counts.items())
        raise InputError(
            f"the training records are of vocabularies with other numbers of classes ({listed}); give --data.num-classes"
        )
    path, count = next(iter(counts.items()), (None, DEFAULT_NUM_CLASSES))
    if count != DEFAULT_NUM_CLASSES:
        progress.message(
            f"{path}: names {count} classes, and so many the model has; --data.num-classes gives another number"
        )
    return count


def _count(path: Path) -> int | None:
    try:
        return count_classes(path)
    except InputError as error:
        raise InputError(f"{error}; or give --data.num-classes, which is else taken from it") from error


def begun(run: str) -> RunConfig | None:
    """Returns the configuration of a run directory that holds something learned; None of any other."""
    directory = runs.RunDirectory(Path(run))
    if not directory.has_weights:
        return None
    with contextlib.suppress(InputError):  # opening the run directory reports it
        return runs.load_config(run)
    return None
