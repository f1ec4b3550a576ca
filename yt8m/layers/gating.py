"""Gates of vectors and probabilities, and mixtures of models."""

import keras
from keras import ops

from yt8m.layers import serialisable
from yt8m.layers.normalisation import batch_normalisation


@serialisable
class ContextGating(keras.layers.Layer):
    """y = x * sigmoid(BN(x W)) with a square W: [B, H] to [B, H] (arXiv 1706.06905, section 3.2)."""

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
    """Context gating of probabilities: with p = sigmoid(logit), returns the logit of q = p * sigmoid(BN(p W)).

    Logits [B, C] to logits [B, C], always float32 like the heads. It computes in log space, where log q = log p + log g and
    1 - q = (1 - p) + p (1 - g). So nothing is clipped and no logit is infinite.
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


@serialisable
class SqueezeExcitationGating(keras.layers.Layer):
    """y = x * sigmoid(relu(BN(x S)) E + b): [B, H] to [B, H], through H / reduction units (arXiv 1811.05014, figure 4).

    Args:
        reduction: the inputs per unit. There is at least one unit.
    """

    def __init__(self, reduction=8, **kwargs):
        super().__init__(**kwargs)
        self.reduction = reduction
        self.normalisation = batch_normalisation("bn", dtype=self.dtype_policy)

    def build(self, input_shape):
        size = input_shape[-1]
        units, initial = max(1, size // self.reduction), keras.initializers.HeNormal
        self.squeeze = self.add_weight(name="squeeze", shape=(size, units), initializer=initial())
        self.excitation = self.add_weight(name="excitation", shape=(units, size), initializer=initial())
        self.bias = self.add_weight(name="bias", shape=(size,), initializer="zeros")
        self.normalisation.build((None, units))
        self.built = True

    def call(self, inputs, training=None):
        squeezed = ops.relu(self.normalisation(ops.matmul(inputs, self.squeeze), training=training))
        return inputs * ops.sigmoid(ops.matmul(squeezed, self.excitation) + self.bias)

    def get_config(self):
        return super().get_config() | {"reduction": self.reduction}


@serialisable
class StreamMixture(keras.layers.Layer):
    """Combines the logits [B, C] of several models with weights per class: ``sum_m w_m * z_m + b``, float32 [B, C].

    The weights start as equal shares of 1, so the first prediction is the mean.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)

    def build(self, shapes):
        """Makes weights [M, C] and biases [C]."""
        share = keras.initializers.Constant(1.0 / len(shapes))
        shape = (len(shapes), shapes[0][-1])
        self.weight = self.add_weight(name="weight", shape=shape, initializer=share, autocast=False)
        self.bias = self.add_weight(name="bias", shape=shape[1:], initializer="zeros", autocast=False)

    def call(self, logits):
        """Combines logits [B, C], one tensor per model, to [B, C]."""
        planes = [self.weight[place] * ops.cast(plane, "float32") for place, plane in enumerate(logits)]
        return sum(planes) + self.bias


@serialisable
class BranchMixture(keras.layers.Layer):
    """The mean of the branches' logits, weighted by softmax(BN(v) W + b) of a video's vector v.

    Call arguments: v [B, D]; the logits of S branches, [B, C] each. Returns logits [B, C], float32.
    """

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)  # or Keras would round the logits to the compute dtype
        self.normalisation = batch_normalisation("bn", dtype="float32")

    def build(self, vector_shape, branches_shape):
        size, num_branches = vector_shape[-1], len(branches_shape)
        initial = keras.initializers.RandomNormal(stddev=size**-0.5)
        self.kernel = self.add_weight(name="kernel", shape=(size, num_branches), initializer=initial, autocast=False)
        self.bias = self.add_weight(name="bias", shape=(num_branches,), initializer="zeros", autocast=False)
        self.normalisation.build((None, size))
        self.built = True

    def call(self, vector, branches, training=None):
        scores = ops.matmul(self.normalisation(vector, training=training), self.kernel) + self.bias
        weights = ops.softmax(scores, axis=-1)
        return ops.sum(weights[:, :, None] * ops.stack(branches, axis=1), axis=1)
