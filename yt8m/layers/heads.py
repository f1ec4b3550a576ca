"""Heads: a video's vector [B, H] to logits [B, C], float32 in every precision."""

import functools

import keras
from keras import ops

from yt8m.layers import serialisable
from yt8m.layers.gradients import given
from yt8m.layers.penalties import weight_penalty
from yt8m.layers.products import wide_product


def scaled_glorot(scale):
    """Glorot's uniform initialiser times a factor; 0 makes all weights 0."""
    if not scale:
        return keras.initializers.Zeros()
    return keras.initializers.VarianceScaling(scale**2, mode="fan_avg", distribution="uniform")


def log_sum_exp(planes):
    """The elementwise log(sum(exp(plane))) of a few tensors of equal shape; each term and their sum, scaled alike."""
    largest = ops.stop_gradient(functools.reduce(ops.maximum, planes))
    terms = [ops.exp(plane - largest) for plane in planes]
    total = sum(terms[1:], terms[0])
    return largest + ops.log(total), terms, total


@ops.custom_gradient
def mixture_logits(product, bias):
    """The logits of mixtures of M experts and a dummy, as `MixtureOfExpertsHead` defines them.

    A softplus and its gradient would take a third of the time of all elementwise work, and the gradients of the two sums over
    experts share most of their parts, which automatic differentiation computes twice.

    Args:
        product: [B, (2 M + 1) C], planes of C columns: M gates, the dummy's gate, M experts.
        bias: [M, C], of the experts.

    Returns:
        [B, C].
    """
    num_mixtures = bias.shape[0]
    planes = ops.split(product, 2 * num_mixtures + 1, axis=-1)
    experts = [plane + bias[place] for place, plane in enumerate(planes[num_mixtures + 1 :])]
    present, absent = [], [planes[num_mixtures]]
    for gate, expert in zip(planes, experts, strict=False):
        log_sigmoid = ops.minimum(expert, 0.0) - ops.log(1.0 + ops.exp(-ops.abs(expert)))
        present.append(gate + log_sigmoid)
        absent.append(present[-1] - expert)  # log sigmoid(-e) = log sigmoid(e) - e
    log_present, present_terms, present_total = log_sum_exp(present)
    log_absent, absent_terms, absent_total = log_sum_exp(absent)

    def gradient(*arguments, upstream=None):
        outer = given(arguments, upstream)
        of_present, of_absent = outer / present_total, outer / absent_total
        of_gates, of_experts = [], []
        for expert, one, other in zip(experts, present_terms, absent_terms[1:], strict=True):
            share = one * of_present  # times d log sigmoid(e) = sigmoid(-e); -d log sigmoid(-e) = sigmoid(e)
            of_gates.append(share - other * of_absent)
            of_experts.append(share - of_gates[-1] * ops.sigmoid(expert))
        of_dummy = -(absent_terms[0] * of_absent)
        of_bias = ops.stack([ops.sum(each, axis=0) for each in of_experts])
        return ops.concatenate([*of_gates, of_dummy, *of_experts], axis=-1), of_bias

    return log_present - log_absent, gradient


class Head(keras.layers.Layer):
    """The base of all heads: common arguments, and the matrix with its initialiser and L2 penalty.

    Heads predict in float32. bfloat16 has no numbers between 7 and 7.03, so rounding would make the scores of many videos
    equal. In training in low precision their products, which are most of the work of some models, are rounded; biases and all
    that follows stay float32.
    """

    def __init__(self, num_classes, l2, initial_bias, initial_scale, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.num_classes, self.l2 = num_classes, l2
        self.initial_bias, self.initial_scale = initial_bias, initial_scale

    def add_kernel(self, shape):
        """Adds the matrix, with its initialiser and L2 penalty."""
        initial, penalty = scaled_glorot(self.initial_scale), weight_penalty(self.l2)
        return self.add_weight(name="kernel", shape=shape, initializer=initial, regularizer=penalty, autocast=False)

    def add_bias(self, name, shape):
        """Adds a bias that starts at `initial_bias`."""
        initial = keras.initializers.Constant(self.initial_bias)
        return self.add_weight(name=name, shape=shape, initializer=initial, autocast=False)

    def product(self, inputs, training=None):
        """Inputs [B, H] times the matrix, float32; computed in the compute dtype in training, and else in float32."""
        dtype = self.compute_dtype if training else "float32"
        return ops.cast(wide_product(ops.cast(inputs, dtype), ops.cast(self.kernel, dtype)), "float32")

    def get_config(self):
        names = ("num_classes", "l2", "initial_bias", "initial_scale")
        return super().get_config() | {name: getattr(self, name) for name in names}


@serialisable
class LogisticHead(Head):
    """Independent logistic regressions: logit = x W + b.

    Args:
        num_classes: C.
        l2: weight of the L2 penalty on W.
        initial_bias: initial value of b.
        initial_scale: factor on the initial W; may be 0.
    """

    def __init__(self, num_classes, l2=0.0, initial_bias=0.0, initial_scale=1.0, **kwargs):
        super().__init__(num_classes, l2, initial_bias, initial_scale, **kwargs)

    def build(self, input_shape):
        self.kernel = self.add_kernel((input_shape[-1], self.num_classes))
        self.bias = self.add_bias("bias", (self.num_classes,))
        self.built = True

    def call(self, inputs, training=None):
        return self.product(inputs, training) + self.bias


@serialisable
class MixtureOfExpertsHead(Head):
    """For each class, a softmax gate over M experts and a dummy that always says 0 (arXiv 1609.08675, section 4.1.2).

    p = sum over m of gate_m * sigmoid(expert_m), computed in log space. With the gates' logits g and their normaliser n,
    log p = logsumexp(g + log sigmoid(e)) - n and log(1 - p) = logsumexp(g_dummy, g + log sigmoid(-e)) - n. The logit is the
    difference, so n cancels. Gates have no bias.

    Args:
        num_classes: C.
        num_mixtures: M.
        l2: weight of the L2 penalty on gates and experts.
        initial_bias: initial value of the experts' biases.
        initial_scale: factor on the initial gates and experts. With 0, the experts would stay equal.
    """

    def __init__(self, num_classes, num_mixtures=2, l2=0.0, initial_bias=0.0, initial_scale=1.0, **kwargs):
        super().__init__(num_classes, l2, initial_bias, initial_scale, **kwargs)
        self.num_mixtures = num_mixtures

    def build(self, input_shape):
        # One matrix for M + 1 gates and M experts: a single large product instead of two. Each gate or expert is a plane
        # [B, C], so sums over experts are elementwise.
        planes = 2 * self.num_mixtures + 1
        self.kernel = self.add_kernel((input_shape[-1], planes * self.num_classes))
        self.expert_bias = self.add_bias("expert_bias", (self.num_mixtures, self.num_classes))
        self.built = True

    def call(self, inputs, training=None):
        bias = ops.reshape(self.expert_bias, self.expert_bias.shape)  # a tensor, as in `wide_product`
        return mixture_logits(self.product(inputs, training), bias)

    def get_config(self):
        return super().get_config() | {"num_mixtures": self.num_mixtures}
