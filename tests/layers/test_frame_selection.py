"""One frame of each video."""

import numpy as np
import pytest

from yt8m.layers.selection import FirstFrame, LastFrame

FRAMES = np.random.default_rng(31).normal(size=(4, 5, 3)).astype(np.float32)
MASK = np.arange(5) < np.array([[5], [3], [1], [0]])


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_first_and_last_real_frame(precision):
    first, last = (np.asarray(layer(dtype=precision)(FRAMES, MASK), np.float32) for layer in (FirstFrame, LastFrame))
    zeros = np.zeros(3)
    tolerance = 0 if precision == "float32" else 2**-7
    np.testing.assert_allclose(first, [FRAMES[0, 0], FRAMES[1, 0], FRAMES[2, 0], zeros], rtol=tolerance)
    np.testing.assert_allclose(last, [FRAMES[0, 4], FRAMES[1, 2], FRAMES[2, 0], zeros], rtol=tolerance)


def test_videos_of_one_padded_frame():
    frames, mask = FRAMES[:2, :1], np.array([[True], [False]])
    for layer in (FirstFrame(), LastFrame()):
        np.testing.assert_array_equal(layer(frames, mask), [FRAMES[0, 0], np.zeros(3)])
