"""How much the labels say of each value of a feature: the share of its variance that a ridge regression on them explains.

N = videos, D = values of a feature, C = classes.
"""

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

LEAST_POSITIVES = 3
"""Classes with fewer videos take no part: they would explain noise."""
FEWEST_VIDEOS = 200
"""Fewer videos say too little of single values, and all of a feature's values count alike. A network without whitening has many
values that hardly vary. What a few dozen labels seem to explain of them is noise, and division by their deviation makes it
large."""
RIDGE = 20.0
"""The ridge, in videos: it makes classes with few videos explain less. 5 was as good on 8 900 real videos."""


class Moments:
    """Sums over videos that the shares follow from, so that videos come in batches and need not be kept.

    Args:
        num_classes: C.
        sizes: D of each feature.
    """

    def __init__(self, num_classes: int, sizes: list[int]):
        self.count = 0
        """N."""
        self._labels = np.zeros(num_classes)
        self._pairs = sparse.csr_matrix((num_classes, num_classes))
        self._sums = [np.zeros(size) for size in sizes]
        self._squares = [np.zeros(size) for size in sizes]
        self._products = [np.zeros((num_classes, size)) for size in sizes]

    def add(self, labels: sparse.csr_matrix, features: list[np.ndarray]) -> None:
        """Adds labels, 0 or 1, [N, C], and the values of each feature, float [N, D]."""
        self.count += labels.shape[0]
        self._labels += np.asarray(labels.sum(axis=0)).ravel()
        self._pairs = self._pairs + labels.T @ labels
        for place, feature in enumerate(features):
            values = feature.astype(np.float64)
            self._sums[place] += values.sum(axis=0)
            self._squares[place] += np.square(values).sum(axis=0)
            self._products[place] += labels.T @ values

    def merge(self, other: "Moments") -> None:
        """Adds the videos of another one, with the same classes and sizes."""
        self.count += other.count
        self._labels += other._labels
        self._pairs = self._pairs + other._pairs
        for name in ("_sums", "_squares", "_products"):
            for mine, theirs in zip(getattr(self, name), getattr(other, name), strict=True):
                mine += theirs

    def scales(self) -> list[np.ndarray]:
        """What to multiply each value by, float32 [D] a feature: its share of explained variance over its deviation.

        A value that never changes gets 0. If no class has enough videos, all shares count as 1. Of fewer than `FEWEST_VIDEOS`
        videos, all values of a feature get the same: one over the root of their mean variance.
        """
        totals = [
            np.maximum(squares - sums**2 / self.count, 0.0)
            for sums, squares in zip(self._sums, self._squares, strict=True)
        ]
        if self.count < FEWEST_VIDEOS:
            deviations = [np.sqrt(total.mean() / self.count) for total in totals]
            return [
                np.full(len(total), 1 / deviation if deviation else 1.0, np.float32)
                for total, deviation in zip(totals, deviations, strict=True)
            ]
        used = np.flatnonzero(self._labels >= LEAST_POSITIVES)
        means = self._labels[used] / self.count
        pairs = self._pairs[used][:, used].toarray() - self.count * np.outer(means, means)
        factor = cho_factor(pairs + RIDGE * np.eye(len(used))) if len(used) else None
        found = []
        for total, sums, squares, products in zip(totals, self._sums, self._squares, self._products, strict=True):
            changing = total > 1e-9 * squares  # what rounding leaves of a constant is less
            if factor:
                covariances = products[used] - np.outer(means, sums)
                weights = cho_solve(factor, covariances)
                left = total - np.sum(weights * (2 * covariances - pairs @ weights), axis=0)
                shares = np.clip(1 - left / np.where(changing, total, 1.0), 0.0, 1.0)
            else:
                shares = np.ones_like(total)
            deviations = np.sqrt(total / self.count)
            found.append(np.where(changing, shares / np.where(changing, deviations, 1.0), 0.0).astype(np.float32))
        return found
