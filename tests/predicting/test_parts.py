"""Parts: their digests, their classes, and the scale of their scores."""

import numpy as np
import pytest
from made_up import segments, sigmoid, videos

from yt8m.metrics.logits import log_probability, logit, probability
from yt8m.predicting import Part

LOGITS = np.array([-90, -20, -3.5, 0, 1e-3, 8, 30, 88], np.float32)


def test_the_scale_of_scores():
    np.testing.assert_allclose(probability(LOGITS), sigmoid(LOGITS), rtol=1e-6, atol=1e-38)
    np.testing.assert_allclose(log_probability(LOGITS), -np.log1p(np.exp(-LOGITS.astype(np.float64))), rtol=1e-6)
    np.testing.assert_allclose(logit(sigmoid(LOGITS[1:-2])), LOGITS[1:-2], rtol=1e-5, atol=1e-7)
    extremes = np.array([-6e4, 6e4], np.float32)
    assert probability(extremes).tolist() == [0, 1]
    assert np.isfinite(log_probability(extremes)).all()
    assert np.isfinite(logit(np.array([0.0, 1.0]))).all()
    for values in (probability(LOGITS), log_probability(LOGITS), logit(np.array([0.5]))):
        assert values.dtype == np.float32


def test_columns_of_some_classes():
    predictions = segments(classes=(1, 4, 2))
    part = predictions.read(0)
    np.testing.assert_array_equal(part.dense(predictions.description, np.array([2, 1])), part.logits[:, [2, 0]])
    np.testing.assert_array_equal(part.dense(predictions.description, np.array([1, 4, 2])), part.logits)


def test_a_class_that_was_not_kept_has_at_most_the_lowest_that_was():
    predictions = videos(num_classes=4, top_k=2)
    part = Part(np.array([b"a", b"b"]), np.array([[3, 1], [-1, -2]], np.float16), None, np.array([[2, 0], [1, 3]]))
    found = part.dense(predictions.description, np.arange(4))
    np.testing.assert_array_equal(found, [[1, 1, 3, 1], [-2, -1, -2, -2]])
    np.testing.assert_array_equal(part.dense(predictions.description, np.array([3, 2])), [[1, 3], [-2, -2]])


def test_the_digest_is_of_the_rows_and_their_order():
    ids, starts, logits = np.array([b"a", b"bc"]), np.array([0, 5], np.int32), np.zeros((2, 1))
    digest = Part(ids, logits, starts).digest
    assert Part(ids.astype("S2"), logits + 1, starts).digest == digest
    for other in (
        Part(ids[::-1], logits, starts),
        Part(ids, logits, starts + 5),
        Part(ids, logits),
        Part(np.array([b"a", b"bd"]), logits, starts),
        Part(np.array([b"ab", b"c"]), logits, starts),
    ):
        assert other.digest != digest


@pytest.mark.parametrize("width", [2, 4, 9])
def test_the_digest_does_not_depend_on_how_ids_are_held(width):
    part = Part(np.array([b"a", b"bc"], f"S{width}"), np.zeros((2, 1)))
    assert part.digest == Part(np.array([b"a", b"bc"]), np.zeros((2, 1))).digest


def test_names_of_rows():
    assert segments().read(0).names() == ["abcd:0", "abcd:5", "abcd:10", "ab:0"]
    assert videos().read(1).names() == ["efgh"]
