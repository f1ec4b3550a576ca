"""Models fitted to all records at once: what they learn, and what the commands make of their runs."""

import numpy as np
import pytest

from yt8m import read_batches
from yt8m.config import DataConfig
from yt8m.data.fingerprints import fingerprint
from yt8m.errors import InputError
from yt8m.metrics import global_average_precision
from yt8m.runs import load_config
from yt8m.runs.model import load_run
from yt8m.scoring.evaluation import evaluate
from yt8m.training import fitting
from yt8m.training.fitting import fit

TRAIN, VALIDATE = "2/video/train", "2/video/validate"


def read(sample, split, num_classes=12):
    """ids, unit vectors of rgb and half of audio, and labels bool [N, C]."""
    batches = list(read_batches(str(sample / split), num_classes=num_classes))
    parts = [np.concatenate([batch[key] for batch in batches]).astype(np.float64) for key in ("mean_rgb", "mean_audio")]
    scaled = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in parts]
    vectors = np.concatenate([scaled[0], 0.5 * scaled[1]], axis=1) / np.sqrt(1.25)
    labels = np.zeros((len(vectors), num_classes), bool)
    for row, own in enumerate(np.concatenate([batch["labels"] for batch in batches])):
        labels[row, own[own >= 0]] = True
    return np.concatenate([batch["id"] for batch in batches]), vectors, labels


def data_of(sample, **more) -> DataConfig:
    return DataConfig(train=(str(sample / TRAIN),), num_classes=12, **more)


@pytest.fixture(scope="module")
def neighbours(sample, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "neighbours"
    return fit("neighbours", run, data_of(sample, validate=(str(sample / VALIDATE),)), num_neighbours=3)


def test_neighbours_are_the_training_videos(neighbours, sample):
    _, vectors, labels = read(sample, TRAIN)
    _, queries, truth = read(sample, VALIDATE)
    scores = []
    for query in queries:
        nearest = np.argsort(-(vectors @ query), kind="stable")[:3]
        weights = np.exp(10.0 * (vectors[nearest] @ query - 1.0))
        prior = (labels.sum(axis=0) + 0.5) / (len(labels) + 1)
        scores.append((weights @ labels[nearest] + 0.01 * prior) / (weights.sum() + 0.01))
    assert neighbours.num_videos == len(labels) == 64
    assert neighbours.metrics["gap"] == pytest.approx(global_average_precision(np.array(scores), truth), abs=1e-6)
    assert load_config(neighbours.run).model.num_videos == 64
    again = evaluate(neighbours.run, [str(sample / VALIDATE)])
    assert again["gap"] == neighbours.metrics["gap"]


def test_kernel_ridge_solves_its_equations(sample, tmp_path):
    run = fit("kernel_ridge", tmp_path / "ridge", data_of(sample), bandwidth=0.5, ridge=0.2).run
    _, vectors, labels = read(sample, TRAIN)
    kernel = np.exp((vectors @ vectors.T - 1) / 0.5)
    prior = labels.mean(axis=0)
    expected = np.linalg.solve(kernel + 0.2 * np.eye(64), labels - prior)
    layer = load_run(run).get_layer("regression")
    np.testing.assert_allclose(layer.coefficients.numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(layer.prior.numpy(), prior, atol=1e-6)


def test_a_fold_is_left_out_and_measured(sample, tmp_path):
    ids, _, _ = read(sample, TRAIN)
    left_out = sum(fingerprint(video) % 3 == 1 for video in ids.tolist())
    result = fit("neighbours", tmp_path / "fold", data_of(sample, fold="1/3"))
    assert result.num_videos == 64 - left_out
    assert result.metrics["num_videos"] == left_out


def test_what_cannot_be_fitted(neighbours, sample, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="unknown model that is fitted 'moe'"):
        fit("moe", tmp_path / "run", data_of(sample))
    with pytest.raises(InputError, match="holds a run; give a new directory"):
        fit("neighbours", neighbours.run, data_of(sample))
    monkeypatch.setitem(fitting.MOST_VIDEOS, "kernel_ridge", 63)
    with pytest.raises(InputError, match="hold more than 63 videos, the most that kernel_ridge can be fitted to"):
        fit("kernel_ridge", tmp_path / "run", data_of(sample))
    assert not (tmp_path / "run").exists()
