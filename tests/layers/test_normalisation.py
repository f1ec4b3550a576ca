"""Batch normalisation against NumPy, and its statistics over two devices."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from yt8m.layers.normalisation import (
    BatchNormalisation,
    NormalisedProjection,
    batch_normalisation,
    synchronised_statistics,
)

SIZE = 6


def make_layer(**arguments):
    layer = BatchNormalisation(**arguments)
    layer.build((None, SIZE))
    random = np.random.default_rng(1)
    for variable in layer.weights:
        variable.assign(random.uniform(0.5, 1.5, SIZE).astype(np.float32))
    return layer


def make_frames(mean=0.3):
    random = np.random.default_rng(0)
    return random.normal(mean, 1.0, (3, 5, SIZE)).astype(np.float32), random.random((3, 5)) < 0.6


def normalised(layer, values, mean, variance):
    gamma, beta = (variable.numpy().astype(np.float64) for variable in (layer.gamma, layer.beta))
    return gamma * (values.astype(np.float64) - mean) / np.sqrt(variance + 1e-3) + beta


def test_prediction_uses_the_running_statistics():
    layer, (frames, mask) = make_layer(), make_frames()
    expected = normalised(layer, frames, layer.moving_mean.numpy(), layer.moving_variance.numpy())
    np.testing.assert_allclose(layer(frames, mask=mask), expected, atol=1e-5)
    np.testing.assert_allclose(layer(frames, training=False), expected, atol=1e-5)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("mean", [0.0, 30.0])
def test_training_uses_the_statistics_of_what_counts(masked, mean):
    layer, (frames, mask) = make_layer(), make_frames(mean)
    before = [layer.moving_mean.numpy(), layer.moving_variance.numpy()]
    rows = (frames[mask] if masked else frames.reshape(-1, SIZE)).astype(np.float64)
    found = layer(frames, training=True, mask=mask if masked else None)
    expected = normalised(layer, frames, rows.mean(axis=0), rows.var(axis=0))
    # Mean square less squared mean loses digits where the mean is far above the spread; 30 times still does well.
    np.testing.assert_allclose(found, expected, atol=1e-5 if mean == 0 else 2e-3)
    for variable, old, new in zip(
        (layer.moving_mean, layer.moving_variance), before, (rows.mean(0), rows.var(0)), strict=True
    ):
        np.testing.assert_allclose(variable, 0.95 * old + 0.05 * new, rtol=1e-4)


def test_equals_keras_s_layer_and_its_gradients():
    frames, mask = make_frames()
    ours, theirs = make_layer(), keras.layers.BatchNormalization(momentum=0.95)
    theirs.build((None, None, SIZE))
    theirs.set_weights(ours.get_weights())
    factor = tf.constant(np.random.default_rng(2).normal(size=frames.shape).astype(np.float32))
    results = []
    for layer in (ours, theirs):
        inputs = tf.constant(frames)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(inputs, training=True, mask=mask) * factor)
        weights = [variable.value for variable in layer.trainable_weights]
        results.append([*tape.gradient(loss, [inputs, *weights]), *layer.get_weights()])
    for our, their in zip(*results, strict=True):
        np.testing.assert_allclose(our, their, atol=1e-4)


def test_a_batch_of_padding_leaves_the_statistics_alone():
    layer, (frames, _) = make_layer(), make_frames()
    before = layer.get_weights()
    found = layer(frames, training=True, mask=np.zeros((3, 5), bool))
    assert np.isfinite(found).all()
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-6)


def test_layers_are_synchronised_where_the_block_says_so():
    with synchronised_statistics():
        assert batch_normalisation("bn").synchronised
        with synchronised_statistics(False):
            assert not batch_normalisation("bn").synchronised
    assert not batch_normalisation("bn").synchronised


def test_alone_synchronised_is_the_same():
    frames, mask = make_frames()
    plain, synchronised = make_layer(), make_layer(synchronised=True)
    np.testing.assert_array_equal(
        plain(frames, training=True, mask=mask), synchronised(frames, training=True, mask=mask)
    )


@pytest.mark.parametrize("training", [True, False])
def test_a_projection_of_normalised_frames_is_that_of_the_frames_made(training):
    """And so are its gradients, against Keras's layers one after the other."""
    frames, mask = make_frames()
    projection = NormalisedProjection(4)
    projection.build((None, None, SIZE))
    normalisation = keras.layers.BatchNormalization(momentum=0.95)
    normalisation.build((None, None, SIZE))
    random = np.random.default_rng(3)
    for variable in projection.normalisation.weights:
        variable.assign(random.uniform(0.5, 1.5, SIZE).astype(np.float32))
    normalisation.set_weights(projection.normalisation.get_weights())
    kernel = tf.Variable(projection.kernel.numpy())
    factor = tf.constant(random.normal(size=(*frames.shape[:2], 4)).astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        ours = projection(frames, mask, training=training)
        theirs = tf.matmul(normalisation(frames, mask=mask, training=training), kernel)
        sums = [tf.reduce_sum(values * factor) for values in (ours, theirs)]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    our_weights = [projection.kernel, projection.normalisation.gamma, projection.normalisation.beta]
    our_gradients = tape.gradient(sums[0], [weight.value for weight in our_weights])
    their_gradients = tape.gradient(sums[1], [kernel, normalisation.gamma.value, normalisation.beta.value])
    for our, their in zip(our_gradients, their_gradients, strict=True):
        np.testing.assert_allclose(our, their, atol=1e-4)
    np.testing.assert_allclose(
        np.concatenate(projection.normalisation.get_weights()), np.concatenate(normalisation.get_weights()), atol=1e-5
    )
