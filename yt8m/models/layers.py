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


def num_weights(layer: "keras.layers.Layer") -> int:
    """The number of weights of a layer that can be trained, frozen or not, without running statistics."""
    statistics = ("moving_mean", "moving_variance")
    return sum(math.prod(each.shape) for each in layer.weights if each.name not in statistics)


def named_layers(names: Sequence[str]) -> str:
    """Layers in a line: their names, or their number if there are many."""
    return ", ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} layers"
