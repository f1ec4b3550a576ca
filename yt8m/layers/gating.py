"""Context gating (arXiv 1706.06905, section 3.2)."""

import keras
from keras import ops

from yt8m.layers import serialisable
from yt8m.layers.normalisation import batch_normalisation


@serialisable
class ContextGating(keras.layers.Layer):
    """y = x * sigmoid(BN(x W)) with a square W: [B, H] to [B, H]."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.normalisation = batch_normalisation("bn", dtype=self.dtype_policy)

    def build(self, input_shape):
        size = input_shape[-1]
        initial = keras.initializers.RandomNormal(stddev=size**-0.5)
        self.kernel = self.add_weight(name="kernel", shape=(size, size), initializer=initial)
        self.normalisation.build((None, size))
        self.built = True

    def call(self, inputs, training=None):
        gates = self.normalisation(ops.matmul(inputs, self.kernel), training=training)
        return inputs * ops.sigmoid(gates)


@serialisable
class ProbabilityGating(keras.layers.Layer):
    """Context gating of probabilities, on logits: with p = sigmoid(logit), q = p * sigmoid(BN(p W)), returns q's logit.

    [B, C] to [B, C], float32 as the heads, also where the rest is in low precision. In log space, log q = log p + log g
    and 1 - q = (1 - p) + p (1 - g), so that nothing is clipped and no logit is infinite.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)  # or Keras would round the logits to the compute dtype
        self.normalisation = batch_normalisation("bn", dtype="float32")

    def build(self, input_shape):
        size = input_shape[-1]
        initial = keras.initializers.RandomNormal(stddev=size**-0.5)
        self.kernel = self.add_weight(name="kernel", shape=(size, size), initializer=initial, autocast=False)
        self.normalisation.build((None, size))
        self.built = True

    def call(self, logits, training=None):
        logits = ops.cast(logits, "float32")
        gates = self.normalisation(ops.matmul(ops.sigmoid(logits), self.kernel), training=training)
        log_present = ops.log_sigmoid(logits) + ops.log_sigmoid(gates)
        log_absent = ops.logaddexp(ops.log_sigmoid(-logits), ops.log_sigmoid(logits) + ops.log_sigmoid(-gates))
        return log_present - log_absent
