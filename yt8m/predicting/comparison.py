"""The result of comparing two submissions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from yt8m.submission import Task
from yt8m.submission.video import MAX_PAIRS

TOP = MAX_PAIRS
"""Entries at the top of a list whose overlap is measured: all of a video's, or the first of a class's."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """How far two submissions agree."""

    first: str
    second: str
    task: Task
    num_videos: int
    """Number of videos in both."""
    only_first: int
    """Number of videos in the first alone, which take no part."""
    only_second: int
    overlap: float
    """The share of the 20 best entries that both have, from 0 to 1: the mean over videos, or over the classes of segments."""
    same_best: float
    """The share of videos with the same best class, or of classes with the same best segment."""
    rank_correlation: float
    """Spearman's correlation over all entries; for segments, the correlation of their places in the lists of their classes.
    -1 to 1, or NaN."""
    classes: Mapping[str, np.ndarray]
    """Columns with a row for each class that both have: `class_id`, `num_entries` (of either list), `rank_correlation`, and
    `overlap`, the share of entries that both have."""
    videos: Mapping[str, np.ndarray]
    """Columns with a row for each video in both: `id`, `num_entries`, `rank_correlation`, `overlap`; for the video task also
    `best_first` and `best_second`, the best classes."""

    @property
    def by_class(self) -> float:
        """The mean rank correlation of the classes that have one; NaN if none has."""
        return _mean(self.classes["rank_correlation"])

    @property
    def by_video(self) -> float:
        """The mean rank correlation of the videos that have one; NaN if none has."""
        return _mean(self.videos["rank_correlation"])


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def share(both: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the share of entries that both lists have, of the longer list; 0 where neither has any."""
    return both / np.maximum(np.maximum(first, second), 1)
