"""Vectors to logits."""

import numpy as np
import pytest
import tensorflow as tf
from slow_layers import mixture_of_experts, randomise

from yt8m.layers.heads import LogisticHead, MixtureOfExpertsHead, mixture_logits

NUM_CLASSES, SIZE = 5, 9
INPUTS = np.random.default_rng(7).normal(0.0, 1.0, (8, SIZE)).astype(np.float32)
HEADS = [LogisticHead(NUM_CLASSES), MixtureOfExpertsHead(NUM_CLASSES, 2), MixtureOfExpertsHead(NUM_CLASSES, 4)]


def built(layer):
    layer.build((None, SIZE))
    return layer, randomise(layer, np.random.default_rng(8))


def expected_probabilities(inputs, weights, num_mixtures):
    # The kernel's columns lie plane by plane: M gates, the dummy's gate, M experts; each plane has C columns.
    planes = weights["kernel"].reshape(SIZE, 2 * num_mixtures + 1, NUM_CLASSES).transpose(1, 0, 2)
    gates, experts = planes[: num_mixtures + 1], planes[num_mixtures + 1 :]
    return mixture_of_experts(inputs.astype(np.float64), gates, experts, weights["expert_bias"])


def test_logistic_is_a_linear_map():
    layer, weights = built(LogisticHead(NUM_CLASSES))
    np.testing.assert_allclose(layer(INPUTS), INPUTS @ weights["kernel"] + weights["bias"], atol=1e-5)


@pytest.mark.parametrize("num_mixtures", [1, 2, 4])
def test_mixture_of_experts_follows_the_formula(num_mixtures):
    layer, weights = built(MixtureOfExpertsHead(NUM_CLASSES, num_mixtures))
    present, absent = expected_probabilities(INPUTS, weights, num_mixtures)
    np.testing.assert_allclose(present + absent, 1.0)
    np.testing.assert_allclose(1 / (1 + np.exp(-np.asarray(layer(INPUTS), np.float64))), present, atol=1e-6)


def test_mixture_of_experts_is_exact_at_extreme_logits():
    layer, weights = built(MixtureOfExpertsHead(NUM_CLASSES, 2))
    inputs = 20 * INPUTS
    present, absent = expected_probabilities(inputs, weights, 2)
    expected = np.log(present) - np.log(absent)
    assert np.abs(expected).max() > 40  # far beyond where float32 probabilities are 0 or 1
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-4, atol=1e-4)


def mixture_in_numpy(product, bias):
    """The logits by their definition, in float64: product [B, 2 M + 1, C] and bias [M, C] to [B, C]."""
    num_mixtures = len(bias)
    experts = product[:, num_mixtures + 1 :] + bias
    gates = np.exp(product[:, : num_mixtures + 1])
    sigmoids = 1 / (1 + np.exp(-experts))
    present = (gates[:, :num_mixtures] * sigmoids).sum(axis=1)
    return np.log(present) - np.log(gates[:, num_mixtures] + (gates[:, :num_mixtures] * (1 - sigmoids)).sum(axis=1))


@pytest.mark.parametrize("num_mixtures", [1, 2, 5])
def test_the_gradient_of_a_mixture_is_that_of_its_definition(num_mixtures):
    """By central differences of the definition, in float64."""
    random = np.random.default_rng(11)
    product = random.normal(0.0, 2.0, (3, 2 * num_mixtures + 1, NUM_CLASSES))
    bias, upstream = random.normal(0.0, 2.0, (num_mixtures, NUM_CLASSES)), random.normal(size=(3, NUM_CLASSES))
    flat = [tf.constant(product.reshape(3, -1)), tf.constant(bias)]
    with tf.GradientTape() as tape:
        tape.watch(flat)
        logits = mixture_logits(*flat)
    found = tape.gradient(logits, flat, output_gradients=tf.constant(upstream))
    np.testing.assert_allclose(logits, mixture_in_numpy(product, bias), rtol=1e-12, atol=1e-12)
    for place, (values, gradient) in enumerate(zip((product, bias), found, strict=True)):
        expected = np.empty(values.size)
        for index in range(values.size):
            sides = []
            for step in (1e-6, -1e-6):
                moved = [product.copy(), bias.copy()]
                moved[place].flat[index] += step
                sides.append((mixture_in_numpy(*moved) * upstream).sum())
            expected[index] = (sides[0] - sides[1]) / 2e-6
        np.testing.assert_allclose(np.ravel(gradient), expected, rtol=1e-6, atol=1e-8)


