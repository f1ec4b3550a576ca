"""Poolings: frames [B, T, D] and their mask [B, T] to one vector per video. Masked frames never count."""

import keras
from keras import ops

from yt8m.layers import serialisable
from yt8m.layers.preprocessing import levels


def weighted_sum(weights, frames):
    """The sum of frames [B, T, D], weighted by [B, T]: [B, D]. The matrix product reads the frames once."""
    # LiteRT's converter cannot do `einsum` for a single video.
    return ops.matmul(weights[:, None, :], frames)[:, 0]


class Pooling(keras.layers.Layer):
    """The base of all poolings. It drops Keras's mask, because the output has no frames."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs, previous_mask):
        return None


@serialisable
class MaskedMean(Pooling):
    """The mean of the real frames: [B, T, D] and bool [B, T] to [B, D]; 0 for a video without frames."""

    def call(self, frames, mask):
        weights = ops.cast(mask, frames.dtype)
        count = ops.maximum(ops.sum(ops.cast(mask, "float32"), axis=1, keepdims=True), 1.0)
        total = weighted_sum(weights, frames)
        return ops.cast(ops.cast(total, "float32") / count, self.compute_dtype)


@serialisable
class StoredMean(keras.layers.Layer):
    """The mean of the dequantised frames, from stored values: [B, T, D_i] and int32 [B] to [B, sum D_i].

    Dequantising is linear, so it is applied to the mean, not to every frame. The result equals `FrameFeatures` and
    `MaskedMean`, for a third of the memory traffic. A video without frames gives 0.

    Args:
        ranges: see `yt8m.layers.preprocessing.levels`.
    """

    def __init__(self, ranges=None, **kwargs):
        super().__init__(**kwargs)
        self.ranges = ranges

    def call(self, streams, num_frames):
        mask = ops.cast(ops.arange(ops.shape(streams[0])[1], dtype="int32")[None, :] < num_frames[:, None], "float32")
        count = ops.cast(num_frames, "float32")[:, None]
        means = [weighted_sum(mask, ops.cast(stored, "float32")) / ops.maximum(count, 1.0) for stored in streams]
        kinds = levels(len(streams), self.ranges)
        means = [each * kind[0] + kind[1] if kind else each for each, kind in zip(means, kinds, strict=True)]
        return ops.cast(ops.where(count > 0, ops.concatenate(means, axis=-1), 0.0), self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"ranges": self.ranges}


@serialisable
class MaskedMax(Pooling):
    """The maximum of the real frames: [B, T, D] and bool [B, T] to [B, D]; 0 for a video without frames."""

    def call(self, frames, mask, training=None):
        # Finite in float32 and bfloat16. It is never the result: videos without frames are handled below.
        candidates = ops.where(mask[:, :, None], frames, ops.cast(-1e30, frames.dtype))
        if training:
            # The gradient of the plain maximum looks for equal values. XLA may compute these twice with different last bits;
            # then none is equal (0 / 0). Taking the value at the largest index has a slow gradient.
            places = ops.argmax(candidates, axis=1, keepdims=True)
            chosen = ops.arange(ops.shape(frames)[1], dtype=places.dtype)[None, :, None] == places
            pooled = ops.sum(ops.where(chosen, candidates, ops.zeros_like(candidates)), axis=1)
        else:
            pooled = ops.max(candidates, axis=1)
        return ops.where(ops.any(mask, axis=1)[:, None], pooled, ops.zeros_like(pooled))
