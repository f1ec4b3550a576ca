"""A whole run as frozen dataclasses: what every command reads, and what `config.json` in a run directory holds.

A recipe (`yt8m.recipes`) is a function that returns one of these complete; flags override single fields
(`--training.num-steps 100`); the string under a field is its help text.
"""

from yt8m.config.architecture import Architecture
from yt8m.config.data import DataConfig
from yt8m.config.plain import from_dict, to_dict
from yt8m.config.run import RunConfig
from yt8m.config.training import (
    DEFAULT_DISTRIBUTE,
    DistillConfig,
    DistributeConfig,
    LossConfig,
    LossKind,
    TrainingConfig,
)

__all__ = [
    "DEFAULT_DISTRIBUTE",
    "Architecture",
    "DataConfig",
    "DistillConfig",
    "DistributeConfig",
    "LossConfig",
    "LossKind",
    "RunConfig",
    "TrainingConfig",
    "from_dict",
    "to_dict",
]
