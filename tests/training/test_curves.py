"""The drawing of how a run went."""

import numpy as np
import pytest
from matplotlib.image import imread

from yt8m.training import curves

drawn = curves.plot  # the fixture that keeps all other tests from drawing comes later

TRAINING = [{"kind": "train", "step": step, "loss": 8.0 / step} for step in (1, 2, 4)]
SEGMENTS = {"kind": "validation", "step": 4, "loss": 3.0, "segment_map": 0.5}
VIDEOS = {"kind": "validation", "step": 4, "loss": 3.0, "gap": 0.5, "map": 0.2, "hit_at_1": 0.9, "perr": 0.7}


def test_the_picture_is_a_png(tmp_path):
    drawn([*TRAINING, VIDEOS], tmp_path / "curves.png", 4)
    assert [entry.name for entry in tmp_path.iterdir()] == ["curves.png"]
    assert imread(tmp_path / "curves.png").shape[:2] == (896, 960)


@pytest.fixture
def axes(monkeypatch, tmp_path):
    """Draws rows, and gives the drawings."""
    figures = []
    monkeypatch.setattr(curves, "save_figure", lambda figure, path: figures.append(figure))

    def draw(*arguments):
        drawn(arguments[0], tmp_path / "curves.png", *arguments[1:])
        return figures[-1].axes

    return draw


def lines(drawing):
    return {line.get_label(): np.array(line.get_xydata()).tolist() for line in drawing.lines}


@pytest.mark.parametrize(
    ("validation", "names"), [(VIDEOS, ["GAP", "MAP", "Hit@1", "PERR"]), (SEGMENTS, ["segment MAP"])]
)
def test_what_is_drawn(validation, names, axes):
    losses, scores = axes([*TRAINING, validation])
    assert lines(losses) == {"training": [[1, 8], [2, 4], [4, 2]], "validation": [[4, 3]]}
    assert list(lines(scores)) == names
    assert lines(scores)[names[0]] == [[4, 0.5]]


def test_both_drawings_have_the_same_steps(axes):
    losses, scores = axes([*TRAINING, {**VIDEOS, "step": 3}, VIDEOS])
    assert losses.get_xlim() == scores.get_xlim() == (0, pytest.approx(4.12))
    assert losses.get_shared_x_axes().joined(losses, scores)


def test_the_best_validation_is_marked_in_both(axes):
    rows = [*TRAINING, {**VIDEOS, "step": 2}, VIDEOS]
    for drawing in axes(rows, 2):
        assert drawing.lines[-1].get_xdata() == [2, 2]
    assert "the best, step 2" in [text.get_text() for text in axes(rows, 2)[0].get_legend().get_texts()]
    for best in (None, 7):  # none, or one that no line has
        assert not any("best" in label for drawing in axes(rows, best) for label in lines(drawing))


def test_without_validation_there_is_no_empty_drawing(axes):
    (losses,) = axes(TRAINING)
    assert list(lines(losses)) == ["training"]
    assert losses.get_xlabel() == "step"
    assert len(axes([])) == 1
