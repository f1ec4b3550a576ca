"""From decoded pictures to pixels: RGB, upright, and smaller where that is asked for."""

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_QUARTER_TURNS = {(False, False, False): 0, (True, True, False): 90, (False, True, True): 180, (True, False, True): 270}


class Orientation(NamedTuple):
    """What is done to stored pixels before they are shown: first transposed, then flipped."""

    transposed: bool = False
    flipped_across: bool = False
    """Left becomes right."""
    flipped_down: bool = False
    """Top becomes bottom."""

    @property
    def rotation(self) -> int:
        """Degrees clockwise: 0, 90, 180 or 270. Of mirrored pictures, the turn that follows the mirroring across."""
        transposed, across, down = self
        if transposed ^ across ^ down:
            across, down = (across, not down) if transposed else (not across, down)
        return _QUARTER_TURNS[transposed, across, down]

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Turns pixels [H, W, 3]. The result is the same array if nothing changes, else a copy."""
        if self == Orientation():
            return pixels
        turned = pixels.swapaxes(0, 1) if self.transposed else pixels
        return np.ascontiguousarray(turned[:: -1 if self.flipped_down else 1, :: -1 if self.flipped_across else 1])


def orientation_of(frame: "VideoFrame") -> Orientation:
    """What the display matrix of a frame asks for. Turns by other angles than 90 degrees are rounded to those."""
    from av.sidedata.sidedata import Type

    matrix = frame.side_data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return Orientation()
    # (across, down) as stored, times this, is (across, down) as shown.
    (a, b), (c, d) = np.frombuffer(bytes(matrix), np.int32).reshape(3, 3)[:2, :2].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)


class Converter:
    """Makes pixels of pictures.

    Args:
        height: rows of the result, for smaller pictures whose pixels are square; each is the mean of what it covers. A picture
            with fewer rows keeps its size. None = every pixel as it is stored.
        pixel_aspect: width of a stored pixel divided by its height; None = unknown, taken for 1.
    """

    def __init__(self, height: int | None = None, pixel_aspect: Fraction | None = None):
        from av.video.reformatter import VideoReformatter

        self._reformatter = VideoReformatter()  # keeps the tables of a conversion for the next picture
        self._height, self._aspect = height, pixel_aspect or Fraction(1)

    def pixels(self, frame: "VideoFrame") -> np.ndarray:
        """Returns uint8 [H, W, 3], RGB, upright."""
        orientation, size = orientation_of(frame), {}
        if self._height is not None:
            across, down = frame.width * self._aspect, Fraction(frame.height)
            rows = across if orientation.transposed else down
            share = min(Fraction(1), self._height / rows)
            size = {"width": max(1, round(across * share)), "height": max(1, round(down * share))}
            size["interpolation"] = "AREA"
        converted = self._reformatter.reformat(frame, format="rgb24", threads=1, **size)
        return orientation.apply(converted.to_ndarray())
