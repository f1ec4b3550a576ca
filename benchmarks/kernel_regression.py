"""Kernel ridge regression of labels, with what may be chosen about it.

N = known videos, M = others, D = values of a video, C = classes.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from benchmarks.video_arrays import SIZES, Videos, unit
from yt8m.training.leaving_one_out import left_out


@dataclass(frozen=True)
class Regression:
    """What may be chosen. The defaults are those of the model `kernel_ridge`."""

    kernel: Literal["linear", "laplacian", "together", "apart", "both"] = "both"
    """Of the cosine c of all features and the cosines c_i of each: c; exp(-sqrt(2 - 2c) / h), which is of the distance;
    exp((c - 1) / h); the sum of s_i exp((c_i - 1) / h) with a feature's share s_i; the mean of the last two."""
    bandwidth: float = 1.0
    """h"""
    ridge: float = 0.02
    sound: float | None = 0.5
    """How long sound is beside rgb, whose length is 1. None = the values of both have length 1 together, as they are."""
    scaling: Literal["none", "deviation", "explained"] = "explained"
    """What each value is multiplied by: 1, its standard deviation, or the share of its variance that labels explain, to a
    power, over its standard deviation."""
    power: float = 1.0
    roots: bool = False
    """Whether signed square roots are taken first."""

    def predict(self, known: Videos, others: Videos | None) -> np.ndarray:
        """What the regression says of other videos, float32 [M, C], or of the known ones by leaving each out, [N, C].

        Probabilities, but some are a little below 0 or above 1.
        """
        vectors = self._vectors(known, known)
        targets = known.targets(slice(None))
        prior = targets.mean(axis=0)
        targets = targets - prior
        kernel = self._kernel(vectors, vectors)
        kernel[np.diag_indices_from(kernel)] += np.float32(self.ridge)
        factor = cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False)
        if others is None:
            coefficients = cho_solve(factor, targets, check_finite=False)
            return left_out(factor, coefficients, targets, prior)
        # There are fewer other videos than classes.
        weights = cho_solve(factor, self._kernel(vectors, self._vectors(known, others)), check_finite=False)
        return weights.T @ targets + prior

    def _vectors(self, known: Videos, videos: Videos) -> list[np.ndarray]:
        """Vectors of length sqrt(s_i) of each feature, or one of length 1 of all, float32 [N, D_i]."""
        values = self._rooted(videos.values) * self._weights(known)
        if self.sound is None:
            return [unit(values)]
        rgb, sound = (unit(each) for each in np.split(values, [SIZES[0]], axis=1))
        length = np.float32(np.hypot(1.0, self.sound))
        return [rgb / length, np.float32(self.sound) * sound / length]

    def _weights(self, known: Videos) -> np.ndarray:
        """What each value is multiplied by, float32 [D]."""
        if self.scaling == "none":
            return np.ones(known.values.shape[1], np.float32)
        deviations = self._rooted(known.values).std(axis=0)
        if self.scaling == "deviation":
            return deviations
        shares = known.scale * known.values.std(axis=0)
        return np.where(deviations > 0, shares**self.power / np.maximum(deviations, 1e-9), 0).astype(np.float32)

    def _rooted(self, values: np.ndarray) -> np.ndarray:
        return np.sign(values) * np.sqrt(np.abs(values)) if self.roots else values

    def _kernel(self, some: list[np.ndarray], others: list[np.ndarray]) -> np.ndarray:
        """float32 [N, M]"""
        shares = [1.0] if self.sound is None else np.square([1.0, self.sound]) / (1 + self.sound**2)
        parts = [one @ other.T for one, other in zip(some, others, strict=True)]  # s_i c_i
        cosines = sum(parts)
        if self.kernel == "linear":
            return cosines
        if self.kernel == "laplacian":
            return np.exp(-np.sqrt(np.maximum(2 - 2 * cosines, 0)) / np.float32(self.bandwidth))
        kernels = []
        if self.kernel != "apart":
            kernels.append(self._of_distance(cosines))
        if self.kernel != "together":
            each = zip(np.float32(shares), parts, strict=True)
            kernels.append(sum(share * self._of_distance(part / share) for share, part in each))
        return sum(kernels) / np.float32(len(kernels))

    def _of_distance(self, cosines: np.ndarray) -> np.ndarray:
        return np.exp((cosines - 1) / np.float32(self.bandwidth))


def kernel_ridge(known: Videos, others: Videos | None) -> np.ndarray:
    """What the model `kernel_ridge` says of others, or of the known ones by leaving each out, float32 [N, C] in [0, 1]."""
    return np.clip(Regression().predict(known, others), 0, 1).astype(np.float32)
