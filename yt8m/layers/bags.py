"""Bags of words: how often a video's frames come near each of K learned words."""

import keras
from keras import ops

from yt8m.layers import serialisable
from yt8m.layers.normalisation import batch_normalisation, folded_product
from yt8m.layers.pooling import Pooling, weighted_sum
from yt8m.layers.preprocessing import unit_length


@serialisable
class SoftBagOfWords(Pooling):
    """Soft counts of learned words (arXiv 1706.06905, section 3.1).

    With x the frames, y = x * scale + offset, and a_t = softmax(BN(y_t W)): h = sum_t a_t, divided by its L2 norm; 0 for a
    video without frames. y is never in memory: y W is a `folded_product`.

    Args:
        num_clusters: K, the number of words.

    Call arguments: frames [B, T, D], bool [B, T]; scale and offset float32 [D], of frames that no weights precede; without them
    y = x. Returns [B, K].
    """

    def __init__(self, num_clusters, **kwargs):
        super().__init__(autocast=False, **kwargs)  # or Keras would round scale and offset to the compute dtype
        self.num_clusters = num_clusters
        self.assignment_normalisation = batch_normalisation("assignment_bn", dtype=self.dtype_policy)

    def build(self, frames_shape, mask_shape=None, scale_shape=None, offset_shape=None):
        size = frames_shape[-1]
        initial = keras.initializers.RandomNormal(stddev=size**-0.5)
        self.assignment = self.add_weight(
            name="assignment", shape=(size, self.num_clusters), initializer=initial, autocast=False
        )
        self.assignment_normalisation.build((None, None, self.num_clusters))
        self.built = True

    def call(self, frames, mask, scale=None, offset=None, training=None):
        frames = ops.cast(frames, self.compute_dtype)
        if scale is None:
            scores = ops.matmul(frames, ops.cast(self.assignment, self.compute_dtype))
        else:
            scores = folded_product(frames, scale, offset, self.assignment, self.compute_dtype)
        scores = self.assignment_normalisation(scores, training=training, mask=mask)
        weights = ops.softmax(ops.cast(scores, "float32"), axis=-1)
        counts = weighted_sum(ops.cast(mask, "float32"), weights)  # masks and adds in one pass
        return ops.cast(unit_length(counts), self.compute_dtype)

    def compute_output_shape(self, frames_shape, mask_shape=None, scale_shape=None, offset_shape=None):
        return (frames_shape[0], self.num_clusters)

    def get_config(self):
        return super().get_config() | {"num_clusters": self.num_clusters}
