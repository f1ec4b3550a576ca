"""What editors must know about a video file."""

from dataclasses import dataclass
from pathlib import Path

_TIMECODE_RATES = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 48.0, 50.0, 60000 / 1001, 60.0)
_DROP_FRAME = (30000 / 1001, 60000 / 1001)
_NEAR = 1e-3
"""Shares by which a rate may differ: 24 and 24000 / 1001 differ by as much, and are both in the list."""
_UNKNOWN_RATE = 25.0


@dataclass(frozen=True)
class Media:
    """A video, as its timeline shows it."""

    video: str
    """The id."""
    path: str | None
    """The file; None if it is not known, or gone."""
    seconds: float
    frames_per_second: float = 0.0
    """0 = unknown."""
    channels: int = 0
    """Channels of sound; 0 = none, or unknown."""

    @property
    def name(self) -> str:
        """What to call it: the file's name, or else the id."""
        return Path(self.path).name if self.path else self.video

    @property
    def rate(self) -> float:
        """Frames a second of its timecodes: `rate_of`."""
        return rate_of(self.frames_per_second)

    @property
    def drops_frames(self) -> bool:
        """Whether its timecodes leave numbers out, so that they keep pace with the clock (SMPTE 12M)."""
        return self.rate in _DROP_FRAME


def rate_of(frames_per_second: float) -> float:
    """The rate of timecodes for a video: its own, or else the nearest of its multiples or parts; 25 for others.

    Timecodes exist for 23.976, 24, 25, 29.97, 30, 48, 50, 59.94 and 60 frames a second.
    """
    if frames_per_second <= 0:
        return _UNKNOWN_RATE

    def distance(rate: float) -> tuple[float, float]:
        ratio = max(rate / frames_per_second, frames_per_second / rate)
        return ratio, abs(ratio / round(ratio) - 1)

    fitting = [rate for rate in _TIMECODE_RATES if distance(rate)[1] < _NEAR / 2]
    return min(fitting, key=distance, default=_UNKNOWN_RATE)
