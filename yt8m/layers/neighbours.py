"""Predictions from the labels of the most similar known videos, by cosine."""

import keras
from keras import ops

from yt8m.layers import serialisable

_ROWS_AT_ONCE = 1 << 16
"""Known videos that a batch is compared with at a time: the cosines of 256 videos then take 64 MB."""


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

    Weights, none of them trained by gradients: `vectors` float32 [N, D], of length 1; `labels` int32 [N, L], padded with -1;
    `prior` float32 [C], between 0 and 1 exclusive.

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
        shape = (self.num_videos, input_shape[-1])
        self.vectors = self.add_weight(name="vectors", shape=shape, initializer="zeros", **stored)
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
        vectors = ops.convert_to_tensor(self.vectors)
        for first in range(0, self.num_videos, _ROWS_AT_ONCE):
            some = vectors[first : first + _ROWS_AT_ONCE]
            found, where = ops.top_k(ops.matmul(inputs, ops.transpose(some)), min(self.num_neighbours, some.shape[0]))
            where = ops.cast(where, "int32") + first
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

    def get_config(self):
        names = ("num_classes", "num_videos", "num_neighbours", "max_labels", "sharpness", "prior_weight")
        return super().get_config() | {name: getattr(self, name) for name in names}
