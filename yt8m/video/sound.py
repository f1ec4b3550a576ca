"""Puts decoded sound in one line of time: one channel, 16 kHz, without gaps from the video's start."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler

SAMPLE_RATE = 16_000
"""Samples a second of all sound that is read."""

_TOLERANCE = 0.02
"""Seconds by which time stamps may differ from the count of samples. Containers round them, by 1 ms at most in Matroska."""
_MOST_SILENCE = 10 * SAMPLE_RATE
"""Samples made at a time where there is a gap."""


class SoundTrack:
    """Gets decoded frames in order, and yields samples at 16 kHz that follow each other from second 0.

    Time stamps say where each frame belongs: a gap becomes silence, an overlap and what precedes second 0 are left out.

    Args:
        zero: the time of the video's start, in seconds of the file's own time.
        tick: seconds of a tick of the time stamps.
        limit: the number of samples to yield at most; None = all.
    """

    def __init__(self, zero: float, tick: float, limit: int | None = None):
        self._zero, self._tick, self._limit = zero, tick, limit
        self._rate = 0
        self._place = 0  # of the next sample, in samples at `_rate`
        self._waiting: list[np.ndarray] = []
        self._num_waiting = 0
        self._resampler: AudioResampler | None = None
        self._begun = False
        self.num_samples = 0
        """Samples yielded so far."""

    @property
    def full(self) -> bool:
        """Whether the limit is reached."""
        return self._limit is not None and self.num_samples >= self._limit

    def time_of(self, frame: "AudioFrame") -> float | None:
        """When a frame begins, in seconds from second 0; None = it has no time stamp."""
        return None if frame.pts is None else frame.pts * self._tick - self._zero

    def push(self, frame: "AudioFrame") -> Iterator[np.ndarray]:
        """Yields float32 [n] samples, a second or more at a time; often none."""
        if frame.sample_rate != self._rate:
            yield from self._change_rate(frame.sample_rate)
        samples, time = mono(frame), self.time_of(frame)
        gap = 0 if time is None else round(time * self._rate) - self._place
        if self._begun and abs(gap) <= _TOLERANCE * self._rate:
            gap = 0
        if gap < 0:
            samples = samples[-gap:]
        while gap > 0 and not self.full:
            silence = min(gap, _MOST_SILENCE)
            gap -= silence
            yield from self._add(np.zeros(silence, np.float32))
        self._begun = samples.size > 0  # what follows a piece left out is put in its place exactly
        if samples.size:
            yield from self._add(samples)

    def finish(self) -> Iterator[np.ndarray]:
        """Yields what is left."""
        yield from self._resampled(flush=True)

    def _add(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        self._waiting.append(samples)
        self._num_waiting += samples.size
        self._place += samples.size
        if self._num_waiting >= self._rate:
            yield from self._resampled()

    def _change_rate(self, rate: int) -> Iterator[np.ndarray]:
        from av.audio.resampler import AudioResampler

        yield from self._resampled(flush=True)
        self._place = round(self._place * rate / (self._rate or rate))
        self._rate = rate
        self._resampler = None if rate == SAMPLE_RATE else AudioResampler("fltp", "mono", SAMPLE_RATE)

    def _resampled(self, flush: bool = False) -> Iterator[np.ndarray]:
        from av.audio.frame import AudioFrame

        waiting, self._waiting, self._num_waiting = self._waiting, [], 0
        samples = np.concatenate(waiting) if waiting else np.zeros(0, np.float32)
        if self._resampler is None:
            yield from self._limited(samples)
            return
        frames = []
        if samples.size:
            frame = AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.sample_rate = self._rate
            frames += self._resampler.resample(frame)
        if flush:
            frames += self._resampler.resample(None)
        for each in frames:
            yield from self._limited(each.to_ndarray()[0])

    def _limited(self, samples: np.ndarray) -> Iterator[np.ndarray]:
        if self._limit is not None:
            samples = samples[: self._limit - self.num_samples]
        if samples.size:
            self.num_samples += samples.size
            yield samples


def mono(frame: "AudioFrame") -> np.ndarray:
    """The mean of the channels, float32 [n], where the full scale is -1 to 1."""
    values = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    mean = values.sum(axis=0, dtype=np.float32) / np.float32(len(values)) if len(values) > 1 else values[0]
    if values.dtype.kind == "f":
        return np.asarray(mean, np.float32)
    scale = np.float32(2.0 ** (8 * values.dtype.itemsize - 1))
    return np.float32(mean) / scale - np.float32(values.dtype.kind == "u")
