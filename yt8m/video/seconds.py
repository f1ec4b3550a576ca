"""Chooses the picture nearest to each whole second, in the time of the stream and without rounding."""

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


class Picture(NamedTuple):
    """A decoded picture and when it is shown."""

    frame: "VideoFrame"
    ticks: int
    """Since the video's start, in units of the stream's time base."""


class WholeSeconds:
    """Gets pictures in the order in which they are shown, and yields the nearest one for each whole second.

    It holds one picture at a time. Of two equally near ones the earlier is taken.

    Args:
        time_base: seconds of a tick.
    """

    def __init__(self, time_base: Fraction):
        self._numerator, self._denominator = time_base.numerator, time_base.denominator
        self._last: Picture | None = None
        self.second = 0
        """The next second to be given a picture."""

    def push(self, picture: Picture) -> Iterator[tuple[int, Picture]]:
        """Yields each second up to the time of a picture, with the nearest picture."""
        last, self._last = self._last, picture
        while (after := picture.ticks * self._numerator - self.second * self._denominator) >= 0:
            nearest = picture
            if last is not None and self.second * self._denominator - last.ticks * self._numerator <= after:
                nearest = last
            self.second += 1
            yield self.second - 1, nearest

    def finish(self, end: int) -> Iterator[tuple[int, Picture]]:
        """Yields the seconds that are left before the end of the video, in ticks, with the last picture."""
        while self._last is not None and self.second * self._denominator < end * self._numerator:
            self.second += 1
            yield self.second - 1, self._last
