"""Frames to one vector a video, against the slow versions."""

import keras
import numpy as np
import pytest
from keras import ops
from slow_layers import dequantise, netvlad, pooled, randomise

from yt8m.layers.pooling import MaskedMax, MaskedMean, NetVLAD, StoredMean
from yt8m.layers.preprocessing import FrameFeatures

RANDOM = np.random.default_rng(1)
FRAMES = RANDOM.normal(size=(4, 6, 10)).astype(np.float32)
NUM_FRAMES = np.array([6, 3, 1, 0], np.int32)
MASK = np.arange(6) < NUM_FRAMES[:, None]
STORED = [RANDOM.integers(0, 256, (4, 6, size), np.uint8) for size in (24, 8)]

SIMPLE = {MaskedMean: lambda video: video.mean(axis=0), MaskedMax: lambda video: video.max(axis=0)}


@pytest.mark.parametrize("layer_class", SIMPLE)
def test_simple_poolings_follow_the_formula(layer_class):
    expected = pooled(SIMPLE[layer_class], FRAMES.astype(np.float64), MASK)
    np.testing.assert_allclose(layer_class()(FRAMES, MASK), expected, atol=1e-6)


@pytest.mark.parametrize("layer_class", SIMPLE)
def test_simple_poolings_take_any_mask(layer_class):
    mask = np.array([[0, 1, 0, 0, 1, 0]] * 4, bool)
    expected = pooled(SIMPLE[layer_class], FRAMES.astype(np.float64), mask)
    np.testing.assert_allclose(layer_class()(FRAMES, mask), expected, atol=1e-6)


def test_the_maximum_of_negative_values_is_negative():
    np.testing.assert_array_equal(MaskedMax()(-np.ones((1, 3, 2), np.float32), np.array([[True, False, False]])), -1.0)


@pytest.mark.parametrize("layer_class", SIMPLE)
def test_simple_poolings_in_bfloat16_stay_near(layer_class):
    frames = RANDOM.normal(1.0, 1.0, (2, 300, 16)).astype(np.float32)  # long enough for a low-precision sum to drift
    mask = np.arange(300) < np.array([[300], [299]])
    output = layer_class(dtype="mixed_bfloat16")(frames, mask)
    assert output.dtype.name == "bfloat16"
    expected = pooled(SIMPLE[layer_class], frames.astype(np.float64), mask)
    np.testing.assert_allclose(ops.cast(output, "float32"), expected, rtol=0.02, atol=0.01)


@pytest.mark.parametrize("streams", [STORED, STORED[:1]], ids=["two", "one"])
def test_the_stored_mean_is_the_mean_of_the_dequantised_frames(streams):
    result = StoredMean()(streams, NUM_FRAMES)
    frames = np.concatenate([dequantise(stream) for stream in streams], axis=-1)
    np.testing.assert_allclose(result, pooled(SIMPLE[MaskedMean], frames, MASK), atol=1e-5)
    np.testing.assert_allclose(result, MaskedMean()(*FrameFeatures(normalise=False)(streams, NUM_FRAMES)), atol=1e-5)


def test_the_stored_mean_of_a_long_video_is_exact_enough():
    stored = RANDOM.integers(0, 256, (1, 300, 16), np.uint8)
    result = StoredMean()([stored], np.array([300], np.int32))
    np.testing.assert_allclose(result, dequantise(stored).mean(axis=1), atol=1e-5)


@pytest.fixture
def vlad():
    layer = NetVLAD(3)
    layer.build(FRAMES.shape, MASK.shape)
    return layer, randomise(layer, np.random.default_rng(2))


def test_netvlad_follows_the_formula(vlad):
    layer, weights = vlad
    assert set(weights) == {"assignment", "centres", "gamma", "beta", "moving_mean", "moving_variance"}
    output = layer(FRAMES, MASK)
    np.testing.assert_allclose(output, netvlad(FRAMES, MASK, weights), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(output, axis=1), [1, 1, 1, 0], atol=1e-5)


def test_netvlad_gives_every_cluster_the_same_share_of_the_norm(vlad):
    blocks = np.asarray(vlad[0](FRAMES, MASK)).reshape(4, 3, 10)
    np.testing.assert_allclose(np.linalg.norm(blocks[:3], axis=-1), 3**-0.5, atol=1e-5)


def test_netvlad_does_not_depend_on_the_order_of_the_frames(vlad):
    order = np.random.default_rng(3).permutation(6)
    shuffled = vlad[0](FRAMES[:, order], MASK[:, order])
    np.testing.assert_allclose(shuffled, vlad[0](FRAMES, MASK), atol=1e-6)


def test_netvlad_normalises_with_the_real_frames_only_in_training():
    layer = NetVLAD(3)
    layer.build(FRAMES.shape, MASK.shape)
    weights = randomise(layer, np.random.default_rng(4))
    scores = FRAMES[MASK].astype(np.float64) @ weights["assignment"]
    batch = weights | {"moving_mean": scores.mean(axis=0), "moving_variance": scores.var(axis=0)}
    np.testing.assert_allclose(layer(FRAMES, MASK, training=True), netvlad(FRAMES, MASK, batch), atol=1e-5)
    momentum = layer.assignment_normalisation.momentum
    moving = momentum * weights["moving_mean"] + (1 - momentum) * scores.mean(axis=0)
    np.testing.assert_allclose(layer.assignment_normalisation.moving_mean, moving, atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_netvlad_of_extreme_frames_is_finite(precision):
    layer = NetVLAD(3, dtype=precision)
    layer.build(FRAMES.shape, MASK.shape)
    frames = np.stack([np.full((6, 10), value, np.float32) for value in (0.0, 80.0, -80.0, 1e-20)])
    output = np.asarray(ops.cast(layer(frames, np.ones((4, 6), bool)), "float32"))
    assert np.isfinite(output).all()
    assert np.all(np.linalg.norm(output, axis=1) < 1.02)


def test_netvlad_in_bfloat16_stays_near(vlad):
    layer, weights = vlad
    low = NetVLAD(3, dtype="mixed_bfloat16")
    low.build(FRAMES.shape, MASK.shape)
    low.set_weights(layer.get_weights())
    output = low(FRAMES, MASK)
    assert output.dtype.name == "bfloat16"
    np.testing.assert_allclose(ops.cast(output, "float32"), netvlad(FRAMES, MASK, weights), atol=0.03)


@pytest.mark.parametrize("layer", [MaskedMean(), MaskedMax(), NetVLAD(3)], ids=lambda layer: layer.name)
def test_no_mask_leaves_a_pooling(layer):
    frames, mask = keras.Input((None, 10)), keras.Input((None,), dtype="bool")
    assert getattr(layer(frames, mask), "_keras_mask", None) is None


def test_netvlad_knows_its_shape():
    layer = NetVLAD(3)
    assert layer.compute_output_shape((None, None, 10), (None, None)) == (None, 30)
    assert layer(keras.Input((None, 10)), keras.Input((None,), dtype="bool")).shape == (None, 30)
