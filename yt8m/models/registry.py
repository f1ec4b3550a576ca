"""Every model by name. Importing this module does not import Keras: `--help` lists models in milliseconds.

Adding a model touches two places: a dataclass in `video.py` or `frame.py`, and a recipe in `yt8m.recipes`.
"""

import dataclasses
from typing import TYPE_CHECKING

from yt8m.config import Architecture
from yt8m.data.schema import DEFAULT_NUM_CLASSES, FEATURE_SIZES, Feature, video_feature
from yt8m.errors import InputError, unknown_name
from yt8m.models.stages import StagedLogits
from yt8m.values import PositiveInt, checked, fit_all

if TYPE_CHECKING:
    import keras

ARCHITECTURES: dict[str, type[Architecture]] = {}
"""Filled by `register` when `yt8m.models` is imported."""


def register(architecture: type[Architecture]) -> type[Architecture]:
    """Class decorator: makes an architecture known under its `name`."""
    assert architecture.name not in ARCHITECTURES, f"two models are named {architecture.name}"
    ARCHITECTURES[architecture.name] = architecture
    return architecture


@checked
def hyperparameters_of(name: str) -> dict[str, dataclasses.Field]:
    """The hyper-parameters of a model, in order.

    Raises:
        InputError: no such model; the message lists them.
    """
    if name not in ARCHITECTURES:
        raise InputError(unknown_name("model", name, sorted(ARCHITECTURES)))
    return {field.name: field for field in dataclasses.fields(ARCHITECTURES[name])}


def make_architecture(name: str, **hyperparameters) -> Architecture:
    """A model's hyper-parameters with some of them changed.

    Raises:
        InputError: an unknown model or hyper-parameter (the message lists the known ones), or a value that a
            hyper-parameter cannot have.
    """
    known = hyperparameters_of(name)
    for hyperparameter in hyperparameters:
        if hyperparameter not in known:
            raise InputError(unknown_name(f"hyper-parameter of {name}", hyperparameter, list(known)))
    return ARCHITECTURES[name](**fit_all(hyperparameters, ARCHITECTURES[name].value_types()))


@checked
def build_architecture(
    architecture: Architecture,
    num_classes: PositiveInt = DEFAULT_NUM_CLASSES,
    features: tuple[Feature, ...] = tuple(FEATURE_SIZES),
) -> "keras.Model":
    """The Keras model of an architecture: from the batch of `yt8m.data.schema` to logits, float32 [B, num_classes].

    Args:
        architecture: which, with its hyper-parameters.
        num_classes: C, at least 1.
        features: those it reads, of `rgb` and `audio`.

    Raises:
        InputError: no class or feature, or an unknown feature.
    """
    return build_for_training(architecture, num_classes, features).predicting


@dataclasses.dataclass(frozen=True)
class BuiltModel:
    """Two views of the same layers."""

    predicting: "keras.Model"
    """From a batch's features to logits, float32 [B, C]."""
    training: "keras.Model"
    """The same, but a list: the logits, then those of every stage that is trained on the labels too."""
    temperature: float
    """Of `yt8m.models.stages.StagedLogits`."""


def build_for_training(
    architecture: Architecture, num_classes: int, features: tuple[Feature, ...] = tuple(FEATURE_SIZES)
) -> BuiltModel:
    """The Keras model of an architecture, and what its training loss looks at; arguments as for `build_architecture`."""
    import keras

    if not features:
        raise InputError(f"features are empty; give one or more of {', '.join(FEATURE_SIZES)}")
    inputs = {}
    for name in (name for name in FEATURE_SIZES if name in features):  # one order, whatever order they are named in
        if architecture.level == "video":
            key = video_feature(name)
            inputs[key] = keras.Input((FEATURE_SIZES[name],), dtype="float32", name=key)
        else:
            inputs[name] = keras.Input((None, FEATURE_SIZES[name]), dtype="uint8", name=name)
    if architecture.level == "frame":
        inputs["num_frames"] = keras.Input((), dtype="int32", name="num_frames")
    logits = architecture.build(inputs, num_classes)
    staged = logits if isinstance(logits, StagedLogits) else StagedLogits(logits, ())
    return BuiltModel(
        predicting=keras.Model(inputs, staged.final, name=architecture.name),
        training=keras.Model(inputs, [staged.final, *staged.stages], name=architecture.name),
        temperature=staged.temperature,
    )


def build_model(
    name: str,
    num_classes: int = DEFAULT_NUM_CLASSES,
    *,
    features: tuple[Feature, ...] = tuple(FEATURE_SIZES),
    **hyperparameters,
) -> "keras.Model":
    """A Keras model by name; `yt8m models NAME` lists its hyper-parameters.

    Args:
        name: one of `list_models()`.
        num_classes: C, at least 1.
        features: those it reads, of `rgb` and `audio`.
        hyperparameters: those to change from their defaults.

    Returns:
        From a dict of features to logits, float32 [B, num_classes]. Frame level: `rgb` uint8 [B, T, 1024], `audio`
        uint8 [B, T, 128], `num_frames` int32 [B]; video level: `mean_rgb` float32 [B, 1024], `mean_audio` [B, 128].

    Raises:
        InputError: an unknown model or hyper-parameter (the message lists the known ones), or a value that one of the
            arguments cannot have.
    """
    return build_architecture(make_architecture(name, **hyperparameters), num_classes, features)


def list_models() -> list[str]:
    """The names `build_model` knows, sorted."""
    return sorted(ARCHITECTURES)
