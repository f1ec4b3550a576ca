"""Log-mel spectra of sound, as VGGish and the published extractor define them, one second at a time.

A row is 25 ms of samples, and rows begin every 10 ms: periodic Hann window, FFT of 512, magnitudes, 64 mel bands from 125 to
7500 Hz, log(x + 0.01). n = samples, R = rows.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from yt8m.extracting.networks.network import SAMPLE_RATE, SoundStream

WINDOW, HOP, FFT = 400, 160, 512
"""In samples."""
NUM_BANDS = 64
LOWEST_HERTZ, HIGHEST_HERTZ = 125.0, 7500.0
LOG_OFFSET = 0.01

_BLOCK_SECONDS = 16
"""Seconds of sound that are described at a time."""


@cache
def mel_matrix() -> np.ndarray:
    """The weight of each frequency in each band, float32 [FFT / 2 + 1, NUM_BANDS]: triangles that meet at their feet.

    Bands are of equal width in mel, 1127 ln(1 + f / 700), and triangles are linear in it. The constant part has no weight.
    """

    def mel(hertz):
        return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)

    edges = np.linspace(mel(LOWEST_HERTZ), mel(HIGHEST_HERTZ), NUM_BANDS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    places = mel(np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT)[:, None]
    weights = np.minimum((places - low) / (centre - low), (high - places) / (high - centre)).clip(0.0)
    weights[0] = 0.0
    return weights.astype(np.float32)


@cache
def _window() -> np.ndarray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """The rows of all complete windows, float32 [R, NUM_BANDS].

    Args:
        samples: float32 [n] from -1 to 1, at 16 kHz.
    """
    if len(samples) < WINDOW:
        return np.zeros((0, NUM_BANDS), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float32), WINDOW)[::HOP]
    magnitudes = np.abs(np.fft.rfft(windows * _window(), FFT)).astype(np.float32)
    return np.log(magnitudes @ mel_matrix() + np.float32(LOG_OFFSET))


class MelStream(SoundStream):
    """Describes each second by its own log-mel rows.

    Args:
        num_rows: the rows of a second that are taken, 98 at most: those of later windows need samples of the next second.
        num_values: values of a described second, D.
        describe: turns the rows of T seconds, each float32 [R, NUM_BANDS], into float32 [T, D]. R is `num_rows`, except that
            the last second may have fewer, and at least 1.
    """

    def __init__(self, num_rows: int, num_values: int, describe: Callable[[list[np.ndarray]], np.ndarray]):
        self._num_rows, self._describe = num_rows, describe
        self._none = np.zeros((0, num_values), np.float32)
        self._rest = np.zeros(0, np.float32)
        self._seconds: list[np.ndarray] = []
        self._described: list[np.ndarray] = []
        self._num_taken = 0

    def push(self, samples: np.ndarray) -> None:
        """See `SoundStream`."""
        rest = np.concatenate([self._rest, np.asarray(samples, np.float32)])
        whole = len(rest) // SAMPLE_RATE
        for second in range(whole):
            self._take(rest[second * SAMPLE_RATE : (second + 1) * SAMPLE_RATE])
        self._rest = rest[whole * SAMPLE_RATE :].copy()

    def rows(self, final: bool = False) -> np.ndarray:
        """See `SoundStream`.

        At the end, one sample less than a hop of silence follows, as in the published extractor. So a rest of 15 ms or less
        gives no row, unless it is all there is.
        """
        if final:
            is_all = not self._num_taken and len(self._rest) > 0
            rest = np.pad(self._rest, (0, max(HOP - 1, WINDOW - len(self._rest)) if is_all else HOP - 1))
            if len(rest) >= WINDOW:
                self._take(rest)
            self._rest = self._rest[:0]
            self._num_taken += 1
        self._describe_all()
        rows = np.concatenate([self._none, *self._described])
        self._described = []
        return rows

    def _take(self, samples: np.ndarray) -> None:
        self._num_taken += 1
        self._seconds.append(log_mel(samples[: (self._num_rows - 1) * HOP + WINDOW]))
        if len(self._seconds) == _BLOCK_SECONDS:
            self._describe_all()

    def _describe_all(self) -> None:
        if self._seconds:
            self._described.append(self._describe(self._seconds))
            self._seconds = []
