"""Strips of thumbnails: one picture for each video, with frames beside each other."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yt8m.views.thumbnails import take_thumbnails

HEIGHT = 64
"""Pixels; less for smaller videos. Twelve frames of 16:9 beside each other are about as wide as a page."""
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
    height: int
    count: int
    """Frames beside each other: that of place n is from second (n + 0.5) * seconds / count."""


def make_strip(path: str, seconds: float, most: int) -> Strip:
    """Makes the strip of a video.

    Args:
        path: the video file.
        seconds: its length.
        most: most frames.

    Raises:
        InputError: the file is gone, cannot be decoded, or PyAV is not installed.
    """
    return joined(take_thumbnails(path, seconds, most, HEIGHT))


def joined(frames: Sequence[np.ndarray]) -> Strip:
    """Joins frames, uint8 [H, W, 3] of one size, to a strip."""
    from yt8m.video.pictures import jpeg_bytes

    height, width, _ = frames[0].shape
    width = min(max(width, int(_NARROWEST * height)), int(_WIDEST * height))
    content = jpeg_bytes(np.concatenate([_fitted(each, width) for each in frames], axis=1), _QUALITY)
    return Strip(f"data:image/jpeg;base64,{base64.b64encode(content).decode()}", width, height, len(frames))


def _fitted(frame: np.ndarray, width: int) -> np.ndarray:
    """The middle of a frame, with black on both sides if it is narrower: uint8 [H, width, 3]."""
    fitted = np.zeros((frame.shape[0], width, 3), np.uint8)
    left, right = max(frame.shape[1] - width, 0) // 2, max(width - frame.shape[1], 0) // 2
    part = frame[:, left : left + width]
    fitted[:, right : right + part.shape[1]] = part
    return fitted
