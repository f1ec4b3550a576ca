"""The drawing of how a run went."""

import pytest
from matplotlib.image import imread

from yt8m.training import curves

drawn = curves.plot  # the fixture that keeps the other tests from drawing comes later

TRAINING = [{"kind": "train", "step": step, "loss": 8.0 / step} for step in (1, 2, 4)]
SEGMENTS = {"kind": "validation", "step": 4, "loss": 3.0, "segment_map": 0.5}
VIDEOS = {"kind": "validation", "step": 4, "loss": 3.0, "gap": 0.5, "map": 0.2, "hit_at_1": 0.9, "perr": 0.7}


def pixels(rows, path):
    drawn(rows, path)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    return imread(path)


@pytest.mark.parametrize("validation", [[], [VIDEOS], [SEGMENTS]], ids=["none", "videos", "segments"])
def test_curves_are_drawn_with_validation_and_without(tmp_path, validation):
    image = pixels(TRAINING + validation, tmp_path / "curves.png")
    height, width, _ = image.shape
    assert (height, width) == (480, 1200)
    left, right = image[:, : width // 2], image[:, width // 2 :]
    assert left.min() < 0.5 < left.max()
    assert right.min() < 0.5 < right.max()
