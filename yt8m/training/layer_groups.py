"""Layers that training leaves as they are, and layers that learn at their own rate.

Users name layers by patterns (`--training.freeze`, `--training.learning-rates`). A pattern is matched with the names of the
model's layers that steps change, so not with those whose weights are set before the first step, as of scales and whitening.
In a model with the whole video as context, a layer is named `segment/NAME` or `video/NAME`, and NAME alone means both.

A frozen layer keeps its weights and its running statistics, as with Keras's `layer.trainable = False`: batch normalisation in it
computes with the statistics that it has. It has no gradients, no state of the optimizer and no moving average.
"""

import fnmatch
import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from yt8m.config import TrainingConfig
from yt8m.errors import InputError
from yt8m.models import changes_in_training, layers_of, learned_weights, named_layers


def _matching(pattern: str, names: Sequence[str], name_of_flag: str) -> list[str]:
    """The names that a pattern fits. Raises InputError if there are none."""
    found = [
        name
        for name in names
        if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name.rpartition("/")[2], pattern)
    ]
    if not found:
        raise InputError(
            f"{name_of_flag} {pattern}: no layer that learns has such a name; those that do are {', '.join(names)}"
        )
    return found


def factors_of(model: keras.Model, training: TrainingConfig) -> dict[str, float]:
    """The factor on the learning rate of each layer that steps change; 0 = frozen.

    Raises:
        InputError: a pattern fits no layer (the message lists them), or every layer is frozen.
    """
    layers = {name: layer for name, layer in layers_of(model).items() if changes_in_training(layer)}
    names = list(layers)
    factors = dict.fromkeys(names, 1.0)
    for pattern, factor in training.layer_factors:
        factors |= dict.fromkeys(_matching(pattern, names, "--training.learning-rates"), factor)
    for pattern in training.freeze:
        factors |= dict.fromkeys(_matching(pattern, names, "--training.freeze"), 0.0)
    chosen = training.freeze or training.learning_rates
    if chosen and not any(factor and learned_weights(layers[name]) for name, factor in factors.items()):
        given = {"--training.freeze": training.freeze, "--training.learning-rates": training.learning_rates}
        flags = [flag for flag, values in given.items() if values]
        verb = "leave" if len(flags) > 1 else "leaves"
        raise InputError(f"{' and '.join(flags)} {verb} no layer to train; let one learn of {', '.join(names)}")
    return factors


def freeze(model: keras.Model, training: TrainingConfig) -> None:
    """Makes the frozen layers of a training untrainable, and all others trainable. Raises InputError as `factors_of`."""
    layers = layers_of(model)
    for name, factor in factors_of(model, training).items():
        layers[name].trainable = factor > 0


def factors_of_variables(model: keras.Model, training: TrainingConfig) -> list[float]:
    """The factor on the learning rate of each of the model's trainable variables, after `freeze`."""
    layers = layers_of(model)
    by_variable = {
        id(variable): factor
        for name, factor in factors_of(model, training).items()
        for variable in layers[name].variables
    }
    return [by_variable[id(variable)] for variable in model.trainable_variables]


def changing_state(model: keras.Model) -> list[tf.Variable]:
    """The variables that steps change beside the trainable ones: running statistics and dropout's counters, after `freeze`."""
    frozen = {id(variable) for layer in layers_of(model).values() if not layer.trainable for variable in layer.weights}
    return [variable.value for variable in model.non_trainable_variables if id(variable) not in frozen]


def group_remarks(model: keras.Model, training: TrainingConfig) -> list[str]:
    """Lines that say which layers are frozen and which have a rate of their own, with their numbers of weights."""
    if not (training.freeze or training.learning_rates):
        return []
    factors, layers = factors_of(model, training), layers_of(model)

    def described(names: Sequence[str]) -> tuple[int, str]:
        weights = [each for name in names for each in learned_weights(layers[name])]
        return sum(math.prod(each.shape) for each in weights), named_layers(names)

    frozen = [name for name, factor in factors.items() if not factor]
    trained = [name for name, factor in factors.items() if factor]
    lines = []
    if frozen:
        (count, names), (left, others) = described(frozen), described(trained)
        lines.append(f"frozen: {count:,} weights of {names}; {left:,} weights remain to train, of {others}")
    for factor in sorted({factors[name] for name in trained} - {1.0}):
        count, names = described([name for name in trained if factors[name] == factor])
        lines.append(f"learning rate times {factor:g}: {count:,} weights of {names}")
    return lines
