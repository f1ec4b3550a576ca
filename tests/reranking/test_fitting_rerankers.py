"""What networks learn from labels, and what they may not see of them."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from yt8m.metrics import VideoMetrics
from yt8m.reranking import Reranker, fit_reranker, fitting

NUM_CLASSES = 60


def videos(seed: int, count: int):
    """Logits of one member that takes every class for as frequent as any other, and labels.

    A video has more labels of the first classes than it says, and fewer of the last ones.
    """
    random = np.random.default_rng(seed)
    logits = random.normal(-3, 2, (count, NUM_CLASSES)).astype(np.float32)
    shift = np.linspace(2, -4, NUM_CLASSES)
    return logits, random.random(logits.shape) < 1 / (1 + np.exp(-(logits + shift)))


def fitted(logits: np.ndarray, labels: np.ndarray, parts: np.ndarray) -> Reranker:
    positives = np.zeros((5, NUM_CLASSES), np.int64)
    np.add.at(positives, parts, labels)
    classes = np.broadcast_to(np.arange(NUM_CLASSES), logits.shape)
    return fit_reranker(logits[:, :, None], classes, labels, parts, positives, np.ones(1), 0.0)


def gap(logits: np.ndarray, labels: np.ndarray) -> float:
    metrics = VideoMetrics(NUM_CLASSES)
    metrics.update(logits, labels)
    return metrics.result()["gap"]


@pytest.fixture(scope="module")
def learned() -> Reranker:
    logits, labels = videos(0, 500)
    return fitted(logits, labels, np.arange(500) % 5)


@pytest.mark.thorough
def test_it_learns_what_classes_have_in_common(learned):
    """The best possible order is that of the true logits, which nobody can exceed."""
    logits, labels = videos(1, 1000)
    ideal = gap(logits + np.linspace(2, -4, NUM_CLASSES, dtype=np.float32), labels)
    plain, reranked = gap(logits, labels), gap(learned.logits(logits[:, :, None]), labels)
    assert plain + 0.7 * (ideal - plain) < reranked < ideal + 0.005


@pytest.mark.thorough
def test_its_probabilities_fit_the_labels(learned):
    logits, labels = videos(2, 1000)
    order = np.argsort(-logits, axis=1)[:, :40]
    found = np.take_along_axis(learned.logits(logits[:, :, None]), order, axis=1)
    hits = np.take_along_axis(labels, order, axis=1)
    for low, high in ((0.05, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.0)):
        probabilities = 1 / (1 + np.exp(-found))
        some = (probabilities >= low) & (probabilities < high)
        assert hits[some].mean() == pytest.approx(probabilities[some].mean(), abs=0.04)


def test_the_same_videos_give_the_same_network():
    logits, labels = videos(0, 30)
    first, again = (fitted(logits, labels, np.arange(30) % 5) for _ in range(2))
    for found, expected in zip(again.kernels, first.kernels, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("parts", [np.arange(30) % 3, np.zeros(30, int)], ids=["three parts", "one part"])
def test_candidates_are_described_by_the_labels_of_other_parts(parts, monkeypatch):
    logits, labels = videos(3, 30)
    seen = {}

    def looked_at(scores, values, frequency):
        seen.update(frequency=frequency)
        return original(scores, values, frequency)

    original = fitting.candidate_features
    monkeypatch.setattr(fitting, "candidate_features", looked_at)
    reranker = fitted(logits, labels, parts)
    for video in range(30):
        others = parts != parts[video] if parts.any() else parts == 0
        order = np.argsort(-logits[video], kind="stable")[:40]
        frequency = np.log((labels[others].sum(axis=0) + 0.25) / others.sum())
        np.testing.assert_allclose(seen["frequency"][video], frequency[order], rtol=1e-5)
    everyone = np.log((labels.sum(axis=0) + 0.25) / 30)
    np.testing.assert_allclose(reranker.log_frequency, everyone, rtol=1e-5)


def test_it_learns_from_so_many_videos_at_most(monkeypatch):
    logits, labels = videos(4, 60)
    monkeypatch.setattr(fitting, "MOST_VIDEOS", 20)
    rows = []
    original = fitting.candidate_features
    monkeypatch.setattr(fitting, "candidate_features", lambda *given: rows.append(len(given[0])) or original(*given))
    reranker = fitted(logits, labels, np.arange(60) % 5)
    assert rows == [20]
    np.testing.assert_allclose(reranker.log_frequency, np.log((labels.sum(axis=0) + 0.25) / 60), rtol=1e-5)


@pytest.mark.filterwarnings("error")
def test_an_interrupt_ends_the_work(monkeypatch):
    """scikit-learn takes Ctrl-C for the end of the training, and only warns."""
    calls = []

    def backpropagate(network, *arguments):
        calls.append(network)
        raise KeyboardInterrupt

    monkeypatch.setattr(MLPClassifier, "_backprop", backpropagate)
    logits, labels = videos(0, 50)
    with pytest.raises(KeyboardInterrupt):
        fitted(logits, labels, np.arange(50) % 5)
    assert len(calls) == 1
