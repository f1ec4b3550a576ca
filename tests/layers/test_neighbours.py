"""Nearest neighbours, kernel regression and combined logits against slow versions, video by video in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from yt8m.layers import neighbours
from yt8m.layers.combining import CombinedLogits
from yt8m.layers.kernels import BEND, KernelRegression, bent_logits
from yt8m.layers.neighbours import NearestNeighbours
from yt8m.layers.preprocessing import FeatureScale

C, N, L, SHARPNESS, PRIOR_WEIGHT = 6, 23, 3, 4.0, 0.05


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def sigmoid(logits):
    return 1.0 / (1.0 + np.exp(-np.asarray(logits, np.float64)))


@pytest.fixture(scope="module")
def known():
    """Unit vectors, of which two are equal, labels padded with -1, and a prior."""
    random = np.random.default_rng(0)
    vectors = unit(random.normal(size=(N, 8))).astype(np.float32)
    vectors[7] = vectors[3]
    labels = np.full((N, L), -1, np.int32)
    for row in range(N):
        own = random.choice(C, random.integers(0, L + 1), replace=False)
        labels[row, : len(own)] = own
    return vectors, labels, random.uniform(0.1, 0.4, C).astype(np.float32)


def slow_shares(query, known, count):
    """The formula of the layer, one neighbour at a time."""
    vectors, labels, prior = known
    cosines = vectors.astype(np.float64) @ query
    nearest = sorted(range(N), key=lambda row: (-cosines[row], row))[:count]
    present, total = PRIOR_WEIGHT * prior.astype(np.float64), PRIOR_WEIGHT
    for row in nearest:
        weight = np.exp(SHARPNESS * (cosines[row] - 1.0))
        total += weight
        for label in labels[row]:
            if label >= 0:
                present[label] += weight
    return present / total


@pytest.mark.parametrize("rows_at_once", [1 << 16, 5, 23])
@pytest.mark.parametrize("count", [1, 4, N, 50])
def test_neighbours_are_those_of_a_full_search(known, count, rows_at_once, monkeypatch):
    monkeypatch.setattr(neighbours, "_ROWS_AT_ONCE", rows_at_once)
    layer = layer_of(known, count)
    queries = queries_of(known)
    expected = [slow_shares(query.astype(np.float64), known, count) for query in queries]
    np.testing.assert_allclose(sigmoid(layer(queries)), expected, atol=1e-5)


def layer_of(known, count=4):
    layer = NearestNeighbours(C, N, count, L, SHARPNESS, PRIOR_WEIGHT)
    layer.build((None, 8))
    vectors, labels, prior = known
    first = 0
    for weight in layer.vectors:
        weight.assign(vectors[first : first + weight.shape[0]])
        first += weight.shape[0]
    layer.labels.assign(labels)
    layer.prior.assign(prior)
    return layer


def queries_of(known):
    queries = unit(np.random.default_rng(1).normal(size=(5, 8))).astype(np.float32)
    queries[0] = known[0][3]  # two known videos are equally near
    return queries


def model_of(layer):
    inputs = keras.Input([8])
    return keras.Model(inputs, layer(inputs))


@pytest.mark.parametrize("rows_at_once", [5, 12])
def test_no_weight_has_all_vectors_and_files_of_earlier_versions_load(known, rows_at_once, monkeypatch, tmp_path):
    """Earlier versions saved the vectors in one piece, as a layer does that has them in one weight."""
    expected = layer_of(known)(queries_of(known)).numpy()
    model_of(layer_of(known)).save_weights(tmp_path / "one.weights.h5")
    monkeypatch.setattr(neighbours, "_ROWS_AT_ONCE", rows_at_once)
    model_of(layer_of(known)).save_weights(tmp_path / "several.weights.h5")
    for name in ("one", "several"):
        layer = NearestNeighbours(C, N, 4, L, SHARPNESS, PRIOR_WEIGHT)
        model_of(layer).load_weights(tmp_path / f"{name}.weights.h5")
        assert [weight.shape[0] for weight in layer.vectors] == [rows_at_once] * (N // rows_at_once) + [
            N % rows_at_once
        ]
        np.testing.assert_array_equal(layer(queries_of(known)), expected)


def test_a_batch_is_compared_with_one_weight_after_another(known, monkeypatch):
    """A graph computes what it can at once, and the cosines with all known videos would take much memory."""
    monkeypatch.setattr(neighbours, "_ROWS_AT_ONCE", 5)
    graph = tf.function(layer_of(known)).get_concrete_function(tf.TensorSpec([None, 8])).graph
    products = [each for each in graph.get_operations() if each.type.startswith("MatMul")]
    assert len(products) == 5
    for product in products[1:]:
        before, found = [product], set()
        while before:
            found.add(each := before.pop())
            before += {tensor.op for tensor in each.inputs}.union(each.control_inputs) - found
        assert any(each.type.startswith("TopK") for each in found)


def test_features_are_scaled_each_and_together():
    random = np.random.default_rng(2)
    rgb, audio = random.normal(size=(4, 5)).astype("f"), 30 * random.normal(size=(4, 3)).astype("f")
    rgb[2] = audio[2] = rgb[3] = 0.0
    found = FeatureScale([1.0, 0.5])([rgb, audio]).numpy()
    for row in range(2):
        joined = np.concatenate([unit(rgb[row]), 0.5 * unit(audio[row])])
        np.testing.assert_allclose(found[row], joined / np.sqrt(1.25), atol=1e-6)
    np.testing.assert_array_equal(found[2], 0.0)
    np.testing.assert_allclose(np.linalg.norm(found[3]), 1.0, atol=1e-6)


def test_values_are_scaled_before_their_feature():
    rgb, audio = np.array([[3.0, 2.0], [0.0, 5.0]], "f"), np.array([[4.0], [0.0]], "f")
    layer = FeatureScale([2.0, 0.5], together=False)
    layer.build([(None, 2), (None, 1)])
    layer.scales[0].assign([2.0, 4.0])  # 6 and 8: length 10
    np.testing.assert_allclose(layer([rgb, audio]), [[1.2, 1.6, 0.5], [0.0, 2.0, 0.0]], atol=1e-6)


def test_kernel_regression_is_a_sum_over_known_videos():
    random = np.random.default_rng(3)

    def features(count):  # of length 1, but one video has no second feature
        first, second = (unit(random.normal(size=(count, size))) for size in (3, 2))
        second[0] = 0.0
        return first, second

    def stored(first, second):
        return np.concatenate([np.sqrt(0.75) * first, 0.5 * second], axis=1).astype("f")

    known, queries = features(9), features(3)
    coefficients, prior = random.normal(0, 0.1, (9, C)).astype("f"), random.uniform(0.2, 0.5, C).astype("f")
    layer = KernelRegression(C, 9, 0.7, [3, 2], [0.75, 0.25])
    layer.build((None, 5))
    values = (stored(*known), coefficients, prior)
    for weight, value in zip((layer.vectors, layer.coefficients, layer.prior), values, strict=True):
        weight.assign(value)
    expected = np.tile(prior.astype(np.float64), (3, 1))
    for row in range(3):
        for video in range(9):
            looks, sounds = (queries[place][row] @ known[place][video] for place in range(2))
            alike = np.exp((0.75 * looks + 0.25 * sounds - 1) / 0.7)
            either = 0.75 * np.exp((looks - 1) / 0.7) + 0.25 * np.exp((sounds - 1) / 0.7)
            expected[row] += (alike + either) / 2 * coefficients[video]
    inside = (expected > 10 * BEND) & (expected < 1 - 10 * BEND)
    assert inside.mean() > 0.8
    np.testing.assert_allclose(sigmoid(layer(stored(*queries)))[inside], expected[inside], atol=1e-4)


def test_the_kernel_of_one_feature_is_an_rbf_kernel():
    random = np.random.default_rng(4)
    vectors = unit(random.normal(size=(5, 4))).astype("f")
    layer = KernelRegression(C, 5, 0.7, [4], [1.0])
    distances = np.square(vectors[:, None].astype(np.float64) - vectors).sum(axis=-1)
    np.testing.assert_allclose(layer.kernel(vectors, vectors), np.exp(-distances / (2 * 0.7)), atol=1e-5)


def test_bent_values_are_logits_in_the_same_order():
    values = np.linspace(-0.1, 1.1, 400).astype("f")
    found = np.asarray(bent_logits(values), np.float64)
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()
    inside = (values > 0.03) & (values < 0.97)
    np.testing.assert_allclose(sigmoid(found[inside]), values[inside], atol=1e-6)
    assert np.isfinite(bent_logits(np.array([-9.0, 9.0], "f"))).all()


@pytest.mark.parametrize("combined", ["arithmetic", "geometric", "logistic"])
def test_combined_logits(combined):
    random = np.random.default_rng(4)
    logits = [random.normal(0, 5, (4, C)).astype("f") for _ in range(3)]
    weights = [0.5, 0.0, 0.5] if combined != "logistic" else [1.5, 0.0, -0.4]
    layer = CombinedLogits(combined, weights, 0.25)
    found = layer(logits).numpy()
    first, last = (np.asarray(each, np.float64) for each in (logits[0], logits[2]))
    if combined == "logistic":
        np.testing.assert_allclose(found, 1.5 * first - 0.4 * last + 0.25, atol=1e-5)
    elif combined == "arithmetic":
        np.testing.assert_allclose(sigmoid(found), (sigmoid(first) + sigmoid(last)) / 2, atol=1e-6)
    else:
        np.testing.assert_allclose(sigmoid(found), np.sqrt(sigmoid(first) * sigmoid(last)), atol=1e-6)
    extreme = layer([np.full((1, C), value, "f") for value in (200.0, 0.0, 200.0)])
    assert np.isfinite(extreme).all()


@pytest.mark.parametrize(
    "layer",
    [
        NearestNeighbours(3, 5, 2, 1, name="layer"),
        KernelRegression(3, 5, 2.0, [4], [1.0], name="layer"),
    ],
    ids=["neighbours", "regression"],
)
def test_a_model_with_it_is_saved_whole(layer, tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layer(inputs))
    random = np.random.default_rng(5)
    for weight in model.weights:
        value = (
            random.integers(-1, 3, weight.shape) if weight.dtype == "int32" else random.uniform(0.1, 0.9, weight.shape)
        )
        weight.assign(value)
    model.save(tmp_path / "model.keras")
    queries = random.normal(size=(2, 4)).astype("f")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.keras")(queries), model(queries))
