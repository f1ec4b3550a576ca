"""The configuration of a whole run."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from yt8m.config.architecture import Architecture
from yt8m.config.data import DataConfig
from yt8m.config.fields import require
from yt8m.config.pretraining import PretrainConfig
from yt8m.config.training import DistillConfig, DistributeConfig, LossConfig, TrainingConfig
from yt8m.data.features import DEFAULT_FEATURES, parse_features
from yt8m.files import check_local
from yt8m.values import fit_fields


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """Everything that determines a run."""

    recipe: Annotated[str, tyro.conf.Suppress] = ""
    """The recipe that the configuration came from."""
    run: Annotated[str, tyro.conf.arg(metavar="DIR", help_behavior_hint="(required by train and submit)")] = ""
    """The run directory, for configuration, metrics, checkpoints and best weights. A new one is made; an existing run resumes."""
    log: Annotated[
        tuple[Literal["mlflow", "wandb"], ...],
        tyro.conf.arg(metavar="{mlflow,wandb} ...", help_behavior_hint="(default: neither)"),
    ] = ()
    """Log to MLflow or Weights & Biases, too. Their own environment
    variables say where (MLFLOW_TRACKING_URI, WANDB_MODE)."""
    model: Architecture
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    distill: DistillConfig = dataclasses.field(default_factory=DistillConfig)
    distribute: DistributeConfig = dataclasses.field(default_factory=DistributeConfig)

    pretrain: Annotated[PretrainConfig | None, tyro.conf.Suppress] = None
    """What is learned without labels; None = the run learns from labels."""

    def __post_init__(self):
        fit_fields(self, name_of=lambda name: f"--{name}")
        # While the features are not known, those of YouTube-8M stand in.
        self.model.check_features(parse_features(self.data.features) or DEFAULT_FEATURES)
        pieces = self.training.gradient_accumulation
        require(
            not (self.pretrain and self.pretrain.loss == "contrastive" and pieces > 1),
            "--pretrain.loss contrastive compares the videos of a batch, which --training.gradient-accumulation would cut in "
            "pieces; lower --training.batch-size instead",
        )
        if self.run:
            check_local(self.run, "a run directory", shown=f"--run {self.run}")
