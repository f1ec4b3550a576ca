"""From a video's vector [B, H] to logits [B, C], float32 whatever the precision of the rest."""

import keras
from keras import ops

from yt8m.layers import serialisable


def weight_penalty(l2):
    """The reference's L2 term, ``l2 / 2 * sum(w ** 2)`` (Keras's own has no half); None for 0."""
    return keras.regularizers.L2(l2 / 2) if l2 else None


def scaled_glorot(scale):
    """Glorot's uniform initialiser times a factor; 0 starts all weights at 0."""
    if not scale:
        return keras.initializers.Zeros()
    return keras.initializers.VarianceScaling(scale**2, mode="fan_avg", distribution="uniform")


class Head(keras.layers.Layer):
    """What all heads share: their first arguments, how their matrix starts and is penalised, and their precision.

    They compute in float32 also where the rest is in bfloat16, which has no numbers between 7 and 7.03: logits rounded to it
    would put the scores of many videos in no order.
    """

    def __init__(self, num_classes, l2, initial_bias, initial_scale, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.num_classes, self.l2 = num_classes, l2
        self.initial_bias, self.initial_scale = initial_bias, initial_scale

    def add_kernel(self, shape):
        """The matrix, with its initialiser and its L2 term."""
        initial, penalty = scaled_glorot(self.initial_scale), weight_penalty(self.l2)
        return self.add_weight(name="kernel", shape=shape, initializer=initial, regularizer=penalty, autocast=False)

    def add_bias(self, name, shape):
        """A bias that starts at `initial_bias`."""
        initial = keras.initializers.Constant(self.initial_bias)
        return self.add_weight(name=name, shape=shape, initializer=initial, autocast=False)

    def product(self, inputs):
        """Inputs [B, H] times the matrix, float32."""
        return ops.matmul(ops.cast(inputs, "float32"), self.kernel)

    def get_config(self):
        names = ("num_classes", "l2", "initial_bias", "initial_scale")
        return super().get_config() | {name: getattr(self, name) for name in names}


@serialisable
class LogisticHead(Head):
    """Independent logistic regressions: logit = x W + b.

    Args:
        num_classes: C.
        l2: weight of the L2 term on W.
        initial_bias: where b starts.
        initial_scale: factor on the initial W; 0 starts at 0.
    """

    def __init__(self, num_classes, l2=0.0, initial_bias=0.0, initial_scale=1.0, **kwargs):
        super().__init__(num_classes, l2, initial_bias, initial_scale, **kwargs)

    def build(self, input_shape):
        self.kernel = self.add_kernel((input_shape[-1], self.num_classes))
        self.bias = self.add_bias("bias", (self.num_classes,))
        self.built = True

    def call(self, inputs):
        return self.product(inputs) + self.bias


@serialisable
class MixtureOfExpertsHead(Head):
    """Per class a softmax gate over M experts and a dummy that says 0 (arXiv 1609.08675, section 4.1.2).

    p = sum over m of gate_m * sigmoid(expert_m), computed in log space: log p = logsumexp(log gate + log sigmoid(e)),
    log(1 - p) = logsumexp(log gate_dummy, log gate + log sigmoid(-e)); the logit is their difference. Gates have no bias.

    Args:
        num_classes: C.
        num_mixtures: M.
        l2: weight of the L2 term on gates and experts.
        initial_bias: where the experts' biases start.
        initial_scale: factor on the initial gates and experts; not 0, or the experts would stay equal.
    """

    def __init__(self, num_classes, num_mixtures=2, l2=0.0, initial_bias=0.0, initial_scale=1.0, **kwargs):
        super().__init__(num_classes, l2, initial_bias, initial_scale, **kwargs)
        self.num_mixtures = num_mixtures

    def build(self, input_shape):
        # One matrix for M + 1 gates and M experts: a single large product instead of two. The planes lie one after the
        # other, so that the softmax over the few gates is elementwise work on whole [B, C] planes.
        planes = 2 * self.num_mixtures + 1
        self.kernel = self.add_kernel((input_shape[-1], planes * self.num_classes))
        self.expert_bias = self.add_bias("expert_bias", (self.num_mixtures, self.num_classes))
        self.built = True

    def call(self, inputs):
        planes = ops.reshape(self.product(inputs), (-1, 2 * self.num_mixtures + 1, self.num_classes))
        gates = planes[:, : self.num_mixtures + 1]
        experts = planes[:, self.num_mixtures + 1 :] + self.expert_bias
        log_gates = gates - ops.logsumexp(gates, axis=1, keepdims=True)
        log_present = ops.logsumexp(log_gates[:, :-1] + ops.log_sigmoid(experts), axis=1)
        absent = ops.concatenate([log_gates[:, :-1] + ops.log_sigmoid(-experts), log_gates[:, -1:]], axis=1)
        return log_present - ops.logsumexp(absent, axis=1)

    def get_config(self):
        return super().get_config() | {"num_mixtures": self.num_mixtures}
