"""Soft bags of words, against the slow version."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from slow_layers import batch_norm, randomise, softmax

from yt8m.layers.bags import SoftBagOfWords
from yt8m.layers.normalisation import BatchNormalisation

RANDOM = np.random.default_rng(1)
FRAMES = RANDOM.normal(size=(4, 6, 10)).astype(np.float32)
NUM_FRAMES = np.array([6, 3, 1, 0], np.int32)
MASK = np.arange(6) < NUM_FRAMES[:, None]


def soft_bag_of_words(frames, mask, weights):
    """arXiv 1706.06905, section 3.1, frame by frame."""
    result = []
    for video, real in zip(np.asarray(frames, np.float64), mask, strict=True):
        counts = np.zeros(weights["assignment"].shape[1])
        for vector in video[real]:
            counts += softmax(batch_norm(vector @ weights["assignment"], weights))
        result.append(counts / (np.linalg.norm(counts) or 1))
    return np.stack(result)


@pytest.fixture
def words():
    layer = SoftBagOfWords(3)
    layer.build(FRAMES.shape, MASK.shape)
    return layer, randomise(layer, np.random.default_rng(2))


def test_words_are_counted_as_the_formula_says(words):
    layer, weights = words
    assert set(weights) == {"assignment", "gamma", "beta", "moving_mean", "moving_variance"}
    np.testing.assert_allclose(layer(FRAMES, MASK), soft_bag_of_words(FRAMES, MASK, weights), atol=1e-5)


def test_the_same_frames_twice_are_the_same_bag(words):
    twice = np.concatenate([FRAMES, FRAMES], axis=1), np.concatenate([MASK, MASK], axis=1)
    np.testing.assert_allclose(words[0](*twice), words[0](FRAMES, MASK), atol=1e-6)


def test_a_bag_has_no_negative_counts_and_norm_one_if_any(words):
    counts = np.asarray(words[0](FRAMES, MASK))
    assert np.all(counts >= 0)
    np.testing.assert_allclose(np.linalg.norm(counts, axis=1), [1, 1, 1, 0], atol=1e-6)


def test_words_are_normalised_with_the_real_frames_only_in_training(words):
    layer, weights = words
    scores = FRAMES[MASK].astype(np.float64) @ weights["assignment"]
    batch = weights | {"moving_mean": scores.mean(axis=0), "moving_variance": scores.var(axis=0)}
    np.testing.assert_allclose(layer(FRAMES, MASK, training=True), soft_bag_of_words(FRAMES, MASK, batch), atol=1e-5)


def test_a_bag_in_bfloat16_stays_near_over_many_frames(words):
    layer, weights = words
    frames = RANDOM.normal(size=(2, 300, 10)).astype(np.float32)  # long enough for a low-precision sum to drift
    mask = np.arange(300) < np.array([[300], [299]])
    low = SoftBagOfWords(3, dtype="mixed_bfloat16")
    low.build(frames.shape, mask.shape)
    low.set_weights(layer.get_weights())
    output = low(frames, mask)
    assert output.dtype.name == "bfloat16"
    np.testing.assert_allclose(ops.cast(output, "float32"), soft_bag_of_words(frames, mask, weights), atol=0.02)


def test_a_bag_folds_a_normalisation_of_its_frames_into_the_words(words):
    """The same counts, statistics and gradients as those of frames that were normalised before."""
    layer, _ = words
    folded = SoftBagOfWords(3)
    folded.build(FRAMES.shape, MASK.shape)
    folded.set_weights(layer.get_weights())
    before, within = BatchNormalisation(), BatchNormalisation(folded=True)
    found = []
    for bag, normalisation in ((layer, before), (folded, within)):
        normalisation.build(FRAMES.shape)
        normalisation.set_weights([np.linspace(0.5, 2, 10), np.linspace(-1, 1, 10), np.zeros(10), np.ones(10)])
        with tf.GradientTape() as tape:
            normalised = normalisation(FRAMES, mask=MASK, training=True)
            inputs = (FRAMES, MASK, *normalised) if bag is folded else (normalised, MASK)
            counts = bag(*inputs, training=True)
            loss = tf.reduce_sum(counts * np.arange(12.0).reshape(4, 3))
        weights = [each.value for each in (*normalisation.trainable_variables, *bag.trainable_variables)]
        found.append([counts, *tape.gradient(loss, weights), *bag.get_weights(), *normalisation.get_weights()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_a_bag_knows_its_shape_and_lets_no_mask_out():
    layer = SoftBagOfWords(3)
    assert layer.compute_output_shape((None, None, 10), (None, None)) == (None, 3)
    output = layer(keras.Input((None, 10)), keras.Input((None,), dtype="bool"))
    assert output.shape == (None, 3)
    assert getattr(output, "_keras_mask", None) is None
