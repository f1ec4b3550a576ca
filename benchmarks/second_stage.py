"""What is learned on top of predictions: calibration of each class, stacking, and distillation. `benchmarks.ideas` tries them.

All learn from predictions of videos that were left out: a third at a time by perceptrons, each one by kernel ridge regression.

N = videos, C = classes.
"""

import functools

import numpy as np

from benchmarks.kernel_regression import kernel_ridge
from benchmarks.sizes import sized
from benchmarks.trials import Trial, train
from benchmarks.video_arrays import Videos, labels_of
from yt8m.metrics.logits import logit, probability
from yt8m.scoring.calibration_fitting import LogitCounts, fit

PERCEPTRON = sized(Trial(), Trial(epochs=1, hidden_size=8))
FOLDS = sized(3, 2)
LEAST_LABELS = sized(20, 2)
"""A class with fewer labels has the calibration of all classes together."""
LEAST_PROBABILITY = 1e-3
"""Regressions may say 0 or 1, which are no logits."""
TAUGHT = 0.3
"""The share of what is distilled in the targets; the rest are the labels."""
BEST = 20
"""Classes of each video that a logistic regression learns from, for each member."""


@functools.lru_cache(maxsize=2)
def perceptron(known: Videos, others: Videos, seed: int) -> np.ndarray:
    """What one perceptron says of the others, float32 [N, C]."""
    return train(PERCEPTRON, known, others, seed)


@functools.lru_cache(maxsize=1)
def perceptron_left_out(known: Videos, seed: int) -> np.ndarray:
    """What perceptrons say of the known videos that each did not see, float32 [N, C]."""
    found = np.empty((len(known), known.num_classes), np.float32)
    folds = np.random.default_rng(seed).permutation(len(known)) % FOLDS
    for fold in range(FOLDS):
        own = folds == fold
        found[own] = train(PERCEPTRON, known[~own], known[own], seed)
    return found


@functools.lru_cache(maxsize=2)
def regression(known: Videos, others: Videos | None) -> np.ndarray:
    """What kernel ridge regression says of the others, or of each known video without itself; logits, float32 [N, C]."""
    return logit(np.clip(kernel_ridge(known, others), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))


def calibrated(known: Videos, others: Videos, seed: int) -> np.ndarray:
    """One perceptron, its logits bent for each class by Platt's logistic regression, as `yt8m calibrate --per-class` does."""
    hits, logits = labels_of(known), perceptron_left_out(known, seed)
    counts = LogitCounts(known.num_classes, by_class=True)
    halves, classes = np.zeros(known.num_classes, int), np.arange(known.num_classes)
    for said, present in zip(logits, hits, strict=True):
        counts.add(halves, classes, said, present)
    maps = fit(counts, "platt", counts.classes_with(LEAST_LABELS).tolist(), halves=(0,))
    return maps(perceptron(known, others, seed), classes)


def mean_of_both(known: Videos, others: Videos, seed: int) -> np.ndarray:
    """The mean logit of one perceptron and kernel ridge regression."""
    return (perceptron(known, others, seed) + regression(known, others)) / 2


def stacked(known: Videos, others: Videos, seed: int) -> np.ndarray:
    """A logistic regression on the logits of both, for all classes together (scikit-learn)."""
    weights, intercept = stack(known, seed)
    return weights[0] * perceptron(known, others, seed) + weights[1] * regression(known, others) + intercept


def stack(known: Videos, seed: int) -> tuple[np.ndarray, float]:
    """The weights of both and the intercept, learned from what each says of the known videos that it did not see."""
    from sklearn.linear_model import LogisticRegression

    learned = perceptron_left_out(known, seed), regression(known, None)
    best = np.zeros(learned[0].shape, bool)
    for each in learned:
        np.put_along_axis(best, np.argpartition(-each, BEST, axis=1)[:, :BEST], True, axis=1)
    values = np.stack([each[best] for each in learned], axis=1)
    model = LogisticRegression(solver="newton-cholesky", tol=1e-8).fit(values, labels_of(known)[best])
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


def distilled(known: Videos, others: Videos, seed: int) -> np.ndarray:
    """One perceptron that learns from the labels and from what the stacked two say of the same videos."""
    weights, intercept = stack(known, seed)
    logits = weights[0] * perceptron_left_out(known, seed) + weights[1] * regression(known, None) + intercept
    return train(PERCEPTRON, known.taught(probability(logits), TAUGHT), others, seed)
