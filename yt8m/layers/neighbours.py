"""Predictions from the labels of the most similar known videos, by cosine."""

from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

from yt8m.layers import serialisable

_ROWS_AT_ONCE = 1 << 16
"""Known videos in a weight, and those that a batch is compared with at a time: the cosines of 1024 videos then take 268 MB. A
weight is copied when it is set, saved or loaded, and so is never more than a part of the memory that all take. Files of larger
runs hold such weights, so another number would not load them."""


def _pieces(num_videos: int) -> list[int]:
    """How many known videos each weight has."""
    return [min(_ROWS_AT_ONCE, num_videos - first) for first in range(0, num_videos, _ROWS_AT_ONCE)]


@serialisable
class NearestNeighbours(keras.layers.Layer):
    """The share of the nearest known videos that have each class, near ones counted more, as logits.

    With the k highest cosines c_j and weights w_j = exp(sharpness * (c_j - 1)),
    p = (sum of w_j y_j + prior_weight * prior) / (sum of w_j + prior_weight * 1). Of equal cosines the first known videos
    count. All known videos are compared, so the result is exact up to the rounding of float32.

    Args:
        num_classes: C.
        num_videos: N, the known videos.
        num_neighbours: k; all videos if there are fewer.
        max_labels: L.
        sharpness: how much more near videos count; 0 = all k count alike.
        prior_weight: how much the shares of the classes among all known videos count.

    Weights, none of them trained by gradients: `vectors` float32 [<= 65 536, D] each, of length 1; `labels` int32 [N, L], padded
    with -1; `prior` float32 [C], between 0 and 1 exclusive.

    Call arguments: vectors of length 1, float32 [B, D]. Returns logits, float32 [B, C].
    """

    def __init__(
        self, num_classes, num_videos, num_neighbours=20, max_labels=1, sharpness=0.0, prior_weight=0.01, **kwargs
    ):
        super().__init__(autocast=False, **kwargs)
        self.num_classes, self.num_videos, self.num_neighbours = num_classes, num_videos, num_neighbours
        self.max_labels, self.sharpness, self.prior_weight = max_labels, sharpness, prior_weight

    def build(self, input_shape):
        stored = {"trainable": False, "autocast": False}
        self.vectors = [
            self.add_weight(name=f"vectors_{place}", shape=(rows, input_shape[-1]), initializer="zeros", **stored)
            for place, rows in enumerate(_pieces(self.num_videos))
        ]
        shape = (self.num_videos, self.max_labels)
        none = keras.initializers.Constant(-1)
        self.labels = self.add_weight(name="labels", shape=shape, initializer=none, dtype="int32", **stored)
        half = keras.initializers.Constant(0.5)
        self.prior = self.add_weight(name="prior", shape=(self.num_classes,), initializer=half, **stored)
        self.built = True

    def call(self, inputs):
        cosines, places = self._nearest(inputs)
        weights = ops.exp(self.sharpness * (cosines - 1.0))
        prior = self.prior_weight * ops.convert_to_tensor(self.prior)
        present = self._votes(weights, ops.take(self.labels, places, axis=0)) + prior
        total = ops.sum(weights, axis=-1, keepdims=True) + self.prior_weight
        return ops.log(present) - ops.log(ops.maximum(total - present, 1e-7 * total))

    def _nearest(self, inputs):
        """The highest cosines, float32 [B, k], and the places of their videos, int32 [B, k]."""
        cosines, places = None, None
        for number, some in enumerate(self.vectors):
            if cosines is not None:
                # One after another: a graph would compute the cosines with all known videos at once, which take much memory.
                inputs = inputs + 0.0 * cosines[:, :1]
            compared = ops.matmul(inputs, ops.transpose(some))
            found, where = ops.top_k(compared, min(self.num_neighbours, some.shape[0]))
            where = ops.cast(where, "int32") + number * _ROWS_AT_ONCE
            if cosines is not None:  # the earlier ones come first, so they win a tie
                found, where = ops.concatenate([cosines, found], -1), ops.concatenate([places, where], -1)
                found, order = ops.top_k(found, min(self.num_neighbours, found.shape[-1]))
                where = ops.take_along_axis(where, order, axis=-1)
            cosines, places = found, where
        return cosines, places

    def _votes(self, weights, labels):
        """The sum of the weights of the neighbours that have each class, float32 [B, C].

        Args:
            weights: float32 [B, k].
            labels: int32 [B, k, L].
        """
        batch = ops.shape(weights)[0]
        given = ops.cast(labels >= 0, "float32") * weights[:, :, None]
        cells = ops.arange(batch, dtype="int32")[:, None, None] * self.num_classes + ops.maximum(labels, 0)
        sums = ops.segment_sum(ops.reshape(given, (-1,)), ops.reshape(cells, (-1,)), batch * self.num_classes)
        return ops.reshape(sums, (-1, self.num_classes))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_classes)

    def load_own_variables(self, store: Mapping) -> None:
        """Loads the weights, also those of earlier versions, which saved all vectors in one piece."""
        if len(store.keys()) == 3 and len(self.vectors) > 1:
            pieces = np.split(store["0"], range(_ROWS_AT_ONCE, self.num_videos, _ROWS_AT_ONCE))
            store = {str(place): value for place, value in enumerate([*pieces, store["1"], store["2"]])}
        super().load_own_variables(store)

    def get_config(self):
        names = ("num_classes", "num_videos", "num_neighbours", "max_labels", "sharpness", "prior_weight")
        return super().get_config() | {name: getattr(self, name) for name in names}
