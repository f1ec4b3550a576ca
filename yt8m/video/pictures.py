"""Small pictures of moments of a video, and pictures as JPEG."""

import io
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from yt8m.errors import InputError
from yt8m.video.clock import Clock
from yt8m.video.containers import opened, picture_stream, step_of
from yt8m.video.pixels import Converter
from yt8m.video.reading import open_video
from yt8m.video.seconds import Picture

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

_NEAR = 2.0
"""Seconds ahead up to which decoding on is quicker than going to a key frame."""
_STEPS_BACK = (0.0, 1.0, 5.0, 20.0)
"""Seconds by which to go back further, one after the other, if a file goes beyond the place that was asked for."""


def thumbnails(path: str | os.PathLike, seconds: Sequence[float], height: int) -> dict[float, np.ndarray]:
    """Small pictures of the given moments of a video, each decoded from the key frame before it.

    A file in which one cannot seek, or whose time stamps may jump, is decoded from its start.

    Args:
        path: the video.
        seconds: moments, in seconds from the video's start, in any order. Those before and after it have its first and last
            picture.
        height: rows of the pictures. Their width follows from the video's; smaller videos are not enlarged.

    Returns:
        uint8 [height, W, 3], RGB, upright, for each of `seconds`: the picture nearest to it.

    Raises:
        InputError: see `yt8m.video.open_video`; or `height` is not positive.
    """
    if height < 1:
        raise InputError(f"a picture of {height} rows cannot be made; it has at least 1")
    zero = open_video(path).zero
    found = _find(path, zero, seconds, height, seeks=True)
    missing = [second for second in seconds if second not in found]
    return found | _find(path, zero, missing, height, seeks=False) if missing else found


def jpeg_bytes(pixels: np.ndarray, quality: int = 80) -> bytes:
    """A picture as a JPEG file.

    Args:
        pixels: uint8 [H, W, 3], RGB.
        quality: 1 to 95, as in Pillow.
    """
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()


def _find(
    path: str | os.PathLike, zero: int, seconds: Sequence[float], height: int, seeks: bool
) -> dict[float, np.ndarray]:
    """Pictures of those moments that could be found."""
    pictures: dict[float, np.ndarray] = {}
    last, pixels = None, None
    with opened(path) as container:
        stream = picture_stream(container, path)
        finder = _Finder(container, stream, zero, seeks)
        converter = Converter(height, stream.sample_aspect_ratio)
        for second in sorted(set(seconds)):
            picture = finder.find(second)
            if picture is None:
                continue
            if picture is not last:
                last, pixels = picture, converter.pixels(picture.frame)
            pictures[second] = pixels
    return pictures


class _Finder:
    """Finds the pictures of moments in ascending order, by seeking or by decoding on."""

    def __init__(self, container: "InputContainer", stream: "VideoStream", zero: int, seeks: bool):
        self._container, self._stream, self._zero = container, stream, zero
        self._clock = Clock(container)
        self._seeks = seeks and not self._clock.may_jump
        self._tick = float(stream.time_base)
        self._at_start = True
        self._pictures = self._decoded()
        self._before: Picture | None = None
        self._after = next(self._pictures, None)

    def find(self, second: float) -> Picture | None:
        """The picture nearest to a moment; None if it cannot be told."""
        if self._seeks and (self._after is None or second > self._time(self._after) + _NEAR):
            for back in _STEPS_BACK:
                self._seek(second - back)
                if self._after is not None and self._time(self._after) <= second:
                    break
        while self._after is not None and self._time(self._after) < second:
            self._before, self._after = self._after, next(self._pictures, None)
        if self._after is None or self._before is None:
            return (self._after or self._before) if self._before or self._at_start else None
        to_before, to_after = second - self._time(self._before), self._time(self._after) - second
        return self._before if to_before <= to_after else self._after

    def _time(self, picture: Picture) -> float:
        return picture.ticks * self._tick

    def _seek(self, second: float) -> None:
        import av

        try:
            self._container.seek(self._zero + max(0, round(second / self._tick)), stream=self._stream)
        except av.FFmpegError:  # there is no key frame
            self._pictures, self._before, self._after = iter(()), None, None
            return
        self._at_start = False
        self._pictures, self._before = self._decoded(), None
        self._after = next(self._pictures, None)

    def _decoded(self) -> Iterator[Picture]:
        """The pictures from here on that can be decoded, and, after a seek, have a time."""
        import av

        last = None
        try:
            for packet in self._container.demux(self._stream):
                self._clock.mend(packet)
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    continue
                for frame in frames:
                    if frame.pts is not None:
                        ticks = frame.pts - self._zero
                    elif self._at_start:
                        ticks = 0 if last is None else last + (frame.duration or step_of(self._stream))
                    else:
                        continue
                    if last is None or ticks > last:
                        last = ticks
                        yield Picture(frame, ticks)
        except av.FFmpegError:  # the file ends here
            return
