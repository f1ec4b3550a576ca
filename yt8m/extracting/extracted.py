"""What was extracted from one video: rows of features as records store them.

T = seconds of the video that have a row, D = values of a feature.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from yt8m.data.features import Feature
from yt8m.data.quantisation import Rounding, store
from yt8m.errors import InputError
from yt8m.extracting.networks.network import SAMPLE_RATE, Network, SoundNetwork

if TYPE_CHECKING:
    from yt8m.video.reading import VideoInfo

_SOUND_SECONDS = 64
"""Seconds of sound that are kept before their rows are asked for."""

_LEAST_OF_A_SECOND = SAMPLE_RATE // 10
"""Samples of the last second without which it counts as silent."""


@dataclass(frozen=True)
class Options:
    """What decides, beside the network, how a video is extracted."""

    max_frames: int | None = None
    """The most rows of a video; None = all."""
    rounding: Rounding = "truncate"
    """How values become bytes."""


@dataclass(frozen=True)
class Extracted:
    """The features of a video."""

    streams: dict[str, np.ndarray]
    """By feature name: [T, D] of the feature's type, as records store it. A video without sound has no stream of it."""
    info: "VideoInfo"
    """What the file says of itself."""
    seconds: float
    """How long the video is, as far as it was read; the declared length if `max_frames` ended it."""
    lost_seconds: float = 0.0
    """Seconds that the file should have and that could not be read."""
    problems: tuple[str, ...] = ()
    """What is wrong with the file, each a clause; empty if nothing is."""
    sha256: str = ""
    """Digest of the file, if it was asked for."""

    @property
    def num_frames(self) -> int:
        """T."""
        return len(next(iter(self.streams.values())))


def stored(values: np.ndarray, feature: Feature, rounding: Rounding) -> np.ndarray:
    """The values as records store them, [T, D] of the feature's type.

    Args:
        values: float32 [T, D].
        feature: what they are stored as.
        rounding: with bytes, how.

    Raises:
        InputError: a value is NaN or infinite, or too large for the feature's type.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        rows = store(values, feature, rounding)
    if not np.isfinite(values).all() or not np.isfinite(rows).all():
        raise InputError(f"the network gives {feature.name} a value that is NaN, infinite, or beyond {feature.storage}")
    return rows


class PictureRows:
    """The rows of a video's frames. They may come in any order."""

    def __init__(self, feature: Feature, rounding: Rounding):
        self._feature, self._rounding = feature, rounding
        self._rows: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, second: int, values: np.ndarray) -> None:
        """Keeps the values of a frame, float32 [D]. Raises InputError as `stored` does."""
        self._rows[second] = stored(values, self._feature, self._rounding)

    def all(self) -> np.ndarray:
        """Hands all rows over in order, [T, D]."""
        rows = np.empty((len(self._rows), self._feature.size), self._feature.dtype)
        while self._rows:  # which frees those that are copied
            second, row = self._rows.popitem()
            rows[second] = row
        return rows


class SoundRows:
    """The rows of a video's sound, one for each frame.

    Args:
        network: describes the sound.
        rounding: see `Options`.
    """

    def __init__(self, network: SoundNetwork, rounding: Rounding):
        self._feature, self._rounding = network.feature, rounding
        self._stream = network.begin()
        self._num_samples = self._num_asked = 0
        self._rows: list[np.ndarray] = []

    def push(self, samples: np.ndarray) -> None:
        """Takes the next samples, float32 [n], mono, 16 kHz, without a gap."""
        self._stream.push(samples)
        self._num_samples += len(samples)
        if self._num_samples - self._num_asked >= _SOUND_SECONDS * SAMPLE_RATE:
            self._ask(final=False)

    def end(self, num_frames: int) -> np.ndarray:
        """The rows, [T, D], as many as frames. Sound that ends early is silent from there on, and what is too long is cut off.

        Args:
            num_frames: T.
        """
        if self._num_samples < (num_frames - 1) * SAMPLE_RATE + _LEAST_OF_A_SECOND:
            missing = num_frames * SAMPLE_RATE - self._num_samples
            for start in range(0, missing, SAMPLE_RATE):
                self.push(np.zeros(min(SAMPLE_RATE, missing - start), np.float32))
        self._ask(final=True)
        rows = np.full((num_frames, self._feature.size), self._feature.zero, self._feature.dtype)
        found = np.concatenate(self._rows)[:num_frames]
        rows[: len(found)] = found
        return rows

    def _ask(self, final: bool) -> None:
        self._num_asked = self._num_samples
        self._rows.append(stored(self._stream.rows(final), self._feature, self._rounding))


def sound_rows_of(network: Network, options: Options, has_sound: bool) -> SoundRows | None:
    """Rows for a video's sound; None if the video or the network has none."""
    return SoundRows(network.sound, options.rounding) if network.sound is not None and has_sound else None


def length_of(seconds: float, declared: float | None, num_frames: int, options: Options) -> float:
    """How long a video is: as far as it was read, or as declared if the reading ended at `max_frames`."""
    if options.max_frames is not None and num_frames >= options.max_frames and declared is not None:
        return max(seconds, declared if math.isfinite(declared) else 0.0)
    return seconds
