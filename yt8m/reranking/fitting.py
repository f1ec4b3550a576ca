"""Fits a reranker to labelled videos that no member was trained on.

N = videos, k = classes given for a video, K = candidates of a video, M = members, C = classes.
"""

import warnings

import numpy as np

from yt8m.reranking.features import candidate_features
from yt8m.reranking.reranker import LIMIT, ClassStatistics, Reranker

NUM_CANDIDATES = 40
HIDDEN_SIZES = (32, 16)
NUM_NETWORKS = 3
"""Networks with other first weights each. One alone gains a third less on real records."""
MOST_VIDEOS = 50_000
"""More videos are drawn from at random: 40 candidates of 50 000 are 2 million pairs, 200 MB."""
_EPOCHS, _MOST_PAIRS_SHOWN = 25, 8_500_000
_STEPS_OF_AN_EPOCH, _LEAST_BATCH, _LARGEST_BATCH = 170, 200, 2000


def fit_reranker(
    values: np.ndarray,
    classes: np.ndarray,
    hits: np.ndarray,
    parts: np.ndarray,
    positives: np.ndarray,
    weights: np.ndarray,
    intercept: float,
) -> Reranker:
    """Fits scikit-learn's `MLPClassifier` to the best candidates of each video, by cross-entropy.

    What is known of classes comes from labels. So the candidates of a part are described by the labels of the other parts, as
    those of new videos will be: a video's own labels would tell the network what it is to learn.

    Args:
        values: the members' logits, float32 [N, k, M].
        classes: the class of each, int64 [N, k].
        hits: whether the video has the class, bool [N, k]; both occur.
        parts: the part that each video is in, int64 [N].
        positives: the number of labels of each class by part, [parts, C], also of those that are not among `classes`.
        weights, intercept: of the sum of logits that finds the candidates, [M].
    """
    weights = np.asarray(weights, np.float32)
    scores = (values @ weights + np.float32(intercept)).astype(np.float32)
    statistics = _Sums(scores, classes, parts, positives)
    if len(parts) > MOST_VIDEOS:
        chosen = np.sort(np.random.default_rng(0).choice(len(parts), MOST_VIDEOS, replace=False))
        values, scores, classes, hits, parts = (each[chosen] for each in (values, scores, classes, hits, parts))
    count = min(NUM_CANDIDATES, scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    classes = np.take_along_axis(classes, order, axis=1)
    frequency, ratio = np.empty((2, *order.shape), np.float32)
    for part in np.unique(parts):
        own, others = parts == part, statistics.without(part)
        frequency[own], ratio[own] = others.log_frequency[classes[own]], others.log_ratio[classes[own]]
    features = candidate_features(
        np.take_along_axis(scores, order, axis=1),
        np.take_along_axis(values, order[:, :, None], axis=1),
        frequency,
        ratio,
    ).reshape(order.size, -1)
    center, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    scale[scale == 0] = 1.0
    inputs = np.clip((features - center) / scale, -LIMIT, LIMIT).astype(np.float32)
    networks = _networks(inputs, np.take_along_axis(hits, order, axis=1).ravel())
    kernels, biases = (
        tuple(np.stack(each).astype(np.float32) for each in zip(*parts_of, strict=True))
        for parts_of in zip(*networks, strict=True)
    )
    return Reranker(
        weights=weights,
        intercept=float(intercept),
        num_candidates=NUM_CANDIDATES,
        classes=statistics.without(None),
        center=center.astype(np.float32),
        scale=scale.astype(np.float32),
        kernels=kernels,
        biases=biases,
    )


class _Sums:
    """Sums over the videos of each part, from which `ClassStatistics` follow."""

    def __init__(self, scores: np.ndarray, classes: np.ndarray, parts: np.ndarray, positives: np.ndarray):
        self._positives, count = positives, len(positives)
        self._videos = np.bincount(parts, minlength=count)
        probabilities = 1 / (1 + np.exp(-scores.astype(np.float64)))
        places = classes + positives.shape[1] * parts[:, None]
        self._expected = np.bincount(places.ravel(), probabilities.ravel(), positives.size).reshape(positives.shape)

    def without(self, part: int | None) -> ClassStatistics:
        """Those of all other parts that have videos; of all if no other has any."""
        kept = self._videos > 0
        if part is not None and kept.sum() > 1:
            kept[part] = False
        return ClassStatistics.of(
            self._positives[kept].sum(axis=0), self._expected[kept].sum(axis=0), int(self._videos[kept].sum())
        )


def _networks(inputs: np.ndarray, hits: np.ndarray) -> list[tuple[list[np.ndarray], list[np.ndarray]]]:
    """Kernels and biases of each network, layer by layer."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    found = []
    for seed in range(NUM_NETWORKS):
        network = MLPClassifier(
            HIDDEN_SIZES,
            batch_size=min(len(hits), _LARGEST_BATCH, max(_LEAST_BATCH, len(hits) // _STEPS_OF_AN_EPOCH)),
            max_iter=min(_EPOCHS, max(2, _MOST_PAIRS_SHOWN // len(hits))),
            learning_rate_init=3e-3,
            alpha=1e-5,
            tol=0.0,
            n_iter_no_change=_EPOCHS,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it stops after as many epochs as it is meant to
            network.fit(inputs, hits)
        found.append((network.coefs_, network.intercepts_))
    return found
