"""Penalties on the size of weights."""

import keras
from keras import ops

from yt8m.layers import serialisable


@serialisable
class SquaredNorm(keras.regularizers.Regularizer):
    """The L2 penalty of the reference, ``l2 / 2 * sum(w ** 2)``. Keras's own lacks the factor of a half.

    Args:
        l2: weight of the penalty.
    """

    def __init__(self, l2):
        self.l2 = l2

    def __call__(self, weights):
        return self.l2 / 2 * ops.sum(ops.square(weights))

    def get_config(self):
        return {"l2": self.l2}


def weight_penalty(l2):
    """The penalty for a matrix; None if `l2` is 0."""
    return SquaredNorm(l2) if l2 else None
