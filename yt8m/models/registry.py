"""All models, by name. This module does not import Keras, so `--help` lists models in milliseconds.

A new model touches two places: a dataclass in `yt8m.models` and a recipe in `yt8m.recipes`.
"""

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from yt8m.config import Architecture
from yt8m.data.features import DEFAULT_FEATURES, KNOWN, Feature, in_order, names_of, parse_features
from yt8m.data.schema import CONTEXT_PREFIX, DEFAULT_NUM_CLASSES
from yt8m.errors import InputError, unknown_name
from yt8m.models.inputs import Inputs
from yt8m.models.stages import StagedLogits
from yt8m.values import PositiveInt, checked, fit_all

if TYPE_CHECKING:
    import keras

ARCHITECTURES: dict[str, type[Architecture]] = {}
"""Filled by `register` when `yt8m.models` is imported."""


def register(architecture: type[Architecture]) -> type[Architecture]:
    """Class decorator: registers an architecture under its `name`."""
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
    """The hyper-parameters of a model, with the given ones changed from their defaults.

    Raises:
        InputError: an unknown model or hyper-parameter (the message lists the known ones), or a wrong value.
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
    features: tuple[Feature | str, ...] = DEFAULT_FEATURES,
) -> "keras.Model":
    """The Keras model of an architecture: from the batch of `yt8m.data.schema` to logits, float32 [B, num_classes].

    Args:
        architecture: the model's hyper-parameters.
        num_classes: C, at least 1.
        features: the features to read, as texts (`rgb`, `clip:512:float32`) or as rows of `yt8m.data.features`.

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
    """The same with a list of outputs: the logits, then the logits of every stage that also learns from the labels."""
    temperature: float
    """The temperature in `yt8m.models.stages.StagedLogits`."""


def build_member(
    architecture: Architecture, num_classes: int, features: tuple[Feature, ...], name: str
) -> "keras.Model":
    """The model of an ensemble's member, with a name of its own. See `build_architecture`."""
    return _build(architecture, num_classes, features, name).predicting


STREAM_NAMES = ("segment", "video")
MIXTURE_NAME = "mixture"
"""Layer names in a model that has the whole video as context."""


def has_context(model: "keras.Model") -> bool:
    """Whether a model of segments also sees the whole video."""
    return any(key.startswith(CONTEXT_PREFIX) for key in model.input)


def streams_of(model: "keras.Model") -> list["keras.Model"]:
    """The models inside a model with context, of segment and video; otherwise the model itself."""
    return [model.get_layer(name) for name in STREAM_NAMES] if has_context(model) else [model]


def build_for_training(
    architecture: Architecture,
    num_classes: int,
    features: tuple[Feature | str, ...] = DEFAULT_FEATURES,
    with_context: bool = False,
) -> BuiltModel:
    """The Keras model of an architecture, and the outputs for its training loss. See `build_architecture` for the arguments.

    With context, there are two models: one of the segment and one of the whole video. The keys of the video's frames begin
    with `CONTEXT_PREFIX`. Learned weights per class average the logits of both.
    """
    if with_context:
        return _build_with_context(architecture, num_classes, features)
    return _build(architecture, num_classes, features, architecture.name)


def _build_with_context(
    architecture: Architecture, num_classes: int, features: tuple[Feature | str, ...]
) -> BuiltModel:
    import keras
    from keras import tree

    from yt8m.layers.gating import StreamMixture

    streams = [_build(architecture, num_classes, features, name) for name in STREAM_NAMES]
    inputs, finals, trained_finals, stages = {}, [], [], []
    for stream, prefix in zip(streams, ("", CONTEXT_PREFIX), strict=True):
        own = {
            key: keras.Input(each.shape[1:], dtype=each.dtype, name=f"{prefix}{key}")
            for key, each in stream.predicting.input.items()
        }
        inputs |= {f"{prefix}{key}": each for key, each in own.items()}
        finals.append(stream.predicting(own))
        trained, *further = tree.flatten(stream.training(own))
        trained_finals.append(trained)
        stages += further
    mixture = StreamMixture(name=MIXTURE_NAME)
    return BuiltModel(
        predicting=keras.Model(inputs, mixture(finals), name=architecture.name),
        training=keras.Model(inputs, [mixture(trained_finals), *stages], name=architecture.name),
        temperature=streams[0].temperature,
    )


def _build(architecture: Architecture, num_classes: int, features: tuple[Feature, ...], model_name: str) -> BuiltModel:
    import keras

    rows = in_order(parse_features(features, "features"))  # one order, whatever order they are named in
    if not rows:
        raise InputError(f"features are empty; give one or more of {', '.join(KNOWN)}")
    architecture.check_features(rows)
    inputs = Inputs(rows)
    for row in rows:
        if architecture.level == "video":
            inputs[row.video_name] = keras.Input((row.size,), dtype="float32", name=row.video_name)
        else:
            inputs[row.name] = keras.Input((None, row.size), dtype=row.storage, name=row.name)
    if architecture.level == "frame":
        inputs["num_frames"] = keras.Input((), dtype="int32", name="num_frames")
    logits = architecture.build(inputs, num_classes)
    staged = logits if isinstance(logits, StagedLogits) else StagedLogits(logits, ())
    with _clashes_in_words(architecture, rows):
        return BuiltModel(
            predicting=keras.Model(dict(inputs), staged.final, name=model_name),
            training=keras.Model(dict(inputs), [staged.final, *staged.stages], name=model_name),
            temperature=staged.temperature,
        )


@contextlib.contextmanager
def _clashes_in_words(architecture: Architecture, features: tuple[Feature, ...]) -> Iterator[None]:
    """Raises InputError in place of Keras's error if a feature has the name of a layer."""
    try:
        yield
    except ValueError as error:
        found = re.search(r'name "(.+?)" is used', str(error))
        if not found or found[1] not in names_of(features):
            raise
        raise InputError(
            f"--data.features has {found[1]!r}, and {architecture.name} has a layer of that name; write the records with "
            "another name for the feature"
        ) from error


def build_model(
    name: str,
    num_classes: int = DEFAULT_NUM_CLASSES,
    *,
    features: tuple[Feature | str, ...] = DEFAULT_FEATURES,
    **hyperparameters,
) -> "keras.Model":
    """A Keras model by name; `yt8m models NAME` lists its hyper-parameters.

    Args:
        name: one of `list_models()`.
        num_classes: C, at least 1.
        features: the features to read, as texts (`rgb`, `clip:512:float32`) or as rows of `yt8m.data.features`.
        hyperparameters: values that differ from the defaults.

    Returns:
        From a dict of features to logits, float32 [B, num_classes]. Frame level: `rgb` uint8 [B, T, 1024], `audio`
        uint8 [B, T, 128], `num_frames` int32 [B]; video level: `mean_rgb` float32 [B, 1024], `mean_audio` [B, 128]. Other
        features have their own size and, at frame level, type.

    Raises:
        InputError: an unknown model or hyper-parameter (the message lists the known ones), or a wrong value.
    """
    return build_architecture(make_architecture(name, **hyperparameters), num_classes, features)


def list_models() -> list[str]:
    """The names that `build_model` knows, sorted."""
    return sorted(ARCHITECTURES)
