"""Turns stored bytes into masked features, on the device."""

import keras
from keras import ops

from yt8m.data.schema import QUANTISATION_OFFSET, QUANTISATION_SCALE
from yt8m.layers import serialisable


def unit_length(vectors, axis=-1):
    """Vectors divided by their L2 norm; a vector of zeros stays zero, with a zero gradient."""
    squared = ops.sum(ops.square(vectors), axis=axis, keepdims=True)
    return vectors * ops.rsqrt(ops.maximum(squared, 1e-12))


@serialisable
class FrameFeatures(keras.layers.Layer):
    """Dequantises, concatenates, normalises and masks the streams of a video.

    Args:
        normalise: scale every frame to L2 norm 1 over all features together, as the reference does.

    Call arguments: a list of uint8 [B, T, D_i], and int32 [B], the number of real frames.
    Returns: frames [B, T, sum of D_i] in the compute dtype, 0 after the last real frame; and bool [B, T], True for real
    frames.
    """

    def __init__(self, normalise=True, **kwargs):
        super().__init__(**kwargs)
        self.normalise = normalise

    def call(self, streams, num_frames):
        stored = ops.concatenate(streams, axis=-1) if len(streams) > 1 else streams[0]
        mask = ops.arange(ops.shape(stored)[1], dtype="int32")[None, :] < num_frames[:, None]
        frames = ops.cast(stored, "float32") * QUANTISATION_SCALE + QUANTISATION_OFFSET
        # Scaling and masking share one factor per frame, so the frames are read once.
        scale = ops.cast(mask, "float32")
        if self.normalise:
            scale = scale * ops.rsqrt(ops.maximum(ops.sum(ops.square(frames), axis=-1), 1e-12))
        return ops.cast(frames * scale[:, :, None], self.compute_dtype), mask

    def get_config(self):
        return super().get_config() | {"normalise": self.normalise}


@serialisable
class VectorScale(keras.layers.Layer):
    """Scales every vector [..., D] to L2 norm 1 (`l2`) or root mean square 1 (`rms`), which is sqrt(D) as long."""

    def __init__(self, kind, **kwargs):
        super().__init__(**kwargs)
        self.kind = kind

    def call(self, vectors):
        scaled = unit_length(ops.cast(vectors, "float32"))
        if self.kind == "rms":
            scaled = scaled * vectors.shape[-1] ** 0.5
        return ops.cast(scaled, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {"kind": self.kind}
