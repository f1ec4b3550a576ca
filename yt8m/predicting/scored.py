"""Turns the scores of a model into rows of predictions."""

from typing import Protocol

import numpy as np

from yt8m.metrics import top_k_predictions
from yt8m.predicting.parts import Description, Part


class ScoredRows(Protocol):
    """What is used of a `yt8m.scoring.scorer.Scored`."""

    ids: list[bytes]
    logits: np.ndarray
    segment_starts: np.ndarray | None


def rows_of(batch: ScoredRows, description: Description) -> Part:
    """The rows of a scored batch, with the classes that the description says."""
    ids = np.array(batch.ids, np.bytes_)
    if description.classes is None:
        classes, logits = top_k_predictions(batch.logits, description.top_k)
        return Part(ids, logits, batch.segment_starts, classes)
    return Part(ids, batch.logits[:, list(description.classes)], batch.segment_starts)


def no_rows(description: Description) -> Part:
    """A part without rows, as of files that hold no record, or no segment."""
    empty = np.empty((0, description.num_columns), np.float32)
    of_rows = np.empty(0, np.int32)
    return Part(
        np.array([], np.bytes_),
        empty,
        of_rows if description.task == "segment" else None,
        np.empty(empty.shape, np.int32) if description.classes is None else None,
    )
