"""Selects one frame of each video: [B, T, D] and bool [B, T], real frames first, to [B, D]; 0 for a video without frames."""

from keras import ops

from yt8m.layers import serialisable
from yt8m.layers.pooling import Pooling, weighted_sum


@serialisable
class FirstFrame(Pooling):
    """The first frame, or 0 for a video without any."""

    def call(self, frames, mask):
        return frames[:, 0] * ops.cast(mask[:, :1], frames.dtype)


@serialisable
class LastFrame(Pooling):
    """The last real frame, or 0 for a video without any."""

    def call(self, frames, mask):
        real = ops.cast(mask, frames.dtype)
        followed = ops.pad(real[:, 1:], [[0, 0], [0, 1]])
        return weighted_sum(real * (1 - followed), frames)
