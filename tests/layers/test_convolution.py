"""Dilated convolutions over frames, against the slow version."""

import numpy as np
import pytest
import slow_sequences
from keras import ops
from slow_layers import randomise

from yt8m.layers.convolution import DilatedConvolution

RANDOM = np.random.default_rng(51)
FRAMES = RANDOM.normal(size=(4, 7, 5)).astype(np.float32)
MASK = np.arange(7) < np.array([[7], [4], [1], [0]])

OFFSETS = [
    # kernel size, dilation, causal, and which frame each tap reads, counted from the output's
    (3, 1, True, [-2, -1, 0]),
    (3, 1, False, [-1, 0, 1]),
    (3, 2, True, [-4, -2, 0]),
    (3, 4, False, [-4, 0, 4]),
    (2, 1, True, [-1, 0]),
    (2, 1, False, [0, 1]),
    (2, 2, False, [-1, 1]),
    (4, 2, False, [-3, -1, 1, 3]),
    (3, 64, True, [-128, -64, 0]),
    (1, 1, True, [0]),
]


def built(layer):
    layer.build(FRAMES.shape, MASK.shape)
    return layer, randomise(layer, np.random.default_rng(52))


@pytest.mark.parametrize(("kernel_size", "dilation", "causal", "offsets"), OFFSETS)
def test_outputs_follow_the_formula(kernel_size, dilation, causal, offsets):
    layer, weights = built(DilatedConvolution(6, kernel_size, dilation, causal))
    expected = slow_sequences.each_video(
        lambda video: slow_sequences.convolution(video, weights, offsets), FRAMES, MASK
    )
    output = np.asarray(layer(FRAMES, MASK))
    np.testing.assert_allclose(output * MASK[:, :, None], expected, atol=1e-5)


@pytest.mark.parametrize("causal", [True, False])
def test_padding_is_not_read(causal):
    layer, _ = built(DilatedConvolution(6, 3, 2, causal))
    changed = np.where(MASK[:, :, None], FRAMES, 100.0).astype(np.float32)
    np.testing.assert_array_equal(layer(changed, MASK), layer(FRAMES, MASK))


def test_a_causal_convolution_reads_no_later_frame():
    layer, _ = built(DilatedConvolution(6, 3, 2, causal=True))
    everything, changed = np.ones_like(MASK), FRAMES.copy()
    changed[:, 4:] += 1.0
    differs = np.any(np.asarray(layer(changed, everything)) != np.asarray(layer(FRAMES, everything)), axis=(0, 2))
    np.testing.assert_array_equal(differs, [False] * 4 + [True] * 3)


def test_only_the_direction_of_the_kernel_matters():
    layer, _ = built(DilatedConvolution(6, 3))
    before = np.asarray(layer(FRAMES, MASK))
    layer.kernel.assign(layer.kernel * np.array([0.1, 1, 2, 3, 10, 100], np.float32))
    np.testing.assert_allclose(layer(FRAMES, MASK), before, atol=1e-5)


def test_outputs_start_about_as_large_as_he_s():
    """Half of what a ReLU lets through makes up for twice the variance."""
    layer = DilatedConvolution(256, 3)
    frames = np.random.default_rng(53).normal(size=(4, 64, 128)).astype(np.float32)
    output = np.maximum(layer(frames, np.ones((4, 64), bool)), 0)
    assert np.mean(output**2) == pytest.approx(1.0, abs=0.1)


def test_low_precision_stays_near():
    exact, _ = built(DilatedConvolution(6, 3, 2))
    low, _ = built(DilatedConvolution(6, 3, 2, dtype="mixed_bfloat16"))
    output = low(FRAMES, MASK)
    assert output.dtype.name == "bfloat16"
    np.testing.assert_allclose(ops.cast(output, "float32"), exact(FRAMES, MASK), atol=0.05)
