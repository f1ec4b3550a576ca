"""Selects the classes of a run's predictions to keep, and their precision."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from yt8m.data.tables.vocabulary import read_segment_class_ids
from yt8m.errors import InputError

STORED_TOP_K = 100
"""Number of classes kept for a video."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The classes of predictions to keep, and their precision."""

    segment_classes: str | os.PathLike | None = None
    """For segments: the list of the classes to keep (`yt8m.data.tables.vocabulary.read_segment_class_ids`).

    None = the list at the root of the data set. Without one, all classes of the vocabulary are kept, and a line says so.
    """
    top_k: int = STORED_TOP_K
    """For videos: number of classes to keep, the most probable ones; 0 = all."""
    precision: Literal["float16", "float32"] = "float16"
    """Precision of the kept logits."""
    class_ids: Sequence[int] | None = None
    """For videos: keep only these classes, with a column for each."""


USUAL = Selection()


def ranked_classes(file: str | os.PathLike | None, run: str | os.PathLike, num_classes: int) -> Sequence[int]:
    """Returns the classes of a list, or all of the vocabulary. Raises InputError if the run lacks one."""
    class_ids = read_segment_class_ids(file) if file else range(num_classes)
    unknown = [class_id for class_id in class_ids if class_id >= num_classes]
    if unknown:
        raise InputError(f"{file}: class {unknown[0]} is unknown to {run}, which has {num_classes}")
    return class_ids
