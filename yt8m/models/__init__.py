"""The architectures."""

from yt8m.models import frame, sequence, video, vlad
from yt8m.models.assembled import ASSEMBLED
from yt8m.models.layers import changes_in_training, layers_of, learned_weights, named_layers, num_weights
from yt8m.models.pretraining import build_for_pretraining
from yt8m.models.registry import (
    ARCHITECTURES,
    MIXTURE_NAME,
    BuiltModel,
    build_architecture,
    build_for_training,
    build_model,
    has_context,
    hyperparameters_of,
    list_models,
    make_architecture,
    streams_of,
)

ALL_ARCHITECTURES = {**ARCHITECTURES, **ASSEMBLED}
"""The models of all kinds of runs: those that recipes train, and those made otherwise."""

__all__ = [
    "ALL_ARCHITECTURES",
    "ARCHITECTURES",
    "MIXTURE_NAME",
    "BuiltModel",
    "build_architecture",
    "build_for_pretraining",
    "build_for_training",
    "build_model",
    "changes_in_training",
    "frame",
    "has_context",
    "hyperparameters_of",
    "layers_of",
    "learned_weights",
    "list_models",
    "make_architecture",
    "named_layers",
    "num_weights",
    "sequence",
    "streams_of",
    "video",
    "vlad",
]
