"""Computes the insides of a model's blocks a second time for their gradients, instead of keeping them (arXiv 1604.06174).

Only what goes from one block to the next is kept. When the gradient reaches a block, the block is computed again from its input,
with the same dropout. So a step takes about a third longer, and the gradients are the same.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from yt8m.config import RunConfig
from yt8m.errors import InputError

FRAMES, VISIBLE_FRAMES, HIDDEN_FRAMES = "frames", "visible_frames", "hidden_frames"
"""Layers that make the frames and the mask that all blocks read; the last two in pretraining alone."""

Forward = Callable[[Mapping[str, tf.Tensor]], Any]
"""From a batch's features to the outputs of a model in training."""


def forward_of(model: keras.Model, config: RunConfig) -> Forward:
    """Returns the forward pass of training, with or without `--training.rematerialise`.

    Raises:
        InputError: the model has no blocks.
    """
    if not config.training.rematerialise:
        return lambda features: model(features, training=True)
    known = {layer.name for layer in model.layers}
    names = [name for name in config.model.block_names if name in known]
    if not names:
        why = "with the whole video as context" if config.model.block_names else "which has no blocks of frames"
        raise InputError(
            f"--training.rematerialise is for lstm, gru, tcn and transformer, not for {config.model.name} {why}; "
            "--training.gradient-accumulation saves memory with every model"
        )
    return Rematerialised(model, names)


class Rematerialised:
    """The forward pass of a model in training that keeps values between blocks alone.

    The blocks are models of the same layers, so weights and their names stay.

    Args:
        model: a functional model whose blocks read the frames and their mask from the layer `frames`.
        names: the layers at whose output each block ends, in order.
    """

    def __init__(self, model: keras.Model, names: Sequence[str]):
        frames, mask = model.get_layer(FRAMES).output
        known = {layer.name for layer in model.layers}
        further = [model.get_layer(HIDDEN_FRAMES).output] if HIDDEN_FRAMES in known else []
        if VISIBLE_FRAMES in known:
            frames = model.get_layer(VISIBLE_FRAMES).output
        ends = [frames, *(model.get_layer(name).output for name in names)]
        self._first = keras.Model(model.input, [frames, mask, *further])
        self._blocks = [keras.Model([before, mask], after) for before, after in itertools.pairwise(ends)]
        self._keys = list(model.input)
        inputs = [model.input[key] for key in self._keys]
        outputs, passed_on = model.output, {id(each) for each in further}
        self._passed_on: list[str] = []
        """Names of outputs that are no more than what the blocks were given."""
        if isinstance(outputs, dict):
            self._passed_on = [name for name, each in outputs.items() if id(each) in passed_on]
            outputs = {name: each for name, each in outputs.items() if name not in self._passed_on}
        self._last = keras.Model([*inputs, ends[-1], mask, *further], outputs)

    def __call__(self, features: Mapping[str, tf.Tensor]) -> Any:
        states, mask, *further = self._first(features, training=True)
        for block in self._blocks:
            states = _recomputed(block, states, mask)
        inputs = [features[key] for key in self._keys]
        outputs = self._last([*inputs, states, mask, *further], training=True)
        return outputs | dict(zip(self._passed_on, further, strict=True)) if self._passed_on else outputs


def _recomputed(block: keras.Model, states: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """The output of a block whose values are not kept. Its counters of dropout go on as in a usual call."""
    trained, others = block.trainable_variables, block.non_trainable_variables
    before = [(variable, tf.identity(variable.value)) for variable in others]

    def compute(states: tf.Tensor, *weights: tf.Tensor) -> tuple[tf.Tensor, ...]:
        mapping = [*zip(trained, weights, strict=True), *before]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            result = block([states, mask], training=True)
        return result, *(scope.get_current_value(variable) for variable in others)

    @tf.custom_gradient
    def run(states: tf.Tensor, *weights: tf.Tensor):
        def gradient(*upstream: tf.Tensor):
            # TensorFlow would compute the block once, and keep its values, if the second time did not wait for the gradient.
            first = tf.reshape(upstream[0], [-1])[:1]
            nothing = tf.reduce_sum(tf.where(tf.math.is_nan(first), first, tf.zeros_like(first)))
            again = [states + tf.cast(nothing, states.dtype), *(tf.identity(each) for each in weights)]
            with tf.GradientTape() as tape:
                tape.watch(again)
                result, *_ = compute(*again)
            return tape.gradient(result, again, upstream[0], unconnected_gradients=tf.UnconnectedGradients.ZERO)

        return compute(states, *weights), gradient

    result, *after = run(states, *(tf.convert_to_tensor(variable.value) for variable in trained))
    for variable, value in zip(others, after, strict=True):
        variable.assign(value)
    return result
