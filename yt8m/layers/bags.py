"""Bags of words: how often a video's frames come near each of K learned words."""

import keras
from keras import ops

from yt8m.layers import serialisable
from yt8m.layers.normalisation import batch_normalisation
from yt8m.layers.pooling import Pooling, weighted_sum
from yt8m.layers.preprocessing import unit_length


@serialisable
class SoftBagOfWords(Pooling):
    """Soft counts of learned words (arXiv 1706.06905, section 3.1).

    With x the frames and a_t = softmax(BN(x_t W)): h = sum_t a_t, divided by its L2 norm; 0 for a video without frames.

    Args:
        num_clusters: K, the number of words.

    Call arguments: frames [B, T, D], bool [B, T]. Returns [B, K].
    """

    def __init__(self, num_clusters, **kwargs):
        super().__init__(**kwargs)
        self.num_clusters = num_clusters
        self.assignment_normalisation = batch_normalisation("assignment_bn", dtype=self.dtype_policy)

    def build(self, frames_shape, mask_shape=None):
        size = frames_shape[-1]
        initial = keras.initializers.RandomNormal(stddev=size**-0.5)
        self.assignment = self.add_weight(name="assignment", shape=(size, self.num_clusters), initializer=initial)
        self.assignment_normalisation.build((None, None, self.num_clusters))
        self.built = True

    def call(self, frames, mask, training=None):
        scores = self.assignment_normalisation(ops.matmul(frames, self.assignment), training=training, mask=mask)
        weights = ops.softmax(ops.cast(scores, "float32"), axis=-1)
        counts = weighted_sum(ops.cast(mask, "float32"), weights)  # masks and adds in one pass
        return ops.cast(unit_length(counts), self.compute_dtype)

    def compute_output_shape(self, frames_shape, mask_shape=None):
        return (frames_shape[0], self.num_clusters)

    def get_config(self):
        return super().get_config() | {"num_clusters": self.num_clusters}
