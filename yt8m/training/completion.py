"""What a configuration leaves to the data set or to the run that it goes on with: the number of classes and the features."""

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from yt8m import runs
from yt8m.config import DataConfig
from yt8m.data.schema import DEFAULT_NUM_CLASSES
from yt8m.data.sources import expand_paths
from yt8m.data.tables.vocabulary import count_classes, find_vocabulary
from yt8m.errors import InputError
from yt8m.progress import SILENT, Progress


def with_choices(data: DataConfig, run: str, progress: Progress) -> DataConfig:
    """The configuration with its number of classes, and with the features of a run that is gone on with.

    A run keeps what it was begun with, whatever its records are found to hold by now.

    Args:
        data: with the training records.
        run: the run directory, which need not exist.
        progress: gets a line where the data set says how many classes there are.

    Raises:
        InputError: the records do not exist, or the vocabulary beside them cannot be used.
    """
    begun = _begun(run)
    if begun:
        return dataclasses.replace(
            data, num_classes=data.num_classes or begun.num_classes, features=data.features or begun.features
        )
    return dataclasses.replace(data, num_classes=data.num_classes or number_of_classes(data.train, progress))


def number_of_classes(paths: Sequence[str] = (), progress: Progress = SILENT) -> int:
    """Of the vocabulary at the root of the data set; of one without, those since 2018.

    Args:
        paths: the training records; none = of no data set.
        progress: gets a line, if the vocabulary says another number.

    Raises:
        InputError: as `with_choices`; there are several that say different numbers.
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


def _begun(run: str) -> DataConfig | None:
    """The configuration of a run directory in which something was learned."""
    directory = runs.RunDirectory(Path(run))
    if not directory.has_weights:
        return None
    with contextlib.suppress(InputError):  # said when the run directory is opened
        return runs.load_config(run).data
    return None
