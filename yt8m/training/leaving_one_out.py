"""What a kernel ridge regression says of its own videos without them, and networks that learn from it.

N = training videos, C = classes.
"""

import numpy as np
from scipy.linalg import cho_solve, lapack

from yt8m.layers.kernels import bent_logits
from yt8m.reranking import Reranker, fit_reranker

FEWEST_VIDEOS = 200
"""With fewer, networks would learn chance."""
_PARTS, _CANDIDATES, _BATCH_SIZE = 5, 100, 512


def left_out(
    factor: tuple[np.ndarray, bool], coefficients: np.ndarray, targets: np.ndarray, prior: np.ndarray
) -> np.ndarray:
    """What the regression says of each video if it is fitted to all others, prior included, in closed form.

    With the matrix A to invert, the regression of the others misses target y_i by (A^-1 y)_i / (A^-1)_ii, so one solution serves
    for all videos.

    Args:
        factor: the Cholesky factor of A, lower, as `scipy.linalg.cho_factor` gives it; overwritten.
        coefficients: A^-1 targets, float32 [N, C].
        targets: labels less the prior, float32 [N, C].
        prior: the mean of the labels, float32 [C].

    Returns:
        float32 [N, C]
    """
    count = len(targets)
    of_ones = cho_solve(factor, np.ones(count, np.float32), check_finite=False)
    inverse, _ = lapack.spotri(factor[0], lower=1, overwrite_c=1)
    diagonal = np.diag(inverse)[:, None]
    found = targets - coefficients / diagonal + prior
    # Without the video, the prior is another one, and what the regression adds to it, too.
    found -= targets / np.float32(max(count - 1, 1)) * (of_ones[:, None] / diagonal)
    return found


def learn_networks(values: np.ndarray, labels: np.ndarray) -> Reranker:
    """Fits networks to the best classes of each video.

    Args:
        values: what a regression says of each video that was left out, float32 [N, C].
        labels: 0 or 1, float32 [N, C]; not all are 0.
    """
    count, num_classes = values.shape
    kept = min(_CANDIDATES, num_classes)
    classes = np.argpartition(-values, kept - 1, axis=1)[:, :kept]
    logits = np.concatenate(
        [
            np.asarray(bent_logits(np.take_along_axis(values[some], classes[some], axis=1)))
            for some in (slice(first, first + _BATCH_SIZE) for first in range(0, count, _BATCH_SIZE))
        ]
    )
    parts = np.arange(count) % _PARTS
    positives = np.array([labels[parts == part].sum(axis=0) for part in range(_PARTS)])
    hits = np.take_along_axis(labels, classes, axis=1) > 0
    return fit_reranker(logits[:, :, None], classes, hits, parts, positives, np.ones(1), 0.0)
