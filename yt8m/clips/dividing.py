"""Divides a video into shots and scenes, and describes each shot. T = seconds with a frame, D = values of all features."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from yt8m.clips.change_points import find_scenes, find_shots
from yt8m.clips.footage import Footage
from yt8m.data.features import Feature
from yt8m.data.quantisation import dequantise


@dataclass(frozen=True)
class Shot:
    """A shot of a video. Times are seconds from the video's own start."""

    start: float
    end: float
    scene: int
    """The number of its scene in the video, from 0."""
    second: float
    """The time of the frame that is nearest to the mean of all its frames."""
    rows: slice
    """Its frames. A shot between two whole seconds has the nearest one."""
    means: Mapping[str, np.ndarray]
    """The mean of its frames by feature: real values, float32."""


def divide(footage: Footage, features: Sequence[Feature], starts: Sequence[float] | None = None) -> list[Shot]:
    """Divides a video.

    Args:
        footage: the video.
        features: rows of its features, and perhaps of others.
        starts: when each shot begins, from 0.0 on; None finds them in the features, at whole seconds.
    """
    length = footage.num_frames
    values = {
        each.name: dequantise(footage.streams[each.name][:length], each)
        for each in features
        if each.name in footage.streams
    }
    frames = np.concatenate([_scaled(values[each.name], each) for each in features if each.name in values], axis=1)
    end = footage.seconds
    found = find_shots(frames) if starts is None else [start for start in starts if start < end]
    bounds = [*map(float, found), end]
    rows = [_rows_of(start, stop, length) for start, stop in itertools.pairwise(bounds)]
    means = np.stack([frames[each].mean(axis=0, dtype=np.float64) for each in rows]).astype(np.float32)
    firsts = find_scenes(means)
    shots = []
    for number, (start, stop) in enumerate(itertools.pairwise(bounds)):
        own = rows[number]
        best = own.start + int(np.square(frames[own] - means[number]).sum(axis=1).argmin())
        shots.append(
            Shot(
                start,
                stop,
                int(np.searchsorted(firsts, number, side="right")) - 1,
                float(best) if start <= best < stop else (start + stop) / 2,
                own,
                {name: each[own].mean(axis=0, dtype=np.float64).astype(np.float32) for name, each in values.items()},
            )
        )
    return shots


def _rows_of(start: float, end: float, length: int) -> slice:
    first = min(math.ceil(start), length - 1)
    return slice(first, min(max(math.ceil(end), first + 1), length))


def _scaled(values: np.ndarray, feature: Feature) -> np.ndarray:
    """Values in a unit in which features can be joined: a quarter of the range of bytes, or the root mean square of floats about
    their mean, so that each value of each feature counts alike."""
    if feature.is_quantised:
        return values * np.float32(4 / (feature.high - feature.low))
    size = np.sqrt(np.square(values - values.mean(axis=0)).mean())
    return values / size if size > 0 else values


def joined_means(shots: Sequence[Shot], features: Sequence[Feature]) -> np.ndarray:
    """The means of shots of all videos, float32 [N, D]. A feature that a video lacks has the mean of the others there.

    Args:
        shots: at least one.
        features: those that any has.
    """
    columns = []
    seconds = np.array([shot.end - shot.start for shot in shots])
    for feature in features:
        has = np.array([feature.name in shot.means for shot in shots])
        if not has.any():
            continue
        known = np.stack([shot.means[feature.name] for shot in shots if feature.name in shot.means])
        values = np.empty((len(shots), feature.size), np.float32)
        values[has] = known
        values[~has] = np.average(known, axis=0, weights=seconds[has])
        columns.append(_scaled(values, feature))
    return np.concatenate(columns, axis=1)
