"""Which classes of a run's predictions are kept, and how precisely."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from yt8m.data.tables.vocabulary import read_segment_class_ids
from yt8m.errors import InputError

STORED_TOP_K = 100
"""Classes kept of a video."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What is kept of predictions."""

    segment_classes: str | os.PathLike | None = None
    """Of segments: the list of the classes that are kept (`yt8m.data.tables.vocabulary.read_segment_class_ids`); None = the one
    at the root of the data set, and where there is none, all classes of the vocabulary, which is told."""
    top_k: int = STORED_TOP_K
    """Classes kept of a video, the surest; 0 = all."""
    precision: Literal["float16", "float32"] = "float16"
    """Of the logits that are kept."""
    class_ids: Sequence[int] | None = None
    """Keep these classes alone, a column each; for videos."""


USUAL = Selection()


def ranked_classes(file: str | os.PathLike | None, run: str | os.PathLike, num_classes: int) -> Sequence[int]:
    """The classes of a list, or all of the vocabulary. Raises InputError if the run does not know one."""
    class_ids = read_segment_class_ids(file) if file else range(num_classes)
    unknown = [class_id for class_id in class_ids if class_id >= num_classes]
    if unknown:
        raise InputError(f"{file}: class {unknown[0]} is unknown to {run}, which has {num_classes}")
    return class_ids
