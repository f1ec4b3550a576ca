"""The layers of a built model by name, as users name them."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

MOST_NAMED = 6
"""Layers that a line names; of more it gives the number."""


def layers_of(model: "keras.Model") -> dict[str, "keras.layers.Layer"]:
    """The layers that have weights, by name, in the order of the model. Those of a stream are named `segment/NAME`."""
    import keras

    found: dict[str, keras.layers.Layer] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= {f"{layer.name}/{name}": each for name, each in layers_of(layer).items()}
        elif layer.weights:
            found[layer.name] = layer
    return found


_STATISTICS = ("moving_mean", "moving_variance")


def learned_weights(layer: "keras.layers.Layer") -> "list[keras.Variable]":
    """The weights of a layer that steps of training change, unless the layer is frozen. Running statistics are no weights."""
    was_trained = layer.trainable
    layer.trainable = True  # a frozen layer names none
    found = list(layer.trainable_weights)
    layer.trainable = was_trained
    return found


def changes_in_training(layer: "keras.layers.Layer") -> bool:
    """Whether steps change anything in a layer that is not frozen. They do not if all its weights are set before the first."""
    return bool(learned_weights(layer)) or any(each.name in _STATISTICS for each in layer.weights)


def num_weights(layer: "keras.layers.Layer") -> int:
    """The number of weights of a layer, frozen or not, without running statistics."""
    return sum(math.prod(each.shape) for each in layer.weights if each.name not in _STATISTICS)


def named_layers(names: Sequence[str]) -> str:
    """Layers in a line: their names, or their number if there are many."""
    return ", ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} layers"
