"""Poolings that describe a video by its frames near each of K learned centres.

`NetVLAD`, `NetRVLAD` and `NetFisherVector` assign frames softly to K clusters and sum them up per cluster. `NeXtVLAD` does
this for groups of a wider frame. Sums over frames are matrix products, so no tensor has the size [B, T, K, D].
"""

import keras
from keras import ops

from yt8m.layers import serialisable
from yt8m.layers.normalisation import batch_normalisation, folded_product
from yt8m.layers.pooling import Pooling


def _inverse_length(squared):
    """The factor that scales a vector to unit length, from its squared L2 norm. For zeros, factor and gradient are 0."""
    return ops.where(squared > 0.0, ops.rsqrt(ops.maximum(squared, 1e-12)), 0.0)


def unit_clusters(sums):
    """Scales every cluster's sum to L2 norm 1, then the whole: float32 [B, K, D] to [B, K * D].

    One factor per cluster does both, which needs no copy of the sums.
    """
    squared = ops.sum(ops.square(sums), axis=-1)
    factors = _inverse_length(squared)
    whole = ops.sum(squared * ops.square(factors), axis=-1, keepdims=True)
    scaled = sums * (factors * _inverse_length(whole))[:, :, None]
    return ops.reshape(scaled, (-1, sums.shape[1] * sums.shape[2]))


class ClusterPooling(Pooling):
    """The base of poolings with soft assignment: y = BN(x) and a = softmax(BN(y W)) for every real frame x.

    y is never in memory. As BN is ``y = x * scale + offset``, y W is a `folded_product` and
    ``sum_t a_t y_t = scale * sum_t a_t x_t + offset * sum_t a_t``. This is exact. It saves a copy of the frames and, as no
    weights precede x, the two products for the gradient of y.

    Args:
        num_clusters: K.

    Call arguments: frames [B, T, D], bool [B, T]. Returns [B, values_per_feature * K * D], cluster by cluster.
    """

    values_per_feature = 1

    def __init__(self, num_clusters, **kwargs):
        super().__init__(**kwargs)
        self.num_clusters = num_clusters
        self.input_normalisation = batch_normalisation("input_bn", dtype=self.dtype_policy)
        self.assignment_normalisation = batch_normalisation("assignment_bn", dtype="float32")

    def build(self, frames_shape, mask_shape=None):
        size = frames_shape[-1]
        self.input_normalisation.build(frames_shape)
        self.assignment = self.add_matrix("assignment", size, keras.initializers.RandomNormal(stddev=size**-0.5))
        self.assignment_normalisation.build((None, None, self.num_clusters))
        self.built = True

    def add_matrix(self, name, size, initializer):
        """Adds a float32 weight [D, K]."""
        return self.add_weight(name=name, shape=(size, self.num_clusters), initializer=initializer, autocast=False)

    def assign(self, frames, mask, training):
        """Assigns frames to clusters: shares [B, T, K], 0 where masked; scale and offset [D] of y. All are float32."""
        scale, offset = self.input_normalisation.scale_and_offset(frames, training=training, mask=mask)
        scores = folded_product(frames, scale, offset, self.assignment, self.compute_dtype)
        scores = self.assignment_normalisation(scores, training=training, mask=mask)
        return ops.softmax(scores, axis=-1) * ops.cast(mask, "float32")[:, :, None], scale, offset

    def add_up(self, shares, frames):
        """sum_t a_t x_t for every cluster: float32 [B, K, D]."""
        return ops.cast(ops.einsum("btk,btd->bkd", ops.cast(shares, self.compute_dtype), frames), "float32")

    def compute_output_shape(self, frames_shape, mask_shape=None):
        return (frames_shape[0], self.values_per_feature * self.num_clusters * frames_shape[-1])

    def get_config(self):
        return super().get_config() | {"num_clusters": self.num_clusters}


@serialisable
class NetRVLAD(ClusterPooling):
    """NetVLAD without centres (arXiv 1706.06905, section 3.1): V_k = sum_t a_tk y_t, normalised as in NetVLAD."""

    def call(self, frames, mask, training=None):
        shares, scale, offset = self.assign(frames, mask, training)
        sums = self.add_up(shares, frames) * scale + ops.sum(shares, axis=1)[:, :, None] * offset
        return ops.cast(unit_clusters(sums), self.compute_dtype)


@serialisable
class NetVLAD(ClusterPooling):
    """Soft-assigned residuals to learned centres (arXiv 1511.07247, equation 4; for video arXiv 1706.06905).

    With centres c: V_k = sum_t a_tk (y_t - c_k). Each V_k is scaled to L2 norm 1, then the whole. A video without frames gives
    0. The assignment weights W and the centres are separate, as in the papers' code.
    """

    def build(self, frames_shape, mask_shape=None):
        size = frames_shape[-1]
        self.centres = self.add_matrix("centres", size, keras.initializers.RandomNormal(stddev=size**-0.5))
        super().build(frames_shape, mask_shape)

    def call(self, frames, mask, training=None):
        shares, scale, offset = self.assign(frames, mask, training)
        shifts = offset - ops.transpose(self.centres)
        residuals = self.add_up(shares, frames) * scale + ops.sum(shares, axis=1)[:, :, None] * shifts
        return ops.cast(unit_clusters(residuals), self.compute_dtype)


