"""Regression on the similarity to known videos."""

import keras
from keras import ops

from yt8m.layers import serialisable

BEND = 0.002
"""Values are bent where they are this near to 0 or 1, so that no logit is infinite and their order stays."""
_LEAST = -60.0
"""Lower values count as this; the logit is about as low."""
_SERIES_BELOW = -4.0
"""Where four terms of a series are as exact as float32."""


def bent_logits(values):
    """Values from about 0 to 1, such as a regression gives, as logits that increase with them.

    log(f(x)) - log(f(1 - x)) with f(x) = softplus(x / b): the logit of x, but near 0 and 1.
    """
    present = _log_softplus(ops.maximum(values / BEND, _LEAST))
    absent = _log_softplus(ops.maximum((1.0 - values) / BEND, _LEAST))
    return present - absent


def _log_softplus(values):
    """log(log(1 + exp(x))), also in LiteRT, whose softplus ends at 88 and whose log1p(x) is log(1 + x)."""
    below, above = ops.minimum(values, _SERIES_BELOW), ops.maximum(values, _SERIES_BELOW)
    power = ops.exp(below)
    series = below + ops.log(1.0 - power * (1 / 2 - power * (1 / 3 - power / 4)))  # of log(1 + power) / power
    exact = ops.log(ops.maximum(above, 0.0) + ops.log1p(ops.exp(-ops.abs(above))))
    return ops.where(values < _SERIES_BELOW, series, exact)


@serialisable
class KernelRegression(keras.layers.Layer):
    """p = prior + sum over known videos n of k_n a_n, as logits, with a kernel k of all features together and of each alone.

    With the cosine c_i of feature i, and its share s_i:

        k = (exp((sum of s_i c_i - 1) / h) + sum of s_i exp((c_i - 1) / h)) / 2

    For vectors of length 1, exp((c - 1) / h) = exp(-|x - y|^2 / 2h), an RBF kernel on the sphere. The first part asks that two
    videos look and sound alike, the second lets them do either.

    Args:
        num_classes: C.
        num_videos: N, the known videos.
        bandwidth: h.
        sizes: the number of values of each feature.
        shares: s_i of each feature; their sum is 1.

    Weights, none of them trained by gradients: `vectors` float32 [N, D]; `coefficients` float32 [N, C]; `prior` float32 [C].

    Call arguments: float32 [B, D]; the values of each feature are a vector of length sqrt(s_i), or 0 where a video lacks it, one
    after the other, as FeatureScale makes them. Returns logits, float32 [B, C].
    """

    def __init__(self, num_classes, num_videos, bandwidth, sizes, shares, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.num_classes, self.num_videos, self.bandwidth = num_classes, num_videos, bandwidth
        self.sizes, self.shares = [int(size) for size in sizes], [float(share) for share in shares]

    def build(self, input_shape):
        shapes = {
            "vectors": (self.num_videos, input_shape[-1]),
            "coefficients": (self.num_videos, self.num_classes),
            "prior": (self.num_classes,),
        }
        stored = {"initializer": "zeros", "trainable": False, "autocast": False}
        for name, shape in shapes.items():
            setattr(self, name, self.add_weight(name=name, shape=shape, **stored))
        self.built = True

    def call(self, inputs):
        kernel = self.kernel(inputs, ops.convert_to_tensor(self.vectors))
        return bent_logits(ops.matmul(kernel, ops.convert_to_tensor(self.coefficients)) + self.prior)

    def kernel(self, some, others):
        """k of each of some videos, float32 [B, D], with each of others, [N, D]: float32 [B, N]."""
        together, apart, first = 0.0, 0.0, 0
        for size, share in zip(self.sizes, self.shares, strict=True):
            part = slice(first, first + size)
            shared = ops.matmul(some[:, part], ops.transpose(others[:, part]))  # s_i c_i
            together += shared
            apart += share * ops.exp((shared / share - 1.0) / self.bandwidth)
            first += size
        return 0.5 * (ops.exp((together - 1.0) / self.bandwidth) + apart)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_classes)

    def get_config(self):
        names = ("num_classes", "num_videos", "bandwidth", "sizes", "shares")
        return super().get_config() | {name: getattr(self, name) for name in names}
