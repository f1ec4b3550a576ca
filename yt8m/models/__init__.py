"""The architectures."""

from yt8m.models import frame, video
from yt8m.models.registry import (
    ARCHITECTURES,
    build_architecture,
    build_model,
    hyperparameters_of,
    list_models,
    make_architecture,
)

__all__ = [
    "ARCHITECTURES",
    "build_architecture",
    "build_model",
    "frame",
    "hyperparameters_of",
    "list_models",
    "make_architecture",
    "video",
]
