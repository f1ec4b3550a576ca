"""The nearest of many vectors, by cosine. D = values of a vector."""

from collections.abc import Sequence

import numpy as np

_ROWS_AT_ONCE = 1 << 18


def nearest(query: np.ndarray, rows: Sequence[np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Compares a vector with all rows, exactly.

    Args:
        query: float32 [D], of length 1.
        rows: float32 [n, D] of each part, of length 1.
        count: how many to find, at least 1.

    Returns:
        The numbers of the nearest rows, counted through all parts, int64, and their cosines, float32, the nearest first. Of equal
        ones the first comes first.
    """
    scores = np.empty(sum(map(len, rows)), np.float32)
    begin = 0
    for part in rows:
        for first in range(0, len(part), _ROWS_AT_ONCE):
            some = part[first : first + _ROWS_AT_ONCE]
            np.matmul(some, query, out=scores[begin : begin + len(some)])
            begin += len(some)
    return highest(scores, count)


def highest(scores: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The places of the highest scores, int64, and the scores, the highest first. Of equal ones the first comes first."""
    places = np.arange(len(scores))
    if count < len(scores):
        least = np.partition(scores, len(scores) - count)[len(scores) - count]
        places = np.flatnonzero(scores >= least)  # all that equal the last one, so that ties are decided below
    order = np.lexsort((places, -scores[places]))[:count]
    return places[order], scores[places[order]]
