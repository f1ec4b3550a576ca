"""Runs that are the folds of one training. Each left out another part of the videos, and predicts that part."""

from collections.abc import Sequence

from yt8m.config import RunConfig
from yt8m.data.folds import are_all
from yt8m.data.schema import Fold, IndexedFold
from yt8m.errors import InputError
from yt8m.files import digest_of_file

_ALIKE = (
    *("num_classes", "features", "train", "segment_context", "context_num_frames", "max_frames"),
    *("prediction_num_frames", "prediction_sampling"),
)
"""Fields that must be equal in all folds of a training: the first fold's configuration says how to read the records."""


def folds_of(names: Sequence, configs: Sequence[RunConfig]) -> list[Fold | IndexedFold]:
    """Returns the folds of several runs; none for a single run.

    Raises:
        InputError: the runs are not all folds of one training.
    """
    if len(configs) == 1:
        return []
    folds = [Fold.parse(config.data.fold) for config in configs]
    if not are_all(folds):
        found = ", ".join(f"{name} {fold or 'none'}" for name, fold in zip(names, folds, strict=True))
        raise InputError(
            f"several runs predict together where each left out another fold of the videos, and none is missing ({found}); "
            "yt8m ensemble takes means of runs"
        )
    for config in configs[1:]:
        for key in _ALIKE:
            if getattr(config.data, key) != getattr(configs[0].data, key):
                raise InputError(f"{names[0]} and the other folds differ in data.{key}; train them alike")
        if config.model.level != configs[0].model.level:
            raise InputError(f"{names[0]} and the other folds read records of different levels; train them alike")
    return folds


def identity_of_fold(fold: Fold | IndexedFold) -> list[str]:
    """Returns texts that identify a fold, including the contents of its index if it has one."""
    return [str(fold), digest_of_file(fold.path)] if isinstance(fold, IndexedFold) else [str(fold)]
