"""LSTM and GRU: their states against the slow versions, their gradients against Keras's own layers."""

import keras
import numpy as np
import pytest
import slow_sequences
import tensorflow as tf
from keras import ops
from slow_layers import randomise

from yt8m.layers.recurrent import GRU, LSTM

SIZE, NUM_UNITS = 5, 3
RANDOM = np.random.default_rng(21)
FRAMES = RANDOM.normal(size=(4, 6, SIZE)).astype(np.float32)
MASK = np.arange(6) < np.array([[6], [3], [1], [0]])
UPSTREAM = RANDOM.normal(size=(4, 6, NUM_UNITS)).astype(np.float32)

SLOW = {LSTM: slow_sequences.lstm_states, GRU: slow_sequences.gru_states}

each_layer = pytest.mark.parametrize("layer_class", SLOW)
each_direction = pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])


def built(layer, seed=22):
    layer.build(FRAMES.shape, MASK.shape)
    return layer, randomise(layer, np.random.default_rng(seed))


def keras_layer(layer):
    """Keras's own layer with the same weights. Read backwards, its outputs are in the order it made them."""
    options = {"return_sequences": True, "go_backwards": layer.backwards, "zero_output_for_mask": True}
    if isinstance(layer, LSTM):
        other = keras.layers.LSTM(layer.num_units, use_cudnn=False, **options)
    else:
        other = keras.layers.GRU(layer.num_units, use_cudnn=False, reset_after=False, **options)
    other.build(FRAMES.shape)
    other.set_weights(layer.get_weights())
    return other


def gradients(layer, frames, mask, upstream):
    """Of the frames and of every weight, for that of the states."""
    frames = tf.convert_to_tensor(frames)
    with tf.GradientTape() as tape:
        tape.watch(frames)
        loss = tf.reduce_sum(tf.cast(layer(frames, mask=tf.constant(mask)), tf.float32) * upstream)
    return tape.gradient(loss, [frames, *(weight.value for weight in layer.trainable_weights)])


@each_direction
@each_layer
def test_states_follow_the_formula(layer_class, backwards):
    layer, weights = built(layer_class(NUM_UNITS, backwards=backwards))

    def states_of(video):
        if backwards:
            return SLOW[layer_class](video[::-1], weights)[::-1]
        return SLOW[layer_class](video, weights)

    expected = slow_sequences.each_video(states_of, FRAMES, MASK)
    np.testing.assert_allclose(layer(FRAMES, MASK), expected, atol=1e-6)


@each_direction
@each_layer
def test_gradients_are_those_that_keras_finds_by_differentiating(layer_class, backwards):
    layer, _ = built(layer_class(NUM_UNITS, backwards=backwards))
    upstream = UPSTREAM * MASK[:, :, None]
    found = gradients(layer, FRAMES, MASK, upstream)
    expected = gradients(keras_layer(layer), FRAMES, MASK, upstream[:, ::-1] if backwards else upstream)
    for gradient, wanted in zip(found, expected, strict=True):
        assert np.abs(wanted).max() > 0.1
        np.testing.assert_allclose(gradient, wanted, atol=1e-5)


@each_layer
def test_xla_compiles_the_gradients(layer_class):
    layer, _ = built(layer_class(NUM_UNITS, backwards=True))
    compiled = tf.function(lambda frames: gradients(layer, frames, MASK, UPSTREAM), jit_compile=True)
    expected = gradients(layer, FRAMES, MASK, UPSTREAM)
    for gradient, wanted in zip(compiled(tf.constant(FRAMES)), expected, strict=True):
        np.testing.assert_allclose(gradient, wanted, atol=1e-5)


@each_direction
@each_layer
def test_padding_has_no_state_and_no_gradient(layer_class, backwards):
    layer, _ = built(layer_class(NUM_UNITS, backwards=backwards))
    assert not np.any(np.asarray(layer(FRAMES, MASK))[~MASK])
    of_frames, *_ = gradients(layer, FRAMES, MASK, np.ones_like(UPSTREAM))
    assert not np.any(np.asarray(of_frames)[~MASK])
    assert np.all(np.any(np.asarray(of_frames)[MASK], axis=-1))


@each_layer
def test_only_padding_gives_zeros_and_gradients_of_zero(layer_class):
    layer, _ = built(layer_class(NUM_UNITS))
    for gradient in gradients(layer, FRAMES, np.zeros_like(MASK), UPSTREAM):
        assert not np.any(gradient)


@each_layer
def test_a_layer_that_reads_backwards_starts_at_the_last_real_frame(layer_class):
    layer, _ = built(layer_class(NUM_UNITS, backwards=True))
    alone = layer(FRAMES[1:2, :3], np.ones((1, 3), bool))
    np.testing.assert_allclose(np.asarray(layer(FRAMES, MASK))[1, :3], alone[0], atol=1e-6)


def test_gates_remember_at_first():
    lstm, gru = LSTM(2), GRU(2)
    for layer in (lstm, gru):
        layer.build((None, None, 4))
    np.testing.assert_array_equal(lstm.bias, [0, 0, 1, 1, 0, 0, 0, 0])  # entry, forget, candidate, output
    np.testing.assert_array_equal(gru.bias, [1, 1, 1, 1, 0, 0])  # update, reset, candidate


def test_a_long_video_adds_up_in_low_precision():
    """300 frames that add 2 ** -9 each; a bfloat16 cell would stand still at a half, whose neighbour is 2 ** -8 away."""
    layer = LSTM(1, dtype="mixed_bfloat16")
    layer.build((None, None, 1))
    layer.set_weights([np.zeros((1, 4)), np.zeros((1, 4)), np.array([30.0, 30.0, 2.0**-9, 30.0])])
    states = tf.function(layer)(tf.zeros((1, 300, 1)), tf.ones((1, 300), tf.bool))
    assert states.dtype.name == "bfloat16"
    assert float(states[0, -1, 0]) == pytest.approx(np.tanh(300 / 512), rel=0.01)


@each_layer
def test_low_precision_stays_near(layer_class):
    layer, _ = built(layer_class(NUM_UNITS))
    low, _ = built(layer_class(NUM_UNITS, dtype="mixed_bfloat16"))
    low.set_weights(layer.get_weights())
    np.testing.assert_allclose(ops.cast(low(FRAMES, MASK), "float32"), layer(FRAMES, MASK), atol=0.03)
    for gradient, wanted in zip(
        gradients(low, FRAMES, MASK, UPSTREAM), gradients(layer, FRAMES, MASK, UPSTREAM), strict=True
    ):
        assert gradient.dtype == tf.float32
        np.testing.assert_allclose(gradient, wanted, atol=0.05 * np.abs(wanted).max())
