"""Poolings around learned centres, against slow versions; the models' tests compare prediction with the papers too."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from slow_layers import BATCH_NORM_EPSILON, sigmoid, softmax

from yt8m.layers.vlad import NetFisherVector, NetRVLAD, NetVLAD, NeXtVLAD, unit_clusters

RANDOM = np.random.default_rng(1)
SIZE, CLUSTERS = 10, 3
FRAMES = RANDOM.normal(0.5, 1.0, size=(4, 6, SIZE)).astype(np.float32)
NUM_FRAMES = np.array([6, 3, 1, 0], np.int32)
MASK = np.arange(6) < NUM_FRAMES[:, None]

CLUSTERED = {"netvlad": NetVLAD, "netrvlad": NetRVLAD, "netfv": NetFisherVector}
MAKERS = {name: lambda dtype=None, kind=kind: kind(CLUSTERS, dtype=dtype) for name, kind in CLUSTERED.items()}
MAKERS["nextvlad"] = lambda dtype=None: NeXtVLAD(CLUSTERS, num_groups=4, expansion=2, dtype=dtype)
every_layer = pytest.mark.parametrize("kind", MAKERS)


def make(kind, dtype=None):
    """A layer with random weights, and these in float64 by their paths below the layer."""
    layer, random = MAKERS[kind](dtype), np.random.default_rng(2)
    layer.build(FRAMES.shape, MASK.shape)
    weights = {}
    for variable in layer.weights:
        value = random.normal(0.0, 0.3, variable.shape).astype(np.float32)
        if variable.name in ("moving_variance", "gamma"):
            value = random.uniform(0.5, 2.0, variable.shape).astype(np.float32)
        variable.assign(value)
        weights[variable.path.removeprefix(f"{layer.path}/")] = value.astype(np.float64)
    return layer, weights


def normalise(values, counted, weights, name, training):
    """Batch normalisation of rows, with the statistics of the rows that are counted if in training."""
    mean, variance = weights[f"{name}/moving_mean"], weights[f"{name}/moving_variance"]
    if training:
        mean, variance = values[counted].mean(axis=0), values[counted].var(axis=0)
    scaled = (values - mean) / np.sqrt(variance + BATCH_NORM_EPSILON)
    return weights[f"{name}/gamma"] * scaled + weights[f"{name}/beta"]


def unit(vector):
    return vector / (np.linalg.norm(vector) or 1.0)


def slow_clustered(kind, weights, training):
    """The sums over frames of NetVLAD and its kin, normalised: one video, frame and cluster after the other."""
    frames = normalise(FRAMES.astype(np.float64), MASK, weights, "input_bn", training)
    scores = normalise(frames @ weights["assignment"], MASK, weights, "assignment_bn", training)
    centres, log_deviations = weights.get("centres"), weights.get("log_deviations")
    orders = {
        "netvlad": [lambda frame, k: frame - centres[:, k]],
        "netrvlad": [lambda frame, k: frame],
        "netfv": [
            lambda frame, k: (frame - centres[:, k]) / np.exp(log_deviations[:, k]),
            lambda frame, k: ((frame - centres[:, k]) / np.exp(log_deviations[:, k])) ** 2 - 1,
        ],
    }[kind]
    rows = []
    for video, real in enumerate(MASK):
        parts = []
        for order in orders:
            sums = np.zeros((CLUSTERS, SIZE))
            for time in np.flatnonzero(real):
                shares = softmax(scores[video, time])
                for k in range(CLUSTERS):
                    sums[k] += shares[k] * order(frames[video, time], k)
            parts.append(unit(np.concatenate([unit(row) for row in sums])))
        rows.append(np.concatenate(parts))
    return np.stack(rows)


def slow_nextvlad(weights, training):
    expanded = FRAMES.astype(np.float64) @ weights["expansion"] + weights["expansion_bias"]
    attention = sigmoid(expanded @ weights["attention"] + weights["attention_bias"])
    scores = normalise(expanded @ weights["assignment"], MASK, weights, "assignment_bn", training)
    groups, rows = expanded.reshape(4, 6, 4, -1), []
    for video, real in enumerate(MASK):
        residuals = np.zeros((CLUSTERS, groups.shape[-1]))
        for time in np.flatnonzero(real):
            for group in range(4):
                shares = softmax(scores[video, time, group * CLUSTERS : (group + 1) * CLUSTERS])
                for k in range(CLUSTERS):
                    difference = groups[video, time, group] - weights["centres"][:, k]
                    residuals[k] += attention[video, time, group] * shares[k] * difference
        rows.append(np.concatenate([unit(row) for row in residuals]))
    return normalise(np.stack(rows), slice(None), weights, "output_bn", training)


def slow(kind, weights, training):
    return slow_nextvlad(weights, training) if kind == "nextvlad" else slow_clustered(kind, weights, training)


@pytest.mark.parametrize("training", [False, True])
@every_layer
def test_the_formula(kind, training):
    layer, weights = make(kind)
    np.testing.assert_allclose(layer(FRAMES, MASK, training=training), slow(kind, weights, training), atol=1e-5)


@pytest.mark.parametrize("kind", CLUSTERED)
def test_training_moves_the_running_statistics_of_the_frames(kind):
    layer, weights = make(kind)
    layer(FRAMES, MASK, training=True)
    real, moved = FRAMES[MASK].astype(np.float64), layer.input_normalisation
    for statistic, value in (("moving_mean", real.mean(axis=0)), ("moving_variance", real.var(axis=0))):
        expected = moved.momentum * weights[f"input_bn/{statistic}"] + (1 - moved.momentum) * value
        np.testing.assert_allclose(getattr(moved, statistic), expected, atol=1e-5)


@pytest.mark.parametrize("kind", CLUSTERED)
def test_every_cluster_has_the_same_share_of_the_norm(kind):
    layer, _ = make(kind)
    blocks = np.asarray(layer(FRAMES, MASK)).reshape(4, layer.values_per_feature, CLUSTERS, SIZE)
    np.testing.assert_allclose(np.linalg.norm(blocks[:3], axis=-1), CLUSTERS**-0.5, atol=1e-5)
    assert not np.any(blocks[3])


@every_layer
def test_the_order_of_the_frames_does_not_matter(kind):
    layer, _ = make(kind)
    order = np.random.default_rng(3).permutation(6)
    np.testing.assert_allclose(layer(FRAMES[:, order], MASK[:, order]), layer(FRAMES, MASK), atol=1e-5)


@every_layer
def test_assignment_and_centres_start_apart(kind):
    """One initialiser for both would give them the same values."""
    layer = MAKERS[kind]()
    layer.build(FRAMES.shape, MASK.shape)
    assert kind == "netrvlad" or not np.any(np.asarray(layer.assignment)[:5, :3] == np.asarray(layer.centres)[:5])


@pytest.mark.parametrize("kind", CLUSTERED)
def test_gradients_are_those_with_normalised_frames_and_all_differences_written_out(kind):
    layer, _ = make(kind)
    factor = tf.constant(
        np.random.default_rng(4).normal(size=(4, layer.values_per_feature * CLUSTERS * SIZE)), "float32"
    )

    def written_out():
        frames = layer.input_normalisation(FRAMES, training=True, mask=MASK)
        scores = layer.assignment_normalisation(frames @ layer.assignment, training=True, mask=MASK)
        shares = ops.softmax(scores)[..., None] * MASK[:, :, None, None]
        differences = frames[:, :, None, :]
        if kind != "netrvlad":
            differences -= ops.transpose(layer.centres)
        if kind == "netfv":
            differences /= ops.exp(ops.transpose(layer.log_deviations))
        orders = [differences, ops.square(differences) - 1.0][: layer.values_per_feature]
        parts = [tf.math.l2_normalize(ops.sum(shares * order, axis=1), axis=-1) for order in orders]
        return ops.concatenate([tf.math.l2_normalize(ops.reshape(part, (4, -1)), axis=-1) for part in parts], axis=-1)

    variables, results = [variable.value for variable in layer.trainable_variables], []
    for compute in (written_out, lambda: layer(FRAMES, MASK, training=True)):
        with tf.GradientTape() as tape:
            loss = ops.sum(factor * compute())
        results.append(tape.gradient(loss, variables))
    for variable, expected, gradient in zip(layer.trainable_variables, *results, strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4, err_msg=variable.path)


@every_layer
def test_videos_without_frames_have_finite_gradients(kind):
    layer, _ = make(kind)
    with tf.GradientTape() as tape:
        loss = ops.sum(layer(FRAMES, np.zeros((4, 6), bool), training=True))
    for gradient in tape.gradient(loss, [variable.value for variable in layer.trainable_variables]):
        assert np.isfinite(gradient).all()


def test_unit_clusters_has_no_gradient_at_zero():
    sums = tf.zeros((2, 3, 4))
    with tf.GradientTape() as tape:
        tape.watch(sums)
        units = unit_clusters(sums)
    assert not np.any(units)
    assert not np.any(tape.gradient(units, sums))


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@every_layer
def test_extreme_frames_give_finite_vectors(kind, precision):
    layer, _ = make(kind, precision)
    frames = np.stack([np.full((6, SIZE), value, np.float32) for value in (0.0, 80.0, -80.0, 1e-20)])
    for training in (True, False):
        output = np.asarray(ops.cast(layer(frames, np.ones((4, 6), bool), training=training), "float32"))
        assert np.isfinite(output).all()


@every_layer
def test_bfloat16_stays_near(kind):
    layer, weights = make(kind, "mixed_bfloat16")
    output = layer(FRAMES, MASK)
    assert output.dtype.name == "bfloat16"
    expected = slow(kind, weights, training=False)
    assert np.abs(ops.cast(output, "float32") - expected).max() < 0.03 * np.abs(expected).max()


@every_layer
def test_no_mask_leaves_the_layer_and_it_knows_its_shape(kind):
    layer = MAKERS[kind]()
    output = layer(keras.Input((None, SIZE)), keras.Input((None,), dtype="bool"))
    assert getattr(output, "_keras_mask", None) is None
    assert output.shape == (None, layer(FRAMES, MASK).shape[1])
    assert layer.compute_output_shape((None, None, SIZE), (None, None)) == output.shape


def test_groups_must_be_of_equal_size():
    with pytest.raises(AssertionError, match="7 groups of 20 values"):
        NeXtVLAD(CLUSTERS, num_groups=7).build(FRAMES.shape, MASK.shape)
