"""Turns stored values into masked features, on the device."""

import keras
from keras import ops

from yt8m.data.features import Feature
from yt8m.layers import serialisable


def unit_length(vectors, axis=-1):
    """Vectors divided by their L2 norm; a vector of zeros stays zero, with a zero gradient."""
    squared = ops.sum(ops.square(vectors), axis=axis, keepdims=True)
    return vectors * ops.rsqrt(ops.maximum(squared, 1e-12))


def levels(count, ranges):
    """What stored values of each of `count` streams mean: (scale, offset) of bytes, None for floats, which are values already.

    Args:
        count: number of streams.
        ranges: for each stream, the lowest and the highest value of its bytes, or None for floats; None = bytes from -2 to 2 in
            all streams.
    """
    ends = [(Feature.low, Feature.high)] * count if ranges is None else ranges
    rows = [each and Feature("", 1, low=each[0], high=each[1]) for each in ends]
    return [(each.scale, each.offset) if each else None for each in rows]


def side_by_side(streams, ranges):
    """The values of streams [B, T, D_i], concatenated: float32 [B, T, sum of D_i]. `ranges`: see `levels`."""
    kinds = levels(len(streams), ranges)
    if None not in kinds and len(set(kinds)) == 1:  # bytes are concatenated four times as fast as floats
        streams, kinds = [ops.concatenate(streams, axis=-1) if len(streams) > 1 else streams[0]], kinds[:1]
    values = [ops.cast(stored, "float32") for stored in streams]
    values = [each * kind[0] + kind[1] if kind else each for each, kind in zip(values, kinds, strict=True)]
    return ops.concatenate(values, axis=-1) if len(values) > 1 else values[0]


@serialisable
class FrameFeatures(keras.layers.Layer):
    """Dequantises, concatenates, normalises and masks the streams of a video.

    Args:
        normalise: scale every frame to L2 norm 1 over all features together, as the reference does.
        ranges: see `levels`.

    Call arguments: a list of uint8, float16 or float32 [B, T, D_i], and int32 [B], the number of real frames.
    Returns: frames [B, T, sum of D_i] in the compute dtype, 0 after the last real frame; and bool [B, T], True for real
    frames.
    """

    def __init__(self, normalise=True, ranges=None, **kwargs):
        super().__init__(**kwargs)
        self.normalise, self.ranges = normalise, ranges

    def call(self, streams, num_frames):
        mask = ops.arange(ops.shape(streams[0])[1], dtype="int32")[None, :] < num_frames[:, None]
        frames = side_by_side(streams, self.ranges)
        # Scaling and masking share one factor per frame, so the frames are read once.
        scale = ops.cast(mask, "float32")
        if self.normalise:
            scale = scale * ops.rsqrt(ops.maximum(ops.sum(ops.square(frames), axis=-1), 1e-12))
        return ops.cast(frames * scale[:, :, None], self.compute_dtype), mask

    def get_config(self):
        return super().get_config() | {"normalise": self.normalise, "ranges": self.ranges}


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


@serialisable
class FeatureScale(keras.layers.Layer):
    """Multiplies each value by its scale, and brings each feature to the length that is its weight.

    A vector of zeros stays zero.

    Args:
        weights: the weight of each feature.
        together: whether all features together are brought to length 1 at the end.

    Weights, not trained by gradients: `scales_i` float32 [D_i] of each feature, ones at first.

    Call arguments: a list of float [B, D_i]. Returns float32 [B, sum of D_i].
    """

    def __init__(self, weights, together=True, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.together = together
        self.weights_of_features = [float(weight) for weight in weights]

    def build(self, input_shape):
        stored = {"initializer": "ones", "trainable": False, "autocast": False}
        self.scales = [
            self.add_weight(name=f"scales_{place}", shape=(shape[-1],), **stored)
            for place, shape in enumerate(input_shape)
        ]
        self.built = True

    def call(self, vectors):
        parts = zip(vectors, self.scales, self.weights_of_features, strict=True)
        scaled = [unit_length(ops.cast(vector, "float32") * scale) * weight for vector, scale, weight in parts]
        joined = ops.concatenate(scaled, axis=-1) if len(scaled) > 1 else scaled[0]
        return unit_length(joined) if self.together else joined

    def get_config(self):
        return super().get_config() | {"weights": self.weights_of_features, "together": self.together}
