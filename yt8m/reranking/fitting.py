"""Fits a reranker to labelled videos that no member was trained on.

N = videos, k = classes given for a video, K = candidates of a video, M = members, C = classes.
"""

import warnings

import numpy as np

from yt8m.reranking.features import candidate_features
from yt8m.reranking.reranker import LIMIT, Reranker, log_frequency

NUM_CANDIDATES = 40
HIDDEN_SIZES = (32, 16)
NUM_NETWORKS = 3
"""Networks with other first weights each. One alone gains a third less on real records."""
MOST_VIDEOS = 50_000
"""More videos are drawn from at random: 40 candidates of 50 000 are 2 million pairs, 200 MB."""
_EPOCHS, _MOST_PAIRS_SHOWN = 25, 8_500_000
_INTERRUPTED = "Training interrupted by user."
"""scikit-learn's warning: it takes Ctrl-C for the end of a training."""
_STEPS_OF_AN_EPOCH, _LEAST_BATCH, _LARGEST_BATCH = 170, 200, 2000


def fit_reranker(
    values: np.ndarray,
    classes: np.ndarray,
    hits: np.ndarray,
    parts: np.ndarray,
    positives: np.ndarray,
    weights: np.ndarray,
    intercept: float,
    num_networks: int = NUM_NETWORKS,
) -> Reranker:
    """Fits scikit-learn's `MLPClassifier` to the best candidates of each video, by cross-entropy.

    How frequent classes are comes from labels. So the candidates of a part are described by the labels of the other parts, as
    those of new videos will be: a video's own labels would give the answer away. How often a class's
    probabilities come true is no feature. It gained .0015 in cross-validation, where members know fewer videos than it does,
    and lost .002 to .005 on other videos.

    Args:
        values: the members' logits, float32 [N, k, M].
        classes: the class of each, int64 [N, k].
        hits: whether the video has the class, bool [N, k]; both occur.
        parts: the part that each video is in, int64 [N].
        positives: the number of labels of each class by part, [parts, C], also of those that are not among `classes`.
        weights, intercept: of the sum of logits that finds the candidates, [M].
        num_networks: networks, each with other first weights.
    """
    weights = np.asarray(weights, np.float32)
    scores = (values @ weights + np.float32(intercept)).astype(np.float32)
    num_videos = np.bincount(parts, minlength=len(positives))
    if len(parts) > MOST_VIDEOS:
        chosen = np.sort(np.random.default_rng(0).choice(len(parts), MOST_VIDEOS, replace=False))
        values, scores, classes, hits, parts = (each[chosen] for each in (values, scores, classes, hits, parts))
    count = min(NUM_CANDIDATES, scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    classes = np.take_along_axis(classes, order, axis=1)
    frequency = np.empty(order.shape, np.float32)
    for part in np.unique(parts):
        own = parts == part
        frequency[own] = _frequency_without(part, positives, num_videos)[classes[own]]
    features = candidate_features(
        np.take_along_axis(scores, order, axis=1),
        np.take_along_axis(values, order[:, :, None], axis=1),
        frequency,
    ).reshape(order.size, -1)
    center, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    scale[scale == 0] = 1.0
    inputs = np.clip((features - center) / scale, -LIMIT, LIMIT).astype(np.float32)
    networks = _networks(inputs, np.take_along_axis(hits, order, axis=1).ravel(), num_networks)
    kernels, biases = (
        tuple(np.stack(each).astype(np.float32) for each in zip(*parts_of, strict=True))
        for parts_of in zip(*networks, strict=True)
    )
    return Reranker(
        weights=weights,
        intercept=float(intercept),
        num_candidates=NUM_CANDIDATES,
        log_frequency=log_frequency(positives.sum(axis=0), num_videos.sum()),
        center=center.astype(np.float32),
        scale=scale.astype(np.float32),
        kernels=kernels,
        biases=biases,
    )


def _frequency_without(part: int, positives: np.ndarray, num_videos: np.ndarray) -> np.ndarray:
    """That of all other parts, float32 [C]; of all if no other has videos."""
    others = np.arange(len(positives)) != part
    if not num_videos[others].any():
        others[part] = True
    return log_frequency(positives[others].sum(axis=0), int(num_videos[others].sum()))


def _networks(inputs: np.ndarray, hits: np.ndarray, count: int) -> list[tuple[list[np.ndarray], list[np.ndarray]]]:
    """Kernels and biases of each network, layer by layer."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    found = []
    for seed in range(count):
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
            warnings.filterwarnings("error", _INTERRUPTED)
            try:
                network.fit(inputs, hits)
            except UserWarning as warning:
                if str(warning) != _INTERRUPTED:
                    raise
                raise KeyboardInterrupt from None
        found.append((network.coefs_, network.intercepts_))
    return found
