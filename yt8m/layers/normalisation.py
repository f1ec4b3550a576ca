"""Batch normalisation (arXiv 1502.03167) for all models."""

import contextlib
import weakref
from collections.abc import Iterator
from contextvars import ContextVar

import keras
from keras import ops

from yt8m.layers import serialisable

MOMENTUM = 0.95
"""Momentum of the running statistics: an average over about 20 batches. Keras's 0.99 lags by hundreds of steps while the weights
still move fast, so validations in the first thousand steps are useless (GAP 0.36 instead of 0.8 on the sample data)."""

_synchronised: ContextVar[bool] = ContextVar("synchronised", default=False)

_layers: "weakref.WeakSet[BatchNormalisation]" = weakref.WeakSet()
"""All layers of this class. Keras has no public way to find layers inside layers."""


class Pool:
    """Turns a layer's running statistics into those of all vectors that it sees in training, with equal weights.

    Assign it to `BatchNormalisation.pool` before the call is traced. Earlier statistics do not count. It is not saved with
    the layer.

    Attributes:
        count: number of vectors so far, float32 []. Set it to 0 to start again.
    """

    def __init__(self):
        self.count = keras.Variable(0.0, trainable=False, dtype="float32", name="pooled_vectors")


def normalisations_of(model: keras.Model) -> list["BatchNormalisation"]:
    """The batch-normalisation layers of a built model, in the order of its variables."""
    places = {id(variable): place for place, variable in enumerate(model.variables)}
    found = {
        places[id(layer.moving_mean)]: layer for layer in _layers if layer.built and id(layer.moving_mean) in places
    }
    return [found[place] for place in sorted(found)]


@contextlib.contextmanager
def synchronised_statistics(synchronised: bool = True) -> Iterator[None]:
    """Chooses for layers made in the block whether batch statistics are over all replicas of a `tf.distribute` strategy."""
    token = _synchronised.set(synchronised)
    try:
        yield
    finally:
        _synchronised.reset(token)


def batch_normalisation(name: str, **kwargs) -> "BatchNormalisation":
    """Makes a layer, synchronised if `synchronised_statistics` says so."""
    return BatchNormalisation(synchronised=_synchronised.get(), name=name, **kwargs)


def _mean_over_replicas(values):
    """The mean of values [n] over the replicas. `moments` is Keras's only reduction over replicas."""
    return ops.moments(values[None], axes=[0], synchronized=True)[0]


def folded_product(inputs, scale, offset, matrix, dtype):
    """``(x * scale + offset) W``, computed as ``x (scale * W) + offset W``: the same, without the normalised inputs in memory.

    No weights precede x, so the gradient of x, which takes as long as the product, is not needed.

    Args:
        inputs: [B, T, D].
        scale, offset: [D], as `BatchNormalisation.scale_and_offset` returns them.
        matrix: float32 [D, K].
        dtype: precision of the large product.

    Returns:
        float32 [B, T, K].
    """
    scaled = ops.cast(scale[:, None] * matrix, dtype)
    # Not a product of the row with the matrix: its gradient is slow.
    shift = ops.sum(offset[:, None] * matrix, axis=0)
    return ops.cast(ops.matmul(inputs, scaled), "float32") + shift


