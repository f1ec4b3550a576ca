"""Products with matrices that are much larger than the batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from yt8m.layers.products import Dense
from yt8m.runs.weights import load_weights, save_weights

RANDOM = np.random.default_rng(3)
INPUTS, OUTER = (RANDOM.normal(size=shape).astype(np.float32) for shape in ((4, 7), (4, 11)))


def built(kind, **settings):
    layer = kind(11, bias_initializer="random_normal", **settings)
    layer.build((None, 7))
    return layer


def gradients(layer):
    """Of the sum of the outputs, each times its number in `OUTER`: to the inputs, the kernel and the bias."""
    inputs = tf.Variable(INPUTS)
    with tf.GradientTape() as tape:
        outputs = layer(inputs, training=True)
        loss = tf.reduce_sum(tf.cast(outputs, "float32") * OUTER)
    return outputs, tape.gradient(loss, [inputs, *(variable.value for variable in layer.trainable_variables)])


def test_values_and_gradients_are_those_of_a_linear_map():
    layer = built(Dense)
    outputs, (of_inputs, of_kernel, of_bias) = gradients(layer)
    kernel, bias = (each.astype(np.float64) for each in layer.get_weights())
    np.testing.assert_allclose(outputs, INPUTS @ kernel + bias, atol=1e-5)
    np.testing.assert_allclose(of_inputs, OUTER @ kernel.T, atol=1e-5)
    np.testing.assert_allclose(of_kernel, INPUTS.T @ OUTER, atol=1e-5)
    np.testing.assert_allclose(of_bias, OUTER.sum(axis=0), atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("settings", [{"use_bias": False}, {"activation": "relu"}], ids=["no bias", "relu"])
def test_it_is_keras_s_in_every_precision(precision, settings):
    ours, keras_s = (built(kind, dtype=precision, **settings) for kind in (Dense, keras.layers.Dense))
    ours.set_weights(keras_s.get_weights())
    (outputs, found), (of_keras, expected) = gradients(ours), gradients(keras_s)
    assert outputs.dtype == of_keras.dtype == keras_s.compute_dtype
    tolerance = 1e-5 if precision == "float32" else 0.05  # bfloat16 has three digits
    for one, other in zip([outputs, *found], [of_keras, *expected], strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(tf.cast(one, "float32"), tf.cast(other, "float32"), atol=tolerance)


def test_it_loads_weights_of_keras_s(tmp_path):
    def model(kind):
        inputs = keras.Input((7,))
        return keras.Model(inputs, keras.layers.Dense(3)(kind(11, name="hidden")(inputs)))

    saved, loaded = model(keras.layers.Dense), model(Dense)
    save_weights(saved, tmp_path / "old.weights.h5")
    load_weights(loaded, tmp_path / "old.weights.h5")
    for one, other in zip(saved.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
