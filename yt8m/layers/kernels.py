"""Regression on the similarity to known videos."""

import keras
from keras import ops

from yt8m.layers import serialisable

BEND = 0.002
"""Values are bent where they are this near to 0 or 1, so that no logit is infinite and their order stays."""
_LEAST = -60.0
"""exp(-60) is far from the least number of float32."""


def bent_logits(values):
    """Values from about 0 to 1, such as a regression gives, as logits that increase with them.

    log(f(x)) - log(f(1 - x)) with f(x) = softplus(x / b): the logit of x, but near 0 and 1.
    """
    present = ops.softplus(ops.maximum(values / BEND, _LEAST))
    absent = ops.softplus(ops.maximum((1.0 - values) / BEND, _LEAST))
    return ops.log(present) - ops.log(absent)


@serialisable
class KernelRegression(keras.layers.Layer):
    """p = prior + sum over known videos n of exp((cosine_n - 1) / bandwidth) a_n, as logits: an RBF kernel on the sphere.

    For vectors of length 1, exp((cosine - 1) / h) = exp(-|x - y|^2 / 2h).

    Args:
        num_classes: C.
        num_videos: N, the known videos.
        bandwidth: h.

    Weights, none of them trained by gradients: `vectors` float32 [N, D], of length 1; `coefficients` float32 [N, C]; `prior`
    float32 [C].

    Call arguments: vectors of length 1, float32 [B, D]. Returns logits, float32 [B, C].
    """

    def __init__(self, num_classes, num_videos, bandwidth, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.num_classes, self.num_videos, self.bandwidth = num_classes, num_videos, bandwidth

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
        cosines = ops.matmul(inputs, ops.transpose(ops.convert_to_tensor(self.vectors)))
        kernel = ops.exp((cosines - 1.0) / self.bandwidth)
        return bent_logits(ops.matmul(kernel, ops.convert_to_tensor(self.coefficients)) + self.prior)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.num_classes)

    def get_config(self):
        return super().get_config() | {
            "num_classes": self.num_classes,
            "num_videos": self.num_videos,
            "bandwidth": self.bandwidth,
        }
