"""Frames to one vector a video, against the slow versions."""

import keras
import numpy as np
import pytest
from keras import ops
from slow_layers import dequantise, pooled

from yt8m.layers.pooling import MaskedMax, MaskedMean, StoredMean
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


@pytest.mark.parametrize("layer", [MaskedMean(), MaskedMax()], ids=lambda layer: layer.name)
def test_no_mask_leaves_a_pooling(layer):
    frames, mask = keras.Input((None, 10)), keras.Input((None,), dtype="bool")
    assert getattr(layer(frames, mask), "_keras_mask", None) is None
