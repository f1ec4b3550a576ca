"""The configuration of a run, as frozen dataclasses. Commands read it, and `config.json` in a run directory holds it.

A recipe (`yt8m.recipes`) is a function that returns a complete configuration. Flags override single fields
(`--training.num-steps 100`). The string under a field is its help text. Help keeps line breaks, so each line of a longer text
has at most 70 characters.
"""

from yt8m.config.architecture import Architecture
from yt8m.config.data import DataConfig
from yt8m.config.plain import from_dict, to_dict
from yt8m.config.pretraining import PretrainConfig
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
    "PretrainConfig",
    "RunConfig",
    "TrainingConfig",
    "from_dict",
    "to_dict",
]
