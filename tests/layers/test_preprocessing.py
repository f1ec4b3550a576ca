"""From bytes to masked features."""

import numpy as np
import pytest
from keras import ops
from slow_layers import dequantise, frame_features

from yt8m.layers.pooling import StoredMean
from yt8m.layers.preprocessing import FrameFeatures, VectorScale

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (4, 6, 24), np.uint8)
AUDIO = RANDOM.integers(0, 256, (4, 6, 8), np.uint8)
NUM_FRAMES = np.array([6, 3, 1, 0], np.int32)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("streams", [[RGB, AUDIO], [RGB], [AUDIO]], ids=["both", "rgb", "audio"])
def test_frames_follow_the_formula(streams, normalise):
    frames, mask = FrameFeatures(normalise)(streams, NUM_FRAMES)
    expected, expected_mask = frame_features(streams, NUM_FRAMES, normalise)
    np.testing.assert_allclose(frames, expected, atol=1e-6)
    np.testing.assert_array_equal(mask, expected_mask)


def test_the_norm_is_over_all_features_together():
    frames, mask = FrameFeatures()([RGB, AUDIO], NUM_FRAMES)
    norms = np.linalg.norm(np.asarray(frames, np.float64), axis=-1)
    np.testing.assert_allclose(norms, np.asarray(mask, np.float64), atol=1e-6)


def test_padding_is_zero_whatever_the_bytes_are():
    frames, _ = FrameFeatures(normalise=False)([RGB], NUM_FRAMES)
    assert not np.any(np.asarray(frames)[1, 3:])
    assert not np.any(np.asarray(frames)[3])


def test_all_256_bytes_span_the_documented_range():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 1, 256)
    frames, _ = FrameFeatures(normalise=False)([levels], np.array([1], np.int32))
    np.testing.assert_allclose(frames, dequantise(levels), atol=1e-6)
    assert float(frames[0, 0, 0]) == pytest.approx(-1.9921875)
    assert float(frames[0, 0, 255]) == pytest.approx(2.0078125)


def test_frames_have_the_compute_dtype():
    frames, mask = FrameFeatures(dtype="mixed_bfloat16")([RGB, AUDIO], NUM_FRAMES)
    assert (frames.dtype.name, mask.dtype.name) == ("bfloat16", "bool")
    expected, _ = frame_features([RGB, AUDIO], NUM_FRAMES, normalise=True)
    np.testing.assert_allclose(ops.cast(frames, "float32"), expected, rtol=2**-8, atol=1e-6)


def test_unit_length_divides_by_the_norm_and_keeps_zero():
    vectors = np.array([[3.0, 4.0], [0.0, 0.0], [-1e-3, 0.0], [1e4, 1e4]], np.float32)
    expected = [[0.6, 0.8], [0.0, 0.0], [-1.0, 0.0], [0.5**0.5, 0.5**0.5]]
    np.testing.assert_allclose(VectorScale("l2")(vectors), expected, rtol=1e-5)
    np.testing.assert_allclose(VectorScale("rms")(vectors), np.multiply(expected, vectors.shape[1] ** 0.5), rtol=1e-5)


class TestOtherRanges:
    HALVES = RANDOM.normal(0, 1, (4, 6, 3)).astype(np.float16)
    FLOATS = RANDOM.normal(0, 1, (4, 6, 5)).astype(np.float32)

    def values(self) -> np.ndarray:
        """By the formula in docs/data-format.md: 255 steps from half a 512th above the lowest value."""
        rgb = RGB.astype(float) * 3.0 / 255 + 3.0 / 512 - 1.0
        return np.concatenate([rgb, self.FLOATS, dequantise(AUDIO), self.HALVES], axis=-1)

    def layer_and_mask(self, normalise):
        layer = FrameFeatures(normalise, [[-1.0, 2.0], None, [-2.0, 2.0], None])
        return layer, np.arange(6) < NUM_FRAMES[:, None]

    @pytest.mark.parametrize("normalise", [True, False])
    def test_each_stream_has_its_own(self, normalise):
        layer, expected_mask = self.layer_and_mask(normalise)
        for each in (layer, FrameFeatures.from_config(layer.get_config())):
            frames, mask = each([RGB, self.FLOATS, AUDIO, self.HALVES], NUM_FRAMES)
            expected = self.values() * expected_mask[:, :, None]
            if normalise:
                expected /= np.maximum(np.linalg.norm(expected, axis=-1, keepdims=True), 1e-6)
            np.testing.assert_allclose(frames, expected, atol=2e-6)
            np.testing.assert_array_equal(mask, expected_mask)

    def test_the_mean_of_stored_values(self):
        _, mask = self.layer_and_mask(False)
        layer = StoredMean([[-1.0, 2.0], None, [-2.0, 2.0], None])
        expected = (self.values() * mask[:, :, None]).sum(axis=1) / np.maximum(NUM_FRAMES, 1)[:, None]
        for each in (layer, StoredMean.from_config(layer.get_config())):
            streams = [np.where(mask[:, :, None], stream, 0) for stream in (RGB, self.FLOATS, AUDIO, self.HALVES)]
            np.testing.assert_allclose(each(streams, NUM_FRAMES), expected, atol=1e-5)
