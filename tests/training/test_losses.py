"""The loss against a version that looks at every class of every video."""

import numpy as np
import pytest
import tensorflow as tf

from yt8m.training.losses import targets_and_weights, video_losses

NUM_CLASSES = 6
LABELS = np.array([[0, 3, -1, -1], [5, -1, -1, -1], [-1, -1, -1, -1], [2, 2, 2, 4]], np.int32)
LOGITS = np.random.default_rng(0).normal(0, 3, (4, NUM_CLASSES)).astype(np.float32)


def slow_loss(logits, labels, scores=None):
    """Cross-entropy of one video; with `scores`, over its rated classes alone."""
    total = 0.0
    for class_id, logit in enumerate(logits.astype(np.float64)):
        columns = [column for column, label in enumerate(labels) if label == class_id]
        if scores is None:
            present = bool(columns)
        elif not columns:
            continue
        else:
            present = any(scores[column] > 0.5 for column in columns)
        total += np.log1p(np.exp(-logit if present else logit))
    return total


def test_loss_is_the_cross_entropy_summed_over_classes():
    expected = [slow_loss(logits, labels) for logits, labels in zip(LOGITS, LABELS, strict=True)]
    np.testing.assert_allclose(video_losses(LOGITS, {"labels": LABELS}), expected, rtol=1e-5)


def test_targets_are_multi_hot_and_duplicates_count_once():
    targets, weights = targets_and_weights({"labels": LABELS}, NUM_CLASSES)
    expected = [[1, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 1, 0]]
    np.testing.assert_array_equal(targets, expected)
    assert targets.dtype == tf.float32
    assert weights is None


RATED = {
    "labels": np.array([[0, 3, -1], [1, -1, -1], [-1, -1, -1], [2, 4, 2]], np.int32),
    "label_scores": np.array([[1, 0, -1], [0, -1, -1], [-1, -1, -1], [0, 1, 1]], np.float32),
}


def test_only_rated_classes_of_a_segment_count():
    targets, weights = targets_and_weights(RATED, NUM_CLASSES)
    np.testing.assert_array_equal(
        targets, [[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 1, 0]]
    )
    np.testing.assert_array_equal(
        weights, [[1, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 1, 0]]
    )


def test_loss_of_rated_segments_ignores_the_unrated():
    expected = [slow_loss(*row) for row in zip(LOGITS, RATED["labels"], RATED["label_scores"], strict=True)]
    assert expected[2] == 0.0
    np.testing.assert_allclose(video_losses(LOGITS, RATED), expected, rtol=1e-5)
    logits = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(video_losses(logits, RATED))
    gradient = tape.gradient(loss, logits).numpy()
    _, weights = targets_and_weights(RATED, NUM_CLASSES)
    np.testing.assert_array_equal(gradient != 0, weights.numpy() != 0)


def test_extreme_logits_have_finite_losses():
    logits = np.array([[1e4, -1e4, 80, -80, 0, 0]] * 4, np.float32)
    losses = video_losses(logits, {"labels": LABELS}).numpy()
    assert np.isfinite(losses).all()
    assert losses[1] == pytest.approx(1e4 + 80 + 2 * np.log(2), rel=1e-6)  # class 0 is wrong, 2 too, 4 and 5 undecided


def test_losses_compile():
    compiled = tf.function(video_losses, jit_compile=True)
    for batch in ({"labels": LABELS}, RATED):
        np.testing.assert_allclose(compiled(tf.constant(LOGITS), batch), video_losses(LOGITS, batch), rtol=1e-5)