def test_gradients_of_extreme_mixtures_are_finite():
    product = tf.constant([[-3e4, 3e4, 0.0, 2e4, -2e4], [200.0, -200.0, 100.0, -150.0, 150.0]])
    bias = tf.zeros([2, 1])
    with tf.GradientTape() as tape:
        tape.watch([product, bias])
        logits = mixture_logits(product, bias)
    assert all(np.isfinite(values).all() for values in (logits, *tape.gradient(logits, [product, bias])))


def test_the_gates_have_no_bias():
    """With no input every gate is 1 / (M + 1), whatever the weights."""
    layer, weights = built(MixtureOfExpertsHead(NUM_CLASSES, 2))
    probabilities = 1 / (1 + np.exp(-np.asarray(layer(np.zeros((1, SIZE), np.float32)), np.float64)))
    experts = 1 / (1 + np.exp(-weights["expert_bias"]))
    np.testing.assert_allclose(probabilities[0], experts.sum(axis=0) / 3, rtol=1e-5)


@pytest.mark.parametrize("head", HEADS, ids=["logistic", "moe2", "moe4"])
def test_low_precision_rounds_what_a_head_gets_and_nothing_else(head):
    """In bfloat16 the products, about 3, would be off by 0.01; and two classes this alike would be one."""
    low, weights = built(type(head).from_config(head.get_config() | {"dtype": "mixed_bfloat16"}))
    exact, _ = built(type(head).from_config(head.get_config()))
    kernel = weights["kernel"].reshape(SIZE, -1, NUM_CLASSES)
    kernel[:, :, 1] = kernel[:, :, 0] * 1.0001
    for layer in (low, exact):
        layer.kernel.assign(kernel.reshape(SIZE, -1))
        for bias in (weight for weight in layer.weights if weight is not layer.kernel):
            bias.assign(np.zeros(bias.shape))
    inputs = tf.cast(INPUTS, tf.bfloat16)
    logits = low(inputs).numpy()
    np.testing.assert_allclose(logits, exact(tf.cast(inputs, tf.float32)), atol=1e-5)
    assert logits.dtype == np.float32
    assert np.all(logits[:, 0] != logits[:, 1])
    np.testing.assert_allclose(logits[:, 0], logits[:, 1], atol=1e-2)


@pytest.mark.parametrize("head", HEADS, ids=["logistic", "moe2", "moe4"])
def test_only_products_in_training_are_rounded_in_low_precision(head):
    """Inputs, matrix and product each to 8 bits; the gradient of the matrix, too, and biases not at all."""
    low, _ = built(type(head).from_config(head.get_config() | {"dtype": "mixed_bfloat16"}))
    exact, _ = built(type(head).from_config(head.get_config()))
    rounded, found = tf.cast(INPUTS, tf.bfloat16), []
    for layer in (low, exact):
        with tf.GradientTape() as tape:
            logits = layer(tf.cast(rounded, layer.compute_dtype), training=True)
            loss = tf.reduce_sum(logits)
        weights = [weight.value for weight in layer.trainable_variables]
        found.append([logits, *tape.gradient(loss, weights)])
        assert logits.dtype == tf.float32
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=0.02, atol=0.02 * np.abs(other).max())
    assert np.any(found[0][0] != found[1][0])
    np.testing.assert_array_equal(low(rounded), exact(tf.cast(rounded, tf.float32)))


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("size", [80.0, 1e4])
@pytest.mark.parametrize("head", HEADS, ids=["logistic", "moe2", "moe4"])
def test_logits_of_extreme_inputs_are_finite_float32(head, size, precision):
    layer, _ = built(type(head).from_config(head.get_config() | {"dtype": precision}))
    output = layer(np.sign(INPUTS) * np.float32(size))
    assert output.dtype.name == "float32"
    assert np.isfinite(output).all()


@pytest.mark.parametrize("head", HEADS, ids=["logistic", "moe2", "moe4"])
def test_the_penalty_is_half_the_sum_of_squares_of_the_matrix_alone(head):
    layer, weights = built(type(head).from_config(head.get_config() | {"l2": 0.3}))
    layer(INPUTS)
    (penalty,) = layer.losses
    assert float(penalty) == pytest.approx(0.15 * (weights["kernel"] ** 2).sum(), rel=1e-5)


@pytest.mark.parametrize("head", HEADS, ids=["logistic", "moe2", "moe4"])
def test_no_penalty_without_l2(head):
    layer, _ = built(type(head).from_config(head.get_config()))
    layer(INPUTS)
    assert layer.losses == []
