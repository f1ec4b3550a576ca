"""Turns what records hold of a video into vectors to compare by cosine: one of the whole video, and one of every moment.

T = frames, M = moments, D = values of all features of an index together.

Each feature is brought to length 1 by itself, and features of sound count half. Of 10 606 real videos, 66.5% of the ten nearest
ones by rgb and audio together then share a label, against 63.1% if the values are compared as they are, 53.9% if both count
alike, and 63.2% by rgb alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from yt8m.data.features import Feature
from yt8m.data.quantisation import dequantise
from yt8m.extracting.networks.log_mel import LogMel


@dataclass(frozen=True)
class Vectors:
    """The vectors of a video. Their length is 1, or 0 if all values are 0."""

    video: np.ndarray
    """float32 [D]."""
    moments: np.ndarray
    """float32 [M, D]; M is 0 at video level."""
    starts: np.ndarray
    """float32 [M]: the second each moment begins at."""
    ends: np.ndarray
    """float32 [M]: the second each moment ends at, exclusive."""


_SOUND = frozenset(["audio", LogMel.feature.name])
_WEIGHT_OF_SOUND = 0.5


def size_of(features: Sequence[Feature]) -> int:
    """D."""
    return sum(each.size for each in features)


def of_means(means: Mapping[str, np.ndarray], features: Sequence[Feature]) -> Vectors:
    """The vector of a video-level record.

    Args:
        means: float32 [size] by feature. A missing one counts as zeros.
        features: the features of the index.
    """
    parts = [means.get(each.name, np.zeros(each.size, np.float32)) for each in features]
    none = np.empty(0, np.float32)
    return Vectors(_combined(parts, features), np.empty((0, size_of(features)), np.float32), none, none)


def of_frames(streams: Mapping[str, np.ndarray], features: Sequence[Feature], window: int) -> Vectors:
    """The vectors of a frame-level record.

    Args:
        streams: [T, size] by feature, as stored, at least one. A missing one counts as zeros.
        features: the features of the index.
        window: seconds of a moment, one frame each. A rest of less than half of that belongs to the moment before.
    """
    length = min((len(streams[each.name]) for each in features if each.name in streams), default=0)
    if not length:
        return of_means({}, features)
    starts = moment_starts(length, window)
    counts = np.diff([*starts, length])
    sums, whole = [], []
    for feature in features:
        if feature.name not in streams:
            sums.append(np.zeros((len(starts), feature.size), np.float32))
            whole.append(np.zeros(feature.size, np.float32))
            continue
        frames = streams[feature.name][:length]
        # Sums of bytes are exact, so a moment has the same vector whatever lies around it.
        own = _sums(frames, starts, window, np.uint64 if feature.is_quantised else np.float64)
        sums.append(_means(own, counts[:, None], feature))
        whole.append(_means(own.sum(axis=0), length, feature))
    ends = np.array([*starts[1:], length], np.float32)
    return Vectors(_combined(whole, features), _combined(sums, features), starts.astype(np.float32), ends)


def moment_starts(length: int, window: int) -> np.ndarray:
    """The first frames of a video's moments, int64 [M].

    Args:
        length: frames of the video, at least 1.
        window: frames of a moment.
    """
    starts = np.arange(0, length, window)
    return starts[:-1] if len(starts) > 1 and 2 * (length - starts[-1]) < window else starts


def _sums(frames: np.ndarray, starts: np.ndarray, window: int, kind: type) -> np.ndarray:
    """Sums over the frames of each moment, [M, D]. All moments but the last have `window` frames."""
    last = int(starts[-1])
    whole = frames[:last].reshape(len(starts) - 1, window, frames.shape[1]).sum(axis=1, dtype=kind)
    return np.concatenate([whole, frames[last:].sum(axis=0, dtype=kind)[None]])


def _means(sums: np.ndarray, counts: np.ndarray | int, feature: Feature) -> np.ndarray:
    means = (sums / counts).astype(np.float32)
    return dequantise(means, feature)


def _combined(parts: Sequence[np.ndarray], features: Sequence[Feature]) -> np.ndarray:
    """One vector, or rows of them, of each feature's values [..., size]."""
    weights = [_WEIGHT_OF_SOUND if each.name in _SOUND else 1.0 for each in features]
    weighted = [_normalised(each) * weight for each, weight in zip(parts, weights, strict=True)]
    return _normalised(np.concatenate(weighted, axis=-1))


def _normalised(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows.astype(np.float64), axis=-1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
