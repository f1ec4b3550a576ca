"""Kernel ridge regression of the benchmarks against its formula, pair by pair, and against the model of `yt8m fit`."""

import numpy as np
import pytest
from scipy import sparse

import yt8m
from benchmarks.kernel_regression import Regression
from benchmarks.video_arrays import SIZES, Videos, labels_of, read, scaled
from yt8m.config import DataConfig
from yt8m.layers.kernels import bent_logits
from yt8m.training.fitting import fit

NUM_CLASSES = 4


@pytest.fixture(scope="module")
def videos():
    """Videos whose labels say something of their values, and others."""
    random = np.random.default_rng(0)
    labels = random.random((30, NUM_CLASSES)) < 0.4
    values = random.normal(size=(30, sum(SIZES))) + labels @ random.normal(size=(NUM_CLASSES, sum(SIZES)))
    made = scaled(Videos(values.astype(np.float32), sparse.csr_matrix(labels.astype(np.float32))))
    return made[:24], made[24:]


KERNELS = {
    "linear": lambda c, rgb, sound: c,
    "laplacian": lambda c, rgb, sound: np.exp(-np.sqrt(2 - 2 * c) / 0.8),
    "together": lambda c, rgb, sound: np.exp((c - 1) / 0.8),
    "apart": lambda c, rgb, sound: 0.8 * np.exp((rgb - 1) / 0.8) + 0.2 * np.exp((sound - 1) / 0.8),
    "both": lambda c, rgb, sound: (KERNELS["together"](c, rgb, sound) + KERNELS["apart"](c, rgb, sound)) / 2,
}


def slow(known, others, kernel, factors, ridge=0.3):
    """Of length-1 features of which sound counts half as much, so that its share is .25 / 1.25."""

    def entry(one, other):
        cosines = []
        for part in (slice(0, SIZES[0]), slice(SIZES[0], None)):
            pair = [np.float64(each[part] * factors[part]) for each in (one, other)]
            cosines.append(pair[0] @ pair[1] / np.linalg.norm(pair[0]) / np.linalg.norm(pair[1]))
        return KERNELS[kernel](min(0.8 * cosines[0] + 0.2 * cosines[1], 1.0), *cosines)

    def matrix(some):
        return np.array([[entry(one, other) for other in known.values] for one in some.values])

    labels = labels_of(known).astype(float)
    solved = np.linalg.solve(matrix(known) + ridge * np.eye(len(known)), labels - labels.mean(axis=0))
    return matrix(others) @ solved + labels.mean(axis=0)


@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_every_kernel_is_its_formula(videos, kernel):
    known, others = videos
    found = Regression(kernel, bandwidth=0.8, ridge=0.3).predict(known, others)
    np.testing.assert_allclose(found, slow(known, others, kernel, known.scale), atol=2e-4)


@pytest.mark.parametrize("scaling", ["none", "deviation", "explained"])
def test_values_count_as_they_are_scaled(videos, scaling):
    known, others = videos
    deviations = known.values.std(axis=0)
    factors = {"none": np.ones(sum(SIZES)), "deviation": deviations, "explained": known.scale**2 * deviations}[scaling]
    found = Regression("both", bandwidth=0.8, ridge=0.3, scaling=scaling, power=2.0).predict(known, others)
    np.testing.assert_allclose(found, slow(known, others, "both", factors), atol=2e-4)


def test_without_lengths_for_features_there_is_one_cosine(videos):
    """Two vectors of length 1 have a linear kernel that is their product."""
    known, others = videos
    vectors = [np.float64(each.values) for each in (known, others)]
    vectors = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in vectors]
    labels = labels_of(known).astype(float)
    solved = np.linalg.solve(vectors[0] @ vectors[0].T + np.eye(len(known)), labels - labels.mean(axis=0))
    expected = vectors[1] @ vectors[0].T @ solved + labels.mean(axis=0)
    found = Regression("linear", ridge=1.0, sound=None, scaling="none").predict(known, others)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_video_that_is_left_out_is_predicted_as_by_the_others(videos):
    known, _ = videos
    left_out = Regression().predict(known, None)
    for row in (0, 7):
        rest = np.delete(np.arange(len(known)), row)
        np.testing.assert_allclose(left_out[row], Regression().predict(known[rest], known[[row]])[0], atol=2e-4)


@pytest.mark.thorough
def test_the_defaults_are_those_of_the_model(sample, tmp_path):
    train, validate = (sorted((sample / f"2/video/{part}").glob("*")) for part in ("train", "validate"))
    data = DataConfig(train=tuple(map(str, train)), num_classes=12)
    fit("kernel_ridge", tmp_path / "run", data, num_networks=0)
    model = yt8m.load_run(tmp_path / "run")
    known, others = scaled(read(list(map(str, train)))), read(list(map(str, validate)))
    rgb, sound = np.split(others.values, [SIZES[0]], axis=1)
    expected = model({"mean_rgb": rgb, "mean_audio": sound})
    found = bent_logits(Regression().predict(known, others)[:, :12])
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=0.02)
