"""A reranker, and how it scores.

N = videos, C = classes, k = classes given for a video, K = candidates of a video, M = members, F = features, S = networks.
"""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from yt8m.errors import InputError
from yt8m.reranking.features import candidate_features, num_features, order_of_features
from yt8m.values import Float32, Range, fit

LIMIT = 6.0
"""Features count as no further from their mean than so many standard deviations."""


def log_frequency(positives: np.ndarray, num_videos: int) -> np.ndarray:
    """Returns the logarithm of the share of videos that have a class, float32 [C].

    A quarter of a label more keeps classes without labels finite.

    Args:
        positives: the number of labels of each class, [C].
        num_videos: the number of videos.
    """
    return np.log((positives + 0.25) / max(num_videos, 1)).astype(np.float32)


@dataclass(frozen=True)
class Reranker:
    """A weighted sum of logits, and networks that score its best candidates once more. The mean of their logits counts."""

    weights: np.ndarray
    """Weights of the members' logits in the sum, float32 [M]."""
    intercept: float
    """The intercept of the sum."""
    num_candidates: int
    """K: classes of a video that are scored once more. All others come after them, in the order of the sum."""
    log_frequency: np.ndarray
    """Of each class, float32 [C] (`log_frequency`)."""
    center: np.ndarray
    """The mean of each feature, float32 [F]."""
    scale: np.ndarray
    """Its standard deviation, float32 [F]."""
    kernels: tuple[np.ndarray, ...]
    """Of each layer, float32 [S, inputs, outputs]. Between layers the values below 0 become 0."""
    biases: tuple[np.ndarray, ...]
    """Of each layer, float32 [S, outputs]."""

    @property
    def num_networks(self) -> int:
        """S"""
        return len(self.kernels[0])

    def logits(self, values: np.ndarray, classes: np.ndarray | None = None) -> np.ndarray:
        """Scores videos.

        Args:
            values: the members' logits, float32 [N, k, M].
            classes: the class of each, int64 [N, k]; None = all classes in their order.

        Returns:
            Logits, float32 [N, k].
        """
        scores = (values @ self.weights + np.float32(self.intercept)).astype(np.float32)
        count = min(self.num_candidates, scores.shape[1])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        best = np.take_along_axis(scores, order, axis=1)
        of_classes = order if classes is None else np.take_along_axis(classes, order, axis=1)
        features = candidate_features(
            best,
            np.take_along_axis(values, order[:, :, None], axis=1),
            self.log_frequency[of_classes],
        )
        found = self._networks(features)
        logits = scores - best[:, -1:] + found.min(axis=1, keepdims=True)
        np.put_along_axis(logits, order, found, axis=1)
        return logits

    def _networks(self, features: np.ndarray) -> np.ndarray:
        """Logits float32 [N, K] of features float32 [N, K, F]."""
        inputs = np.clip((features - self.center) / self.scale, -LIMIT, LIMIT)
        total = np.zeros(features.shape[:2], np.float32)
        for layers in zip(*map(zip, self.kernels, self.biases), strict=True):
            hidden = inputs
            for place, (kernel, bias) in enumerate(layers):
                hidden = (np.maximum(hidden, 0) if place else hidden) @ kernel + bias
            total += hidden[..., 0]
        return total / np.float32(self.num_networks)

    def of_members(self, places: list[int]) -> "Reranker":
        """The same for members in another order: the old place of each."""
        order = order_of_features(places)
        return dataclasses.replace(
            self,
            weights=self.weights[places],
            center=self.center[order],
            scale=self.scale[order],
            kernels=(self.kernels[0][:, order], *self.kernels[1:]),
        )

    def as_json(self) -> dict[str, Any]:
        """As plain JSON values, which `from_json` reads."""
        values = vars(self) | {name: getattr(self, name).tolist() for name in _VECTORS}
        return values | {name: [each.tolist() for each in values[name]] for name in ("kernels", "biases")}

    @classmethod
    def from_json(cls, values: Any) -> "Reranker":
        """The reranker of plain JSON values. Raises InputError, without the place, if they are none."""
        try:
            found = cls(
                **{name: _array(values[name], 1) for name in _VECTORS},
                intercept=fit(values["intercept"], Float32, "intercept"),
                num_candidates=fit(values["num_candidates"], Annotated[int, Range(least=1)], "num_candidates"),
                kernels=tuple(_array(each, 3) for each in values["kernels"]),
                biases=tuple(_array(each, 2) for each in values["biases"]),
            )
        except InputError:
            raise
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError("holds no network") from error
        if not found._fits():
            raise InputError("holds a network whose parts do not fit together")
        return found

    def _fits(self) -> bool:
        """Whether all arrays have the sizes that belong together, and no scale is so small that nothing can be divided by it."""
        width = num_features(len(self.weights))
        sizes = [width, *(each.shape[2] for each in self.kernels)]
        networks = {len(each) for each in (*self.kernels, *self.biases)}
        return (
            len(self.weights) > 0
            and self.center.shape == self.scale.shape == (width,)
            and bool((self.scale > _LEAST_SCALE).all())
            and len(networks) == 1
            and networks != {0}
            and len(self.kernels) == len(self.biases)
            and [each.shape[1] for each in self.kernels] == sizes[:-1]
            and [each.shape[1] for each in self.biases] == sizes[1:]
            and sizes[-1] == 1
        )


_LEAST_SCALE = 1e-20
_VECTORS = ("weights", "log_frequency", "center", "scale")


def _array(values: Any, dimensions: int) -> np.ndarray:
    """float32. Raises ValueError unless it has so many dimensions, and finite numbers alone."""
    with np.errstate(over="ignore"):  # such a number becomes infinite
        found = np.array(values, np.float32)
    if found.ndim != dimensions or not np.isfinite(found).all():
        raise ValueError
    return found