@serialisable
class BatchNormalisation(keras.layers.Layer):
    """``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` over the last axis.

    Keras's own layer reads the frames a dozen times for masked statistics, with a mask as large as the frames, and does not
    synchronise them.

    Args:
        momentum: momentum of the running statistics, which prediction uses.
        epsilon: added to the variance.
        synchronised: compute batch statistics over all replicas (TensorFlow backend only).
        folded: return the factor and the summand of the inputs, float32 [D] each, in place of the normalised inputs, for a layer
            that folds them into its own matrix.

    Call arguments: inputs [..., D]; mask bool [...], True for vectors that count in the statistics (default: all). If none
    counts, the running statistics do not change.
    """

    def __init__(self, momentum=MOMENTUM, epsilon=1e-3, synchronised=False, folded=False, **kwargs):
        super().__init__(**kwargs)
        self.momentum, self.epsilon, self.synchronised, self.folded = momentum, epsilon, synchronised, folded
        self.supports_masking = True
        self.pool: Pool | None = None
        _layers.add(self)

    def build(self, input_shape):
        shape = (input_shape[-1],)
        # No autocast, which would round the running statistics at every update in low precision.
        float32 = {"shape": shape, "autocast": False}
        self.gamma = self.add_weight(name="gamma", initializer="ones", **float32)
        self.beta = self.add_weight(name="beta", initializer="zeros", **float32)
        self.moving_mean = self.add_weight(name="moving_mean", initializer="zeros", trainable=False, **float32)
        self.moving_variance = self.add_weight(name="moving_variance", initializer="ones", trainable=False, **float32)
        self.built = True

    def call(self, inputs, training=None, mask=None):
        inputs = ops.cast(inputs, "float32")
        scale, offset = self.scale_and_offset(inputs, training=training, mask=mask)
        return (scale, offset) if self.folded else ops.cast(inputs * scale + offset, self.compute_dtype)

    def scale_and_offset(self, inputs, training=None, mask=None):
        """Updates the running statistics and returns the factor and the summand of a call, float32 [D] each.

        A layer that multiplies the inputs by a matrix can scale the matrix instead of the inputs.
        """
        inputs = ops.cast(inputs, "float32")
        mean, variance = ops.cast(self.moving_mean, "float32"), ops.cast(self.moving_variance, "float32")
        if training and self.trainable:
            batch_mean, batch_variance, count = self._statistics(inputs, mask)
            # If no vector counts, the running statistics are used and stay.
            mean, variance = ops.where(count > 0, batch_mean, mean), ops.where(count > 0, batch_variance, variance)
            self._remember(mean, variance, count)
        scale = ops.cast(self.gamma, "float32") * ops.rsqrt(variance + self.epsilon)
        return scale, ops.cast(self.beta, "float32") - mean * scale

    def _statistics(self, inputs, mask):
        """Mean and variance of the batch, [D] each, and the number of vectors."""
        axes, size = tuple(range(len(inputs.shape) - 1)), inputs.shape[-1]
        if mask is None:
            count = ops.cast(ops.prod(ops.shape(inputs)[:-1]), "float32")
            total, squares = ops.sum(inputs, axis=axes), ops.sum(ops.square(inputs), axis=axes)
        else:
            weights = ops.cast(mask, "float32")
            count = ops.sum(weights)
            # Products of a vector and a matrix read the frames once each. Only the squares need as much memory as the frames.
            rows, weights = ops.reshape(inputs, (-1, size)), ops.reshape(weights, (1, -1))
            total = ops.reshape(ops.matmul(weights, rows), (size,))
            squares = ops.reshape(ops.matmul(weights, ops.square(rows)), (size,))
        if self.synchronised:
            together = _mean_over_replicas(ops.concatenate([ops.reshape(count, (1,)), total, squares]))
            count, total, squares = together[0], together[1 : 1 + size], together[1 + size :]
        divisor = ops.where(count > 0, count, 1.0)
        mean = total / divisor
        variance = ops.maximum(squares / divisor - ops.square(mean), 0.0)
        return mean, variance, count

    def _remember(self, mean, variance, count):
        """Moves the running statistics towards a batch's, or pools them with it."""
        running_mean, running_variance = (
            ops.cast(each, "float32") for each in (self.moving_mean, self.moving_variance)
        )
        kept = self.momentum
        if self.pool is not None:
            pooled = self.pool.count + count
            kept = ops.where(pooled > 0, self.pool.count / ops.maximum(pooled, 1.0), 1.0)
            variance = variance + kept * ops.square(mean - running_mean)  # the variance between the two means
            self.pool.count.assign(pooled)
        self.moving_variance.assign(kept * running_variance + (1.0 - kept) * variance)
        self.moving_mean.assign(kept * running_mean + (1.0 - kept) * mean)

    def compute_output_shape(self, input_shape):
        vector = (input_shape[-1],)
        return (vector, vector) if self.folded else input_shape

    def get_config(self):
        names = ("momentum", "epsilon", "synchronised", "folded")
        return super().get_config() | {name: getattr(self, name) for name in names}


@serialisable
class NormalisedProjection(keras.layers.Layer):
    """``BN(x) W`` of frames x, computed as `folded_product`.

    Args:
        num_units: columns of W. Its initial deviation is 1 / sqrt(rows).

    Call arguments: frames [B, T, D], bool [B, T]. Returns [B, T, num_units].
    """

    def __init__(self, num_units, **kwargs):
        super().__init__(**kwargs)
        self.num_units = num_units
        self.normalisation = batch_normalisation("input_bn", dtype=self.dtype_policy)

    def build(self, frames_shape, mask_shape=None):
        size = frames_shape[-1]
        self.normalisation.build(frames_shape)
        initial = keras.initializers.RandomNormal(stddev=size**-0.5)
        self.kernel = self.add_weight(name="kernel", shape=(size, self.num_units), initializer=initial, autocast=False)
        self.built = True

    def call(self, frames, mask, training=None):
        scale, offset = self.normalisation.scale_and_offset(frames, training=training, mask=mask)
        return ops.cast(folded_product(frames, scale, offset, self.kernel, self.compute_dtype), self.compute_dtype)

    def compute_output_shape(self, frames_shape, mask_shape=None):
        return (*frames_shape[:-1], self.num_units)

    def get_config(self):
        return super().get_config() | {"num_units": self.num_units}
