"""Layers that learn from frames without labels: hiding frames, and the values that are predicted."""

import keras
import numpy as np
from keras import ops

from yt8m.layers import serialisable


@serialisable
class HiddenFrames(keras.layers.Layer):
    """Chooses frames to hide, in pieces: bool [B, T], True for real frames that stay visible.

    A video is cut into pieces of equal length. In training, each is hidden with a probability. Otherwise the choice is always the
    same: of equal parts of the video, each with one hidden piece, the hidden one is in the middle.

    Args:
        share: the probability, above 0 and below 1.
        length: frames of a piece.

    Call arguments: the mask, bool [B, T].
    """

    def __init__(self, share, length, **kwargs):
        super().__init__(**kwargs)
        self.share, self.length = share, length
        self.seeds = keras.random.SeedGenerator()

    def call(self, mask, training=None):
        size, count = ops.shape(mask)[1], -(-ops.shape(mask)[1] // self.length)
        if training:
            drawn = keras.random.uniform((ops.shape(mask)[0], count), seed=self.seeds)
            hidden = ops.repeat(drawn < self.share, self.length, axis=1)[:, :size]
        else:
            every = max(2, round(1 / self.share))
            hidden = (ops.arange(size) // self.length % every == every // 2)[None, :]
        return ops.logical_and(mask, ops.logical_not(hidden))

    def compute_output_spec(self, mask, training=None):
        return keras.KerasTensor(mask.shape, "bool")

    def get_config(self):
        return super().get_config() | {"share": self.share, "length": self.length}


@serialisable
class VisibleFrames(keras.layers.Layer):
    """Frames [B, T, D], 0 where they are not visible (bool [B, T])."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, frames, visible):
        return frames * ops.cast(visible, frames.dtype)[:, :, None]

    def compute_output_shape(self, frames_shape, visible_shape=None):
        return frames_shape


@serialisable
class Whitening(keras.layers.Layer):
    """``(x - mean) W``, which has uncorrelated values of variance 1 on the frames that `fit` was given.

    Call arguments: frames [B, T, D], float32. Returns the same shape.
    """

    SMALLEST_SHARE = 1e-3
    """Directions with a smaller share of the largest variance count as if they had so much: what they hold is rounding."""

    def build(self, frames_shape):
        size, fixed = frames_shape[-1], {"trainable": False, "autocast": False}
        self.mean = self.add_weight(name="mean", shape=(size,), initializer="zeros", **fixed)
        self.matrix = self.add_weight(name="matrix", shape=(size, size), initializer="identity", **fixed)
        self.built = True

    def call(self, frames):
        return ops.matmul(frames - ops.convert_to_tensor(self.mean), ops.convert_to_tensor(self.matrix))

    def compute_output_shape(self, frames_shape):
        return frames_shape

    def fit(self, mean, covariance):
        """Takes the mean [D] and the covariance [D, D] of frames. The matrix is symmetric, so a value stays near itself."""
        variances, directions = np.linalg.eigh(np.asarray(covariance, np.float64))
        variances = np.maximum(variances, max(self.SMALLEST_SHARE * variances[-1], 1e-12))
        self.mean.assign(np.asarray(mean, np.float32))
        self.matrix.assign(((directions * variances**-0.5) @ directions.T).astype(np.float32))
