"""The architectures."""

from yt8m.models import frame, sequence, video, vlad
from yt8m.models.registry import (
    ARCHITECTURES,
    BuiltModel,
    build_architecture,
    build_for_training,
    build_model,
    hyperparameters_of,
    list_models,
    make_architecture,
)

__all__ = [
    "ARCHITECTURES",
    "BuiltModel",
    "build_architecture",
    "build_for_training",
    "build_model",
    "frame",
    "hyperparameters_of",
    "list_models",
    "make_architecture",
    "sequence",
    "video",
    "vlad",
]
