"""Support for hand-written gradients."""


def given(arguments, upstream):
    """The result's gradient, from the arguments of a function for `keras.ops.custom_gradient`. They depend on the backend."""
    return arguments[-1] if upstream is None else upstream
