"""How the pixels of a video are turned so that the picture stands upright."""

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
        """Turns pixels [H, W, 3]. The result is a view if nothing changes, else a copy."""
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
    # Stored (across, down) times this is shown (across, down).
    (a, b), (c, d) = np.frombuffer(bytes(matrix), np.int32).reshape(3, 3)[:2, :2].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)
