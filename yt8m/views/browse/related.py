"""Finds clips that are alike, by the cosine of their mean features. D = values of all features together, N = clips."""

from collections.abc import Mapping, Sequence

import numpy as np

from yt8m.data.features import Feature
from yt8m.data.quantisation import dequantise

_ROWS_AT_ONCE = 1024


def features_of_parts(
    streams: Mapping[str, np.ndarray], features: Sequence[Feature], times: Sequence[tuple[float, float]]
) -> np.ndarray:
    """Mean features of parts of a video: each feature's mean has length 1, so that all count the same, and so has the whole row.

    Args:
        streams: frames by feature, [T, D], as stored, one a second from second 0.
        features: what they are stored as. A feature that the video lacks is zero.
        times: starts and ends in seconds. A part shorter than a second has the frame nearest to its middle.

    Returns:
        float32 [N, D].
    """
    length = min(map(len, streams.values()))
    columns = []
    for feature in features:
        rows = np.zeros((len(times), feature.size), np.float32)
        if feature.name in streams:
            for number, (start, end) in enumerate(times):
                first = min(round(start), length - 1)
                last = max(first + 1, min(round(end), length))
                if round(end) <= round(start):
                    first = min(int((start + end) / 2), length - 1)
                    last = first + 1
                rows[number] = dequantise(streams[feature.name][first:last], feature).mean(axis=0)
        columns.append(_of_length_one(rows))
    return _of_length_one(np.concatenate(columns, axis=1))


def _of_length_one(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


def nearest_parts(rows: np.ndarray, most: int) -> list[list[tuple[int, float]]]:
    """The most similar other rows of each row.

    Args:
        rows: float32 [N, D], of length 1.
        most: how many, fewer if there are fewer.

    Returns:
        For each row, numbers of others and cosines, the most similar first; equal ones by number.
    """
    found = []
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        cosines = rows[first : first + _ROWS_AT_ONCE] @ rows.T
        own = np.arange(len(cosines))
        cosines[own, first + own] = -np.inf
        best = np.argsort(-cosines, axis=1, kind="stable")[:, : min(most, len(rows) - 1)]
        found += [
            [(int(place), float(cosines[row, place])) for place in places]
            for row, places in zip(own, best, strict=True)
        ]
    return found
