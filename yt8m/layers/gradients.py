"""Gradients that are written out."""


def given(arguments, upstream):
    """The gradient of the result, in a function that `keras.ops.custom_gradient` calls; how depends on Keras's backend."""
    return arguments[-1] if upstream is None else upstream
