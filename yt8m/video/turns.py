"""Puts the times of pictures in order, for AVI, which tells only when pictures are decoded."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_MOST_HELD = 16
"""Pictures that H.264 and HEVC allow to be reordered."""


class TakingTurns:
    """Gives each picture the least of the times that it and the next ones have.

    Decoders give pictures in the order in which they are shown. Where pictures were stored in another order, FFmpeg gives them
    the times at which they are decoded. These go back and forth (findings/times-of-h264-in-avi-go-back.sh), but all
    together are the right ones.
    """

    def __init__(self):
        self._held: deque[VideoFrame] = deque()
        self._times: list[int] = []

    def push(self, frames: Iterable["VideoFrame"], is_last: bool = False) -> Iterator["VideoFrame"]:
        """Takes pictures, and gives those whose times are certain; with `is_last` all that are left."""
        for frame in frames:
            if frame.pts is None:  # it cannot take turns; whoever reads it finds a time
                yield from self.push((), is_last=True)
                yield frame
                continue
            self._held.append(frame)
            heapq.heappush(self._times, frame.pts)
        while self._held and (is_last or len(self._held) > _MOST_HELD):
            frame = self._held.popleft()
            frame.pts = heapq.heappop(self._times)
            yield frame
