"""Loops over frames in a form that converters understand.

`keras.ops.scan`, which the recurrent layers train with, keeps what a frame hands on to the next in a list that each turn
overwrites. Converters know only lists to which each turn adds an entry, and read a loop from the last frame to the first as one
from the first to the last.
"""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf

from yt8m.layers.recurrent import Recurrence


def recurrences(model: keras.Model) -> list[Recurrence]:
    """The recurrent layers of a model and of the models in it."""
    if isinstance(model, Recurrence):
        return [model]
    return [found for each in getattr(model, "layers", ()) for found in recurrences(each)]


@contextlib.contextmanager
def plain_loops(layers: list[Recurrence]) -> Iterator[None]:
    """Lets layers run plain loops, without gradients, in functions that are traced in the block."""
    for layer in layers:
        layer.states = _PlainLoop(layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.states


class _PlainLoop:
    """In place of `Recurrence.states`."""

    def __init__(self, layer: Recurrence):
        self._layer = layer

    def __call__(self, inputs: tf.Tensor, recurrent_kernel: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        layer, count = self._layer, inputs.shape[0]
        if layer.backwards:
            inputs, mask = inputs[::-1], mask[::-1]
        step, width = layer.step(recurrent_kernel), layer.num_units
        rows = [tf.TensorArray(tf.float32, count).unstack(each) for each in (inputs, mask)]
        nothing = tf.zeros([tf.shape(inputs)[1], width])
        written = tf.TensorArray(tf.float32, count, element_shape=[None, width])

        def turn(index, written, *state):
            before = state if layer.num_states > 1 else state[0]
            after = tf.nest.flatten(step(before, [each.read(index) for each in rows])[0])
            return index + 1, written.write(index, after[0]), *after

        _, written, *_ = tf.while_loop(
            lambda index, *_: index < count, turn, (0, written, *[nothing] * layer.num_states), maximum_iterations=count
        )
        states = written.stack()
        return states[::-1] if layer.backwards else states
