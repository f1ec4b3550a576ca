"""Attention over frames, against the slow versions."""

import numpy as np
import pytest
import slow_sequences
from keras import ops
from slow_layers import pooled, randomise

from yt8m.layers.attention import GatedAttention, SelfAttention, SinusoidalPositions

SIZE = 6
RANDOM = np.random.default_rng(41)
FRAMES = RANDOM.normal(size=(4, 5, SIZE)).astype(np.float32)
MASK = np.arange(5) < np.array([[5], [3], [1], [0]])
ANY_MASK = np.array([[0, 1, 0, 1, 1]] * 4, bool)


def built(layer):
    layer.build(FRAMES.shape, MASK.shape)
    return layer, randomise(layer, np.random.default_rng(42))


@pytest.mark.parametrize("mask", [MASK, ANY_MASK], ids=["first frames", "any"])
def test_gated_attention_follows_the_formula(mask):
    layer, weights = built(GatedAttention(3, 4))
    output = np.asarray(layer(FRAMES, mask))
    assert output.shape == (4, 3 * SIZE)
    for video, real, found in zip(FRAMES.astype(np.float64), mask, output, strict=True):
        expected = slow_sequences.gated_attention(video[real], weights) if real.any() else np.zeros(3 * SIZE)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_gated_attention_of_equal_frames_is_that_frame():
    layer, _ = built(GatedAttention(2, 4))
    output = layer(np.repeat(FRAMES[:, :1], 5, axis=1), np.ones((4, 5), bool))
    np.testing.assert_allclose(output, np.tile(FRAMES[:, 0], (1, 2)), atol=1e-6)


def test_gated_attention_without_scores_is_the_mean():
    layer, _ = built(GatedAttention(1, 4))
    layer.score.assign(np.zeros((1, 4)))
    means = pooled(lambda video: video.mean(axis=0), FRAMES.astype(np.float64), MASK)
    np.testing.assert_allclose(layer(FRAMES, MASK), means, atol=1e-6)


@pytest.mark.parametrize("mask", [MASK, ANY_MASK], ids=["first frames", "any"])
@pytest.mark.parametrize("num_heads", [1, 2, 3])
def test_self_attention_follows_the_formula(num_heads, mask):
    layer, weights = built(SelfAttention(num_heads))
    output = np.asarray(layer(FRAMES, mask))
    assert np.isfinite(output).all()
    for video, real, found in zip(FRAMES.astype(np.float64), mask, output, strict=True):
        if real.any():
            expected = slow_sequences.self_attention(video[real], weights, num_heads)
            np.testing.assert_allclose(found[real], expected, atol=1e-5)


def test_self_attention_ignores_padding():
    layer, _ = built(SelfAttention(2))
    changed = np.where(MASK[:, :, None], FRAMES, 100.0).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(layer(changed, MASK))[MASK], np.asarray(layer(FRAMES, MASK))[MASK])


def test_self_attention_alone_does_not_see_the_order():
    layer, _ = built(SelfAttention(2))
    order, everything = RANDOM.permutation(5), np.ones((4, 5), bool)
    shuffled = layer(FRAMES[:, order], everything)
    np.testing.assert_allclose(shuffled, np.asarray(layer(FRAMES, everything))[:, order], atol=1e-5)


def test_heads_must_divide_the_features():
    with pytest.raises(AssertionError, match="4 heads do not divide 6 features"):
        SelfAttention(4).build(FRAMES.shape)


def test_dropout_is_of_the_attention_in_training():
    layer, _ = built(SelfAttention(2, dropout=0.5))
    plain, _ = built(SelfAttention(2))
    np.testing.assert_array_equal(layer(FRAMES, MASK), plain(FRAMES, MASK))
    layer.output_kernel.assign(np.eye(SIZE))
    layer.output_bias.assign(np.zeros(SIZE))
    alone = np.asarray(layer(np.repeat(FRAMES[:, :1], 100, axis=0), np.ones((400, 1), bool), training=True))
    dropped = (alone.reshape(400, 2, 3) == 0).all(axis=-1)  # of one frame's only weight: all of a head, or nothing
    assert 0.4 < dropped.mean() < 0.6


@pytest.mark.parametrize("layer_class", [GatedAttention, SelfAttention])
@pytest.mark.parametrize("size", [1e-20, 80.0])
def test_attention_to_extreme_frames_is_finite(layer_class, size):
    arguments = {"num_heads": 2} | ({"num_units": 4} if layer_class is GatedAttention else {})
    for precision in ("float32", "mixed_bfloat16"):
        layer, _ = built(layer_class(**arguments, dtype=precision))
        output = layer((size * FRAMES).astype(np.float32), MASK)
        assert output.dtype.name == layer.compute_dtype
        assert np.isfinite(ops.cast(output, "float32")).all()


@pytest.mark.parametrize("layer_class", [GatedAttention, SelfAttention])
def test_attention_in_low_precision_stays_near(layer_class):
    arguments = {"num_heads": 2} | ({"num_units": 4} if layer_class is GatedAttention else {})
    exact, low = built(layer_class(**arguments))[0], built(layer_class(**arguments, dtype="mixed_bfloat16"))[0]
    np.testing.assert_allclose(ops.cast(low(FRAMES, MASK), "float32"), exact(FRAMES, MASK), atol=0.1)


@pytest.mark.parametrize("size", [6, 7, 1152])
def test_positions_follow_the_formula_at_the_length_of_a_normalised_frame(size):
    waves = np.asarray(SinusoidalPositions()(np.zeros((1, 300, size), np.float32)))[0]
    times = np.arange(300.0)
    np.testing.assert_allclose(waves[:, 0], np.sin(times) * (2 / size) ** 0.5, atol=1e-4)
    np.testing.assert_allclose(waves[:, 1], np.cos(times) * (2 / size) ** 0.5, atol=1e-4)
    np.testing.assert_allclose(waves[:, 4], np.sin(times / 10_000 ** (4 / size)) * (2 / size) ** 0.5, atol=1e-4)
    if size % 2 == 0:
        np.testing.assert_allclose(np.linalg.norm(waves, axis=1), 1.0, atol=1e-4)


def test_positions_are_added_whatever_the_number_of_frames():
    layer = SinusoidalPositions()
    np.testing.assert_allclose(layer(FRAMES) - FRAMES, np.tile(layer(np.zeros_like(FRAMES[:1])), (4, 1, 1)), atol=1e-6)
    np.testing.assert_allclose(layer(FRAMES[:, :2]), layer(FRAMES)[:, :2], atol=1e-6)