@serialisable
class NetFisherVector(NetVLAD):
    """NetFV: first and second order differences to learned Gaussians (arXiv 1706.06905, section 3.1).

    With centres c and deviations s: F1_k = sum_t a_tk (y_t - c_k) / s_k and F2_k = sum_t a_tk ((y_t - c_k)^2 / s_k^2 - 1).
    Each is normalised as in NetVLAD; the output has both side by side. s = exp(w) is always positive and starts at 1.
    """

    values_per_feature = 2

    def build(self, frames_shape, mask_shape=None):
        self.log_deviations = self.add_matrix("log_deviations", frames_shape[-1], keras.initializers.Zeros())
        super().build(frames_shape, mask_shape)

    def call(self, frames, mask, training=None):
        shares, scale, offset = self.assign(frames, mask, training)
        totals = ops.sum(shares, axis=1)[:, :, None]
        # y - c = x * scale + shifts.
        shifts, precisions = offset - ops.transpose(self.centres), ops.exp(-ops.transpose(self.log_deviations))
        sums, squares = self.add_up(shares, frames), self.add_up(shares, ops.square(frames))
        first = (sums * scale + totals * shifts) * precisions
        second = squares * ops.square(scale) + sums * (2.0 * scale * shifts) + totals * ops.square(shifts)
        second = second * ops.square(precisions) - totals
        both = ops.concatenate([unit_clusters(first), unit_clusters(second)], axis=-1)
        return ops.cast(both, self.compute_dtype)


@serialisable
class NeXtVLAD(Pooling):
    """VLAD of groups of a wider frame, weighted by attention (arXiv 1811.05014, section 3.2).

    A frame of size D is expanded to h of size l D and cut into G groups h_g. With s = sigmoid(h A + b) [G] and, for each group,
    a_g = softmax(BN(h W))_g [K]: V_k = sum over real frames and groups of s_g a_gk (h_g - c_k). Each V_k is scaled to L2 norm 1,
    and BN is applied to the whole. All groups share the centres c.

    Args:
        num_clusters: K.
        num_groups: G; must divide l D.
        expansion: l.

    Call arguments: frames [B, T, D], bool [B, T]. Returns [B, K * l * D / G], cluster by cluster.
    """

    def __init__(self, num_clusters, num_groups=8, expansion=2, **kwargs):
        super().__init__(**kwargs)
        self.num_clusters, self.num_groups, self.expansion = num_clusters, num_groups, expansion
        self.assignment_normalisation = batch_normalisation("assignment_bn", dtype="float32")
        self.output_normalisation = batch_normalisation("output_bn", dtype=self.dtype_policy)

    def build(self, frames_shape, mask_shape=None):
        size, expanded = frames_shape[-1], frames_shape[-1] * self.expansion
        assert expanded % self.num_groups == 0, f"{self.num_groups} groups of {expanded} values"
        group, num_scores = expanded // self.num_groups, self.num_groups * self.num_clusters
        he, normal = keras.initializers.HeNormal, keras.initializers.RandomNormal
        self.expansion_kernel = self.add_weight(name="expansion", shape=(size, expanded), initializer=he())
        self.expansion_bias = self.add_weight(name="expansion_bias", shape=(expanded,), initializer="zeros")
        self.attention = self.add_weight(name="attention", shape=(expanded, self.num_groups), initializer=he())
        self.attention_bias = self.add_weight(name="attention_bias", shape=(self.num_groups,), initializer="zeros")
        initial = normal(stddev=expanded**-0.5)
        self.assignment = self.add_weight(name="assignment", shape=(expanded, num_scores), initializer=initial)
        self.centres = self.add_weight(
            name="centres", shape=(group, self.num_clusters), initializer=normal(stddev=group**-0.5), autocast=False
        )
        self.assignment_normalisation.build((None, None, num_scores))
        self.output_normalisation.build((None, self.num_clusters * group))
        self.built = True

    def call(self, frames, mask, training=None):
        expanded = ops.matmul(frames, self.expansion_kernel) + self.expansion_bias
        attention = ops.cast(ops.matmul(expanded, self.attention) + self.attention_bias, "float32")
        attention = ops.sigmoid(attention) * ops.cast(mask, "float32")[:, :, None]
        scores = ops.cast(ops.matmul(expanded, self.assignment), "float32")
        scores = self.assignment_normalisation(scores, training=training, mask=mask)
        # The groups of all frames in one row of length T * G.
        length, group = ops.shape(frames)[1] * self.num_groups, self.centres.shape[0]
        shares = ops.softmax(ops.reshape(scores, (-1, length, self.num_clusters)), axis=-1)
        shares = shares * ops.reshape(attention, (-1, length, 1))
        groups = ops.reshape(expanded, (-1, length, group))
        sums = ops.cast(ops.einsum("btk,btd->bkd", ops.cast(shares, self.compute_dtype), groups), "float32")
        residuals = sums - ops.sum(shares, axis=1)[:, :, None] * ops.transpose(self.centres)
        residuals = residuals * _inverse_length(ops.sum(ops.square(residuals), axis=-1, keepdims=True))
        flat = ops.reshape(residuals, (-1, self.num_clusters * group))
        return self.output_normalisation(flat, training=training)

    def compute_output_shape(self, frames_shape, mask_shape=None):
        return (frames_shape[0], self.num_clusters * frames_shape[-1] * self.expansion // self.num_groups)

    def get_config(self):
        names = ("num_clusters", "num_groups", "expansion")
        return super().get_config() | {name: getattr(self, name) for name in names}
