import numpy as np
import pytest

from yt8m.errors import InputError
from yt8m.metrics import top_k_predictions


def slow_top_k(scores, top_k):
    """Sorts (-score, class) pairs of every row."""
    return [sorted(range(len(row)), key=lambda c, row=row: (-row[c], c))[:top_k] for row in scores.tolist()]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("top_k", [1, 3, 20, 100, 700])
@pytest.mark.parametrize("num_classes", [1, 7, 100, 650])
@pytest.mark.parametrize("levels", [None, 2])
def test_matches_sorting(num_classes, top_k, levels, dtype):
    scores = np.random.default_rng(num_classes).normal(size=(25, num_classes)).astype(dtype)
    if levels:
        scores = np.round(scores * levels) / dtype(levels)
    classes, values = top_k_predictions(scores, top_k)
    assert classes.tolist() == slow_top_k(scores, top_k)
    assert values.dtype == dtype
    np.testing.assert_array_equal(values, np.take_along_axis(scores, classes, axis=1))


def test_rows_that_are_hard_to_narrow_down():
    rng = np.random.default_rng(0)
    num_classes = 3862
    ordinary = rng.random((6, num_classes), dtype=np.float32)
    constant = np.zeros((1, num_classes), np.float32)
    two_values = (rng.random((2, num_classes)) < 0.5).astype(np.float32)
    signed_zeros = np.where(rng.random((1, num_classes)) < 0.5, 0.0, -0.0).astype(np.float32)
    ascending = np.sort(ordinary[:1])
    one_group = np.zeros((1, num_classes), np.float32)
    one_group[0, ::241] = np.arange(1, 18)
    scores = np.concatenate([ordinary, constant, two_values, signed_zeros, ascending, ascending[:, ::-1], one_group])
    classes, _ = top_k_predictions(scores, 20)
    assert classes.tolist() == slow_top_k(scores, 20)
    only_hard, _ = top_k_predictions(scores[6:9], 20)
    assert only_hard.tolist() == slow_top_k(scores[6:9], 20)


def test_a_row_does_not_depend_on_the_others():
    scores = np.round(np.random.default_rng(1).normal(size=(2100, 400)) * 4).astype(np.float32)
    classes, values = top_k_predictions(scores, 20)
    for row in (0, 1023, 1024, 2099):
        alone_classes, alone_values = top_k_predictions(scores[row : row + 1], 20)
        np.testing.assert_array_equal(alone_classes[0], classes[row])
        np.testing.assert_array_equal(alone_values[0], values[row])


def test_no_rows_and_no_classes_give_empty_lists():
    assert top_k_predictions(np.empty((0, 50)), 20)[0].shape == (0, 20)
    assert top_k_predictions(np.empty((3, 0)), 20)[0].shape == (3, 0)


def test_refuses_what_it_cannot_rank():
    scores = np.zeros((2, 5), np.float32)
    scores[1, 4] = np.nan
    with pytest.raises(InputError, match=r"video 'b' \(row 1\): the score of class 4 is nan"):
        top_k_predictions(scores, 3, ids=["a", "b"])
    with pytest.raises(ValueError, match="top_k is 0"):
        top_k_predictions(scores[:1], 0)
    with pytest.raises(ValueError, match="must be"):
        top_k_predictions(scores[0], 3)
