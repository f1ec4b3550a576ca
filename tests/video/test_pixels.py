"""Display matrices turn and mirror pixels as they say."""

from types import SimpleNamespace

import numpy as np
import pytest

from yt8m.video.pixels import Orientation, orientation_of

PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
ONE = 1 << 16


def place_by_place(pixels: np.ndarray, matrix) -> np.ndarray:
    """Moves each pixel by itself: its place (across, down) times the matrix, then all moved to begin at 0."""
    moved = {}
    for down, row in enumerate(pixels):
        for across, pixel in enumerate(row):
            place = np.array([across, down]) @ np.array(matrix)
            moved[tuple(place.tolist())] = pixel
    across, down = (sorted({place[axis] for place in moved}) for axis in (0, 1))
    return np.array([[moved[x, y] for x in across] for y in down])


def frame_with(matrix):
    (a, b), (c, d) = matrix
    whole = np.array([[a * ONE, b * ONE, 0], [c * ONE, d * ONE, 0], [0, 0, 1 << 30]], np.int32)
    return SimpleNamespace(side_data=SimpleNamespace(get=lambda _: whole.tobytes()))


MATRICES = [((a, 0), (0, d)) for a in (1, -1) for d in (1, -1)] + [((0, b), (c, 0)) for b in (1, -1) for c in (1, -1)]


@pytest.mark.parametrize("matrix", MATRICES)
def test_pixels_go_where_the_matrix_says(matrix):
    orientation = orientation_of(frame_with(matrix))
    np.testing.assert_array_equal(orientation.apply(PIXELS), place_by_place(PIXELS, matrix))
    mirrored = np.linalg.det(np.array(matrix)) < 0
    turned = np.rot90(PIXELS[:, ::-1] if mirrored else PIXELS, -orientation.rotation // 90)
    np.testing.assert_array_equal(orientation.apply(PIXELS), turned)


def test_other_angles_are_rounded():
    ten = np.deg2rad(10)
    matrix = ((np.cos(ten), np.sin(ten)), (-np.sin(ten), np.cos(ten)))
    assert orientation_of(frame_with(matrix)) == Orientation()


def test_without_a_matrix_nothing_changes():
    frame = SimpleNamespace(side_data=SimpleNamespace(get=lambda _: None))
    assert orientation_of(frame) == Orientation()
    assert orientation_of(frame).apply(PIXELS) is PIXELS
