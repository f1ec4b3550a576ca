"""Running a Keras model on the processor at hand."""

from collections.abc import Callable

import numpy as np


def compiled(function: Callable, shape: tuple[int, int, int]) -> Callable[[np.ndarray], np.ndarray]:
    """A function of tensors as one of arrays, traced once for any number of frames.

    Args:
        function: from a tensor, float32 [B, *shape] with values from 0 to 255, to a tensor [B, D].
        shape: height, width and channels of a frame.

    Returns:
        A function from uint8 [B, *shape] to float32 [B, D].
    """
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, *shape], tf.uint8)], autograph=False)
    def traced(pixels):
        return tf.cast(function(tf.cast(pixels, tf.float32)), tf.float32)

    return lambda pixels: traced(tf.constant(pixels)).numpy()
