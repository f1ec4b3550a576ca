"""Finds shots and scenes in the features of a video, by kernel change points.

A video is divided where this lowers the sum of squares about the parts' means by more than a penalty (Arlot, Celisse and
Harchaoui 2019, https://jmlr.org/papers/v20/16-155.html; ruptures' `KernelCPD` finds the best division of all). The penalty comes
from the video: twice the mean square of a frame about the video's mean. It is Mallows' penalty of two variances a parameter, with
all variance of the video taken for noise. So it has no unit, and suits any feature.

Scenes are found by the same rule, with the means of the shots in place of frames.

N = rows, which are frames or shots, D = values of a row.
"""

import numpy as np

LEAST_SECONDS = 2
"""A shot has at least as many frames. One frame that differs from both neighbours may show a transition, or a flash."""
MOST_ROWS = 7200
"""Rows that are divided together: the time grows with their square. Frames of two hours take a quarter of a minute of CPU."""
_VARIANCES = 2.0
_SMALLEST_SHARE = 1e-12
"""Rows are equal if their variance is a smaller share of their mean square: floats are not exact."""


def find_shots(frames: np.ndarray) -> list[int]:
    """Finds the first frame of each shot, in order, from 0 on. Without frames there are no shots.

    Args:
        frames: real values, one row a second, float32 [N, D].
    """
    return _divide(frames, LEAST_SECONDS)


def find_scenes(shots: np.ndarray) -> list[int]:
    """Finds the first shot of each scene, in order, from 0 on.

    Args:
        shots: the mean of each shot's frames, float32 [N, D].
    """
    return _divide(shots, 1)


def scenes_of_shots(frames: np.ndarray, starts: list[int]) -> list[int]:
    """The number of each shot's scene, from 0 on.

    Args:
        frames: as in `find_shots`.
        starts: the first frame of each shot; at least one frame between.
    """
    if not starts:
        return []
    firsts = find_scenes(means_of(frames, starts))
    return (np.searchsorted(firsts, np.arange(len(starts)), side="right") - 1).tolist()


def means_of(frames: np.ndarray, starts: list[int]) -> np.ndarray:
    """The mean of each shot's frames, float32 [S, D]."""
    ends = [*starts[1:], len(frames)]
    parts = [frames[start:end].mean(axis=0, dtype=np.float64) for start, end in zip(starts, ends, strict=True)]
    return np.array(parts, np.float32).reshape(len(starts), frames.shape[1])


def penalty_of(rows: np.ndarray) -> float:
    """The penalty of a further part: twice the mean square of a row about the mean row; 0 if all rows are equal."""
    if not rows.size:
        return 0.0
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    variance = np.square(centred).sum(axis=1).mean()
    size = np.square(rows, dtype=np.float64).sum(axis=1).mean()
    return _VARIANCES * float(variance) if variance > _SMALLEST_SHARE * size else 0.0


def _divide(rows: np.ndarray, least: int) -> list[int]:
    """The first row of each part; a part has at least `least` rows, if there are as many."""
    if not len(rows):
        return []
    starts, penalty = [0], penalty_of(rows)
    while penalty and starts[-1] < len(rows):
        begin = starts[-1]
        found = [begin + each for each in _change_points(rows[begin : begin + MOST_ROWS], penalty, least)]
        if begin + MOST_ROWS >= len(rows):
            return starts + found
        starts += found or [
            begin + MOST_ROWS
        ]  # the last part found may go on beyond these rows: it begins the next ones
    return starts


def _change_points(rows: np.ndarray, penalty: float, least: int) -> list[int]:
    """The first row of each part but the first."""
    from ruptures import KernelCPD
    from ruptures.exceptions import BadSegmentationParameters

    try:
        return KernelCPD("linear", min_size=least).fit(rows).predict(pen=penalty)[:-1]
    except BadSegmentationParameters:  # too few rows to divide
        return []
