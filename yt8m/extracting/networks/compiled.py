"""Running a network on the processor at hand."""

from collections.abc import Callable

import numpy as np


def compiled(function: Callable, shape: tuple[int, ...], dtype: str = "uint8") -> Callable[[np.ndarray], np.ndarray]:
    """A function of tensors as one of arrays, traced once for any number of rows.

    Args:
        function: from a tensor, float32 [B, *shape], to a tensor [B, D].
        shape: of what is given for a row: height, width and channels of a frame, say.
        dtype: of what is given.

    Returns:
        A function from [B, *shape] of that type to float32 [B, D].
    """
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, *shape], dtype)], autograph=False)
    def traced(values):
        return tf.cast(function(tf.cast(values, tf.float32)), tf.float32)

    return lambda values: traced(tf.constant(values)).numpy()
