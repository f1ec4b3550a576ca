"""Frames in the size that a network takes."""

import numpy as np


def shrink(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """A frame in another size, with antialiasing; the aspect ratio is not kept, so that nothing is cut off.

    Args:
        pixels: uint8 [H, W, 3].
        height: in pixels.
        width: in pixels.

    Returns:
        uint8 [height, width, 3].
    """
    from PIL import Image

    if pixels.shape[:2] == (height, width):
        return pixels
    # A mean over each pixel's area takes half the time of a triangle, and does not differ from it to the eye where much is lost.
    is_small = pixels.shape[0] < 2 * height or pixels.shape[1] < 2 * width
    how = Image.Resampling.BILINEAR if is_small else Image.Resampling.BOX
    return np.asarray(Image.fromarray(pixels).resize((width, height), how))
