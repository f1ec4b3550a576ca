"""Convolutions over the frames of a video."""

import keras
from keras import ops

from yt8m.layers import serialisable


@serialisable
class DilatedConvolution(keras.layers.Layer):
    """A dilated, weight-normalised convolution over time that reads real frames only (arXiv 1803.01271, section 3).

    y_t = b + sum over taps j of ``x_(t + o_j) W_j``. Padding and frames outside the video count as 0. Causal:
    o_j = (j - k + 1) * dilation, so the last tap is the frame itself. Otherwise, as many frames before it as after it (one
    more after it if (k - 1) * dilation is odd). The weights of each output are ``W = gamma * v / |v|`` (arXiv 1602.07868).

    Args:
        num_units: F.
        kernel_size: k, the taps.
        dilation: frames from one tap to the next.
        causal: read no later frames.

    Call arguments: frames [B, T, D], bool [B, T]. Returns [B, T, F]; ignore its padded frames.
    """

    def __init__(self, num_units, kernel_size, dilation=1, causal=False, **kwargs):
        super().__init__(**kwargs)
        self.num_units, self.kernel_size = num_units, kernel_size
        self.dilation, self.causal = dilation, causal
        self.supports_masking = True

    def build(self, frames_shape, mask_shape=None):
        # float32 until it is normalised. He's initial weights have a mean squared norm of 2, hence gamma.
        shape = (self.kernel_size, frames_shape[-1], self.num_units)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="he_normal", autocast=False)
        initial_gamma = keras.initializers.Constant(2.0**0.5)
        self.gamma = self.add_weight(name="gamma", shape=(self.num_units,), initializer=initial_gamma, autocast=False)
        self.bias = self.add_weight(name="bias", shape=(self.num_units,), initializer="zeros")
        self.built = True

    def call(self, frames, mask):
        kernel = ops.convert_to_tensor(self.kernel)
        squared = ops.sum(ops.square(kernel), axis=(0, 1))
        kernel = ops.cast(kernel * (self.gamma * ops.rsqrt(ops.maximum(squared, 1e-12))), self.compute_dtype)
        reach = (self.kernel_size - 1) * self.dilation
        before = reach if self.causal else reach // 2
        real = frames * ops.cast(mask, self.compute_dtype)[:, :, None]
        padded = ops.pad(real, [[0, 0], [before, reach - before], [0, 0]])
        outputs = ops.conv(padded, kernel, padding="valid", data_format="channels_last", dilation_rate=self.dilation)
        return outputs + self.bias

    def compute_output_shape(self, frames_shape, mask_shape=None):
        return (*frames_shape[:-1], self.num_units)

    def get_config(self):
        names = ("num_units", "kernel_size", "dilation", "causal")
        return super().get_config() | {name: getattr(self, name) for name in names}
