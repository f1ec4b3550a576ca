"""Starts a model from another run (`--training.initial-run`): from all of its weights, or those of the layers that fit."""

from collections.abc import Sequence

import keras

from yt8m import models, runs
from yt8m.config import RunConfig
from yt8m.errors import InputError
from yt8m.runs.best import best_weights
from yt8m.runs.model import build
from yt8m.runs.weights import load_weights


def start_from(built: models.BuiltModel, config: RunConfig) -> list[str]:
    """Gives a model the best weights of `--training.initial-run`, if named. With a context, both streams get them.

    A layer gets the weights of the layer of its name there, if all of them have the same shapes; the others keep fresh weights.
    So the runs may have other classes, features or sizes, but must be of the same kind of model.

    Returns:
        Lines that say which layers got weights, which are left there, and which are new; empty without an initial run.

    Raises:
        InputError: the run does not exist, has no weights yet, has another kind of model, or no layer that fits.
    """
    run = config.training.initial_run
    if not run:
        return []
    initial, name = runs.load_config(run), f"--training.initial-run {run}"
    differences = runs.model_differences(config, initial)
    if config.pretrain or initial.pretrain:  # what is learned without labels depends on no classes
        differences = [each for each in differences if not each.startswith("data.num_classes")]
    if config.model.name != initial.model.name:
        raise InputError(f"{name}: its {differences[0]}; start from a run of the same model")
    with_context = initial.data.segment_context == "video"
    if with_context and config.data.segment_context != "video":
        raise InputError(f"{name}: was trained with the whole video as context; add --data.segment-context video")
    weights = best_weights(run)
    targets = [built.predicting] if with_context else models.streams_of(built.predicting)
    if not differences and config.pretrain == initial.pretrain:
        for model in targets:
            load_weights(model, weights)
        return [f"{name}: all layers start from its weights"]
    there = build(initial)
    load_weights(there, weights)
    for model in targets:
        taken = _take(models.layers_of(model), models.layers_of(there))
    if not taken:
        why = "; ".join(differences) or "they have no layer in common"
        raise InputError(f"{name}: no layer of it fits ({why}); give the sizes that it has, or a run of these sizes")
    return [f"{name}: {line}" for line in _remarks(targets[0], there, taken, differences)]


def _take(here: dict[str, keras.layers.Layer], there: dict[str, keras.layers.Layer]) -> list[str]:
    """Copies the weights of layers that fit. Returns their names."""
    taken = [name for name in here if name in there and _shapes(here[name]) == _shapes(there[name])]
    for name in taken:
        for variable, value in zip(here[name].weights, there[name].weights, strict=True):
            variable.assign(value)
    return taken


def _shapes(layer: keras.layers.Layer) -> list[tuple]:
    return [(type(layer), *variable.shape) for variable in layer.weights]


def _remarks(here: keras.Model, there: keras.Model, taken: Sequence[str], differences: Sequence[str]) -> list[str]:
    """Says which layers were taken, which are left there, which are new here, and what differs between the runs."""

    def described(model: keras.Model, wanted: bool) -> str:
        layers = {name: each for name, each in models.layers_of(model).items() if (name in taken) == wanted}
        count = sum(models.num_weights(each) for each in layers.values())
        return f"{count:,} weights of {models.named_layers(list(layers))}" if layers else "none"

    lines = [
        f"taken are {described(here, True)}",
        f"left there are {described(there, False)}",
        f"new here are {described(here, False)}",
    ]
    return lines + ([f"differences: {'; '.join(differences)}"] if differences else [])
