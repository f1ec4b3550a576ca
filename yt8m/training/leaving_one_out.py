"""What a kernel ridge regression says of its own videos without them, and networks that learn from it.

N = training videos, C = classes.
"""

from collections.abc import Iterator

import numpy as np
from scipy import sparse
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

    How much each value of a feature counts stays, although that comes from all labels.

    With the matrix A to invert, the regression of the others misses target y_i by (A^-1 y)_i / (A^-1)_ii, so one solution serves
    for all videos.

    Args:
        factor: the Cholesky factor of A, lower, as `scipy.linalg.cho_factor` gives it; overwritten.
        coefficients: A^-1 targets, float32 [N, C]; overwritten, as it takes a quarter of a gigabyte.
        targets: labels less the prior, float32 [N, C].
        prior: the mean of the labels, float32 [C].

    Returns:
        float32 [N, C]
    """
    count = len(targets)
    of_ones = cho_solve(factor, np.ones(count, np.float32), check_finite=False)
    inverse, _ = lapack.spotri(factor[0], lower=1, overwrite_c=1)
    diagonal = np.diag(inverse)[:, None]
    # Without the video, the prior is another one, and what the regression adds to it, too.
    share = of_ones[:, None] / (diagonal * max(count - 1, 1))
    for some in _batches(count):
        coefficients[some] /= -diagonal[some]
        coefficients[some] += targets[some] * (1 - share[some]) + prior
    return coefficients


def learn_networks(values: np.ndarray, labels: sparse.csr_matrix, num_networks: int) -> Reranker:
    """Fits networks to the best classes of each video.

    Args:
        values: what a regression says of each video that was left out, float32 [N, C].
        labels: 0 or 1, [N, C]; not all are 0.
        num_networks: how many.
    """
    count, num_classes = values.shape
    kept, found = min(_CANDIDATES, num_classes), []
    for some in _batches(count):
        classes = np.argpartition(-values[some], kept - 1, axis=1)[:, :kept]
        logits = np.asarray(bent_logits(np.take_along_axis(values[some], classes, axis=1)))
        found.append((logits, classes, np.take_along_axis(labels[some].toarray() > 0, classes, axis=1)))
    logits, classes, hits = (np.concatenate(each) for each in zip(*found, strict=True))
    parts = np.arange(count) % _PARTS
    positives = np.array([labels[parts == part].sum(axis=0).A1 for part in range(_PARTS)])
    return fit_reranker(logits[:, :, None], classes, hits, parts, positives, np.ones(1), 0.0, num_networks)


def _batches(count: int) -> Iterator[slice]:
    return (slice(first, first + _BATCH_SIZE) for first in range(0, count, _BATCH_SIZE))
