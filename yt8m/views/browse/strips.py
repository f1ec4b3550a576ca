"""Strips of thumbnails: one picture for each video, with frames beside each other."""

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yt8m.errors import InputError

HEIGHT = 64
"""Pixels. Twelve frames of 16:9 beside each other are about as wide as a page."""
_WIDEST = 2.0
"""Width of a frame by its height. Wider ones are cut at the sides, so that a strip has a known size."""
_NARROWEST = 0.5
_QUALITY = 55
"""Of JPEG: 2 kB a frame."""


@dataclass(frozen=True)
class Strip:
    """The thumbnails of a video."""

    address: str
    """The picture as a `data:` address."""
    width: int
    """Pixels of one frame."""
    count: int
    """Frames beside each other: that of place n is from second (n + 0.5) * seconds / count."""


def seconds_of(seconds: float, most: int) -> list[float]:
    """The times of a strip's frames: the middles of equal parts, at least a second long.

    Args:
        seconds: the length of the video.
        most: most frames.
    """
    count = max(1, min(most, int(seconds)))
    return [(place + 0.5) * seconds / count for place in range(count)]


def make_strip(path: str, seconds: float, most: int) -> Strip:
    """Makes the strip of a video.

    Args:
        path: the video file.
        seconds: its length.
        most: most frames.

    Raises:
        InputError: the file is gone, cannot be decoded, or PyAV is not installed.
    """
    from yt8m.video.pictures import jpeg_bytes, thumbnails

    if not os.path.exists(path):
        raise InputError(f"{path}: is gone")
    times = seconds_of(seconds, most)
    found = thumbnails(path, times, HEIGHT)
    return _joined([found[each] for each in times], jpeg_bytes)


def _joined(frames: Sequence[np.ndarray], jpeg_bytes) -> Strip:
    height, width, _ = frames[0].shape
    width = min(max(width, int(_NARROWEST * height)), int(_WIDEST * height))
    content = jpeg_bytes(np.concatenate([_fitted(each, height, width) for each in frames], axis=1), _QUALITY)
    return Strip(f"data:image/jpeg;base64,{base64.b64encode(content).decode()}", width, len(frames))


def _fitted(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of a frame, with black beside or below it if it is smaller: uint8 [height, width, 3]."""
    fitted = np.zeros((height, width, 3), np.uint8)
    left, right = max(frame.shape[1] - width, 0) // 2, max(width - frame.shape[1], 0) // 2
    part = frame[:height, left : left + width]
    fitted[: part.shape[0], right : right + part.shape[1]] = part
    return fitted
