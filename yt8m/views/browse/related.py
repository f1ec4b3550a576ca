"""Finds clips that are alike. D = values of a vector, N = clips."""

from collections.abc import Mapping, Sequence

import numpy as np

from yt8m.data.features import Feature
from yt8m.searching.nearest import highest
from yt8m.searching.vectors import of_frames

_ROWS_AT_ONCE = 1024


def vectors_of_parts(
    streams: Mapping[str, np.ndarray], features: Sequence[Feature], times: Sequence[tuple[float, float]]
) -> np.ndarray:
    """The vectors of parts of a video, as `yt8m.searching.vectors` makes them of whole ones.

    Args:
        streams: frames by feature, [T, size], as stored, one a second from second 0; T is at least 1.
        features: what they are stored as.
        times: starts and ends in seconds. A part shorter than a second has one frame, that of its middle.

    Returns:
        float32 [N, D], of length 1.
    """
    length = min(map(len, streams.values()))
    rows = []
    for start, end in times:
        first, last = round(start), round(end)
        if last <= first:
            first = int((start + end) / 2)
        first = min(first, length - 1)
        last = max(first + 1, min(last, length))
        part = {name: frames[first:last] for name, frames in streams.items()}
        rows.append(of_frames(part, features, last - first).video)
    return np.stack(rows)


def most_alike(vectors: np.ndarray, most: int) -> list[list[tuple[int, float]]]:
    """The vectors that are most like each one, by the cosine of what is left when the mean of all is taken away.

    Without that, the vectors of most networks, whose values are never negative, would all be alike.

    Args:
        vectors: float32 [N, D].
        most: how many to find; fewer if there are fewer others.

    Returns:
        For each vector, numbers of others and cosines, the most similar first; equal ones by number.
    """
    rows = vectors - vectors.mean(axis=0)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
    found = []
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        cosines = rows[first : first + _ROWS_AT_ONCE] @ rows.T
        for number, scores in enumerate(cosines, first):
            scores[number] = -np.inf
            places, values = highest(scores, min(most, len(rows) - 1))
            found.append(list(zip(places.tolist(), values.tolist(), strict=True)))
    return found
