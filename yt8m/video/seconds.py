"""Chooses the picture nearest to each whole second, in the time of the stream and without rounding."""

import bisect
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

_AHEAD = 48
"""Packets that are looked at before one is decoded: more than pictures are stored out of order."""


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


class Lookahead:
    """Tells which packets hold a picture that may be nearest to a whole second, before they are decoded.

    The others need not be decoded, if no picture refers to them. It is sure of a packet only if it knows pictures on both sides
    that are nearer to all seconds around; so it errs on one side alone.

    Args:
        time_base: seconds of a tick.
        zero: the time stamp of the video's start.
    """

    def __init__(self, time_base: Fraction, zero: int):
        self._numerator, self._denominator, self._zero = time_base.numerator, time_base.denominator, zero
        self._waiting: deque[Packet] = deque()
        self._known: list[int] = []
        self._before = True
        """Whether the packet before the first that waits is needed itself."""

    def push(self, packet: "Packet") -> Iterator[tuple["Packet", bool]]:
        """Takes a packet in the order of the file, and yields earlier ones in the same order, each with whether it is needed."""
        if packet.pts is not None and not packet.is_discard:
            bisect.insort(self._known, packet.pts)
            del self._known[: -4 * _AHEAD]
        self._waiting.append(packet)
        if len(self._waiting) > _AHEAD:
            yield self._next()

    def finish(self) -> Iterator[tuple["Packet", bool]]:
        """Yields those that are left."""
        while self._waiting:
            yield self._next()

    def _next(self) -> tuple["Packet", bool]:
        packet = self._waiting.popleft()
        own = self._is_needed(packet)
        # The two halves of an interlaced picture may lie in neighbours.
        needed = own or self._before or bool(self._waiting and self._is_needed(self._waiting[0]))
        self._before = own
        return packet, needed

    def _is_needed(self, packet: "Packet") -> bool:
        if packet.pts is None or packet.is_discard:
            return True
        place = bisect.bisect_left(self._known, packet.pts)
        if place == 0 or place >= len(self._known) - 1:
            return True
        # Nearest to the times from half way after the one before to half way to the one after, in halves of ticks.
        first, last = (self._known[place + side] + packet.pts - 2 * self._zero for side in (-1, 1))
        return last * self._numerator // (2 * self._denominator) > first * self._numerator // (2 * self._denominator)
