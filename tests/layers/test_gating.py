"""Context gating of vectors and of probabilities."""

import numpy as np
import pytest
from keras import ops
from slow_layers import batch_norm, context_gating, randomise, sigmoid, softmax

from yt8m.layers.gating import BranchMixture, ContextGating, ProbabilityGating, SqueezeExcitationGating

RANDOM = np.random.default_rng(5)
INPUTS = RANDOM.normal(0.0, 2.0, (16, 7)).astype(np.float32)


def built(layer):
    layer.build((None, 7))
    return layer, randomise(layer, np.random.default_rng(6))


def test_context_gating_follows_the_formula():
    layer, weights = built(ContextGating())
    assert set(weights) == {"kernel", "gamma", "beta", "moving_mean", "moving_variance"}
    np.testing.assert_allclose(layer(INPUTS), context_gating(INPUTS.astype(np.float64), weights), atol=1e-5)


def test_context_gating_normalises_with_the_batch_in_training():
    layer, weights = built(ContextGating())
    scores = INPUTS.astype(np.float64) @ weights["kernel"]
    batch = weights | {"moving_mean": scores.mean(axis=0), "moving_variance": scores.var(axis=0)}
    expected = context_gating(INPUTS.astype(np.float64), batch)
    np.testing.assert_allclose(layer(INPUTS, training=True), expected, atol=1e-5)


def test_probability_gating_multiplies_the_probabilities():
    layer, weights = built(ProbabilityGating())
    probabilities = sigmoid(INPUTS)
    expected = context_gating(probabilities, weights)
    np.testing.assert_allclose(sigmoid(layer(INPUTS)), expected, atol=1e-6)


def test_a_gate_never_raises_a_probability():
    layer, _ = built(ProbabilityGating())
    assert np.all(np.asarray(layer(INPUTS)) <= INPUTS + 1e-5)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("size", [80.0, 1e4])
def test_probability_gating_of_extreme_logits_is_finite(precision, size):
    layer, _ = built(ProbabilityGating(dtype=precision))
    logits = np.where(RANDOM.random((16, 7)) < 0.5, -size, size).astype(np.float32)
    output = layer(logits)
    assert output.dtype.name == "float32"
    assert np.isfinite(output).all()


def test_probability_gating_is_exact_where_probabilities_vanish():
    """log q = log p + log g holds down to p = e**-80, where p and q - 1 are not representable side by side."""
    layer, weights = built(ProbabilityGating())
    logits = np.full((1, 7), -80.0, np.float32)
    gates = sigmoid(batch_norm(sigmoid(logits) @ weights["kernel"], weights))
    np.testing.assert_allclose(layer(logits), -80.0 + np.log(gates), rtol=1e-5)
    # At the other end 1 - q = 1 - g: a certain class is left with its gate.
    certain = np.full((1, 7), 80.0, np.float32)
    gates = sigmoid(batch_norm(sigmoid(certain) @ weights["kernel"], weights))
    np.testing.assert_allclose(layer(certain), np.log(gates / (1 - gates)), rtol=1e-4, atol=1e-5)


def test_probability_gating_in_bfloat16_keeps_the_logits_apart():
    """Logits are float32 whatever the precision; rounded to bfloat16 these would be one, and their videos tied."""
    layer = ProbabilityGating(dtype="mixed_bfloat16")
    layer.build((None, 1))
    layer.kernel.assign([[0.0]])  # or luck would have its say in the gates
    gated = np.asarray(layer(np.array([[-3.001], [-3.0015], [-3.004]], np.float32))).ravel()
    np.testing.assert_allclose(np.diff(gated), [-0.0005, -0.0025], rtol=0.05)


def test_probability_gating_in_bfloat16_is_exact():
    layer, low = ProbabilityGating(), ProbabilityGating(dtype="mixed_bfloat16")
    logits = np.random.default_rng(3).normal(-5.0, 2.0, (4, 6)).astype(np.float32)
    expected = layer(logits)
    low(logits)
    low.set_weights(layer.get_weights())
    np.testing.assert_allclose(low(logits), expected, atol=1e-5)


def test_context_gating_in_bfloat16_stays_near():
    layer, weights = built(ContextGating(dtype="mixed_bfloat16"))
    output = layer(INPUTS)
    assert output.dtype.name == "bfloat16"
    expected = context_gating(INPUTS.astype(np.float64), weights)
    np.testing.assert_allclose(ops.cast(output, "float32"), expected, atol=0.1)


def test_squeeze_and_excitation_follows_the_formula():
    layer, weights = built(SqueezeExcitationGating(reduction=3))
    assert weights["squeeze"].shape == (7, 2)
    squeezed = np.maximum(batch_norm(INPUTS.astype(np.float64) @ weights["squeeze"], weights), 0.0)
    expected = INPUTS * sigmoid(squeezed @ weights["excitation"] + weights["bias"])
    np.testing.assert_allclose(layer(INPUTS), expected, atol=1e-5)


def test_squeeze_and_excitation_keeps_one_unit_at_least():
    layer, weights = built(SqueezeExcitationGating(reduction=8))
    assert weights["squeeze"].shape == (7, 1)
    assert layer(INPUTS).shape == INPUTS.shape


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_mixture_of_branches_weighs_their_logits(precision):
    layer = BranchMixture(dtype=precision)
    branches = [RANDOM.normal(size=(16, 5)).astype(np.float32) for _ in range(3)]
    layer(INPUTS, branches)
    weights = randomise(layer, np.random.default_rng(6))
    scores = batch_norm(INPUTS.astype(np.float64), weights) @ weights["kernel"] + weights["bias"]
    shares = softmax(scores)
    expected = sum(shares[:, [branch]] * logits for branch, logits in enumerate(branches))
    output = layer(INPUTS, branches)
    assert output.dtype.name == "float32"
    np.testing.assert_allclose(output, expected, atol=1e-5)
