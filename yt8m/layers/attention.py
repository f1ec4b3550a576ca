"""Attention over the frames of a video. Masked frames are never attended to.

B videos, T frames, D a frame's size, N heads. Nothing is larger than the frames' projections and [B, N, T, T].
"""

import keras
import numpy as np
from keras import ops

from yt8m.layers import serialisable
from yt8m.layers.pooling import Pooling


def _shares(scores, mask, axis):
    """Softmax over the real frames, float32. A video without real frames gets equal shares."""
    scores = ops.cast(scores, "float32")
    if scores.shape[axis] == 1:  # Keras warns about a softmax over a single value
        return ops.ones_like(scores)
    return ops.softmax(ops.where(mask, scores, -1e30), axis=axis)


@serialisable
class GatedAttention(Pooling):
    """Parallel poolings by gated attention (arXiv 1802.04712, equation 9; several at once: arXiv 1911.06866).

    Each head n weights the frames x_t by a_t = softmax over t of ``w_n . (tanh(V_n x_t) * sigmoid(U_n x_t))`` and
    returns sum_t a_t x_t; 0 for a video without frames.

    Args:
        num_heads: N.
        num_units: size of V x and U x of one head.

    Call arguments: frames [B, T, D], bool [B, T]. Returns [B, N * D], head by head.
    """

    def __init__(self, num_heads, num_units, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.num_units = num_heads, num_units

    def build(self, frames_shape, mask_shape=None):
        columns = self.num_heads * self.num_units
        shape = (frames_shape[-1], 2 * columns)  # V of all heads, then U of all: one product
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="glorot_uniform")
        self.score = self.add_weight(
            name="score",
            shape=(self.num_heads, self.num_units),
            initializer=keras.initializers.RandomNormal(stddev=self.num_units**-0.5),
        )
        self.built = True

    def call(self, frames, mask):
        values, gates = ops.split(ops.matmul(frames, self.kernel), 2, axis=-1)
        gated = ops.tanh(values) * ops.sigmoid(gates)
        gated = ops.reshape(gated, (-1, ops.shape(frames)[1], self.num_heads, self.num_units))
        scores = ops.einsum("btnu,nu->btn", gated, self.score)
        shares = _shares(scores, mask[:, :, None], axis=1) * ops.cast(mask, "float32")[:, :, None]
        pooled = ops.einsum("btn,btd->bnd", ops.cast(shares, self.compute_dtype), frames)
        return ops.reshape(pooled, (-1, self.num_heads * frames.shape[-1]))

    def compute_output_shape(self, frames_shape, mask_shape=None):
        return (frames_shape[0], self.num_heads * frames_shape[-1])

    def get_config(self):
        return super().get_config() | {"num_heads": self.num_heads, "num_units": self.num_units}


@serialisable
class SelfAttention(keras.layers.Layer):
    """Multi-head self-attention over the real frames (arXiv 1706.03762, section 3.2).

    Heads n: softmax(Q_n K_n' / sqrt(D / N)) V_n, side by side, times an output matrix. All matrices have biases and BERT's
    initial values (arXiv 1810.04805).

    Args:
        num_heads: N, a divisor of D.
        dropout: share of the attention weights dropped in training.
        causal: attend to a frame itself and to earlier ones alone.

    Call arguments: frames [B, T, D], bool [B, T]. Returns [B, T, D]; ignore its padded frames.
    """

    def __init__(self, num_heads, dropout=0.0, causal=False, **kwargs):
        super().__init__(**kwargs)
        self.num_heads, self.dropout, self.causal = num_heads, dropout, causal
        self.supports_masking = True
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, frames_shape, mask_shape=None):
        size = frames_shape[-1]
        assert size % self.num_heads == 0, f"{self.num_heads} heads do not divide {size} features"
        self.kernel = self._add_matrix("kernel", size, 3 * size)  # query, key and value of all heads: one product
        self.bias = self.add_weight(name="bias", shape=(3 * size,), initializer="zeros")
        self.output_kernel = self._add_matrix("output_kernel", size, size)
        self.output_bias = self.add_weight(name="output_bias", shape=(size,), initializer="zeros")
        self.built = True

    def _add_matrix(self, name, rows, columns):
        return self.add_weight(name=name, shape=(rows, columns), initializer=small_normal())

    def call(self, frames, mask, training=None):
        size, length = frames.shape[-1], ops.shape(frames)[1]
        projected = ops.matmul(frames, self.kernel) + self.bias
        projected = ops.reshape(projected, (-1, length, 3, self.num_heads, size // self.num_heads))
        query, key, value = (projected[:, :, part] for part in range(3))
        scores = ops.einsum("btnd,bsnd->bnts", query * (size / self.num_heads) ** -0.5, key)
        seen = mask[:, None, None, :]
        if self.causal:
            times = ops.arange(length)
            seen = ops.logical_and(seen, times[None, :] <= times[:, None])
        shares = self.drop(_shares(scores, seen, axis=-1), training=training)
        attended = ops.einsum("bnts,bsnd->btnd", ops.cast(shares, self.compute_dtype), value)
        return ops.matmul(ops.reshape(attended, (-1, length, size)), self.output_kernel) + self.output_bias

    def compute_output_shape(self, frames_shape, mask_shape=None):
        return frames_shape

    def get_config(self):
        names = ("num_heads", "dropout", "causal")
        return super().get_config() | {name: getattr(self, name) for name in names}


@serialisable
class SinusoidalPositions(keras.layers.Layer):
    """Adds position encodings of L2 norm 1 to frames (arXiv 1706.03762, section 3.5): [B, T, D] to the same shape.

    Values 2 i and 2 i + 1 of frame t get sin and cos of ``t / 10000 ** (2 i / D)``, times sqrt(2 / D). So an encoding is as
    long as a normalised frame. The paper's would be 24 times as long at D = 1152.
    """

    def call(self, frames):
        size = frames.shape[-1]
        frequencies = 10_000.0 ** (-np.arange(0, size, 2) / size)
        times = ops.arange(ops.shape(frames)[1], dtype="float32")
        angles = times[:, None] * ops.convert_to_tensor(frequencies.astype(np.float32))
        waves = ops.reshape(ops.stack([ops.sin(angles), ops.cos(angles)], axis=-1), (-1, 2 * len(frequencies)))
        return frames + ops.cast(waves[:, :size] * (2.0 / size) ** 0.5, self.compute_dtype)

    def compute_output_shape(self, frames_shape):
        return frames_shape


def small_normal():
    """BERT's initialiser (arXiv 1810.04805): a normal distribution of deviation 0.02, cut off at two deviations."""
    return keras.initializers.TruncatedNormal(stddev=0.02)
