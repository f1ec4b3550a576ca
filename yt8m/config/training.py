"""How the weights are found, what is minimised, and what to compute on."""

import functools
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from yt8m.config.fields import NonNegative, Path, Positive, PositiveShare, Share, flag, hint, require
from yt8m.values import NonNegativeInt, PositiveInt, Range, Seed, fit_fields


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """How the weights are found."""

    num_steps: PositiveInt = 10_000
    """Optimizer steps in all, counted over restarts."""
    batch_size: PositiveInt = 128
    """Videos a step over all devices."""
    initial_run: Path = ""
    """A run directory whose best weights training starts from, as fine-tuning on segments does; none = random weights."""
    seed: Seed = 0
    """Of initialisation, data order, frame sampling and dropout."""
    gradient_accumulation: PositiveInt = 1
    """Pieces that a step's batch is computed in, one after another: the same gradient in less memory."""
    optimizer: Literal["adam", "adamw", "sgd", "adafactor"] = "adam"
    """adamw is adam with --training.weight-decay; adafactor takes a relative learning rate (1e-2 is usual)."""
    momentum: Share = 0.9
    """Of sgd."""
    learning_rate: Annotated[float, Range(above=0, below=1e38)] = 1e-3
    """After warm-up, before decay."""
    schedule: Literal["exponential", "cosine", "constant"] = "exponential"
    """How the learning rate falls: by factors, along half a cosine to 0 at the last step, or not at all."""
    learning_rate_decay: PositiveShare = 0.95
    """Factor applied every `learning-rate-decay-examples`; 1 = constant."""
    learning_rate_decay_examples: PositiveInt = 4_000_000
    """Training examples between two decays, in steps."""
    learning_rate_smooth_decay: bool = False
    """Decay a little at every step instead of in stairs."""
    epsilon: Annotated[float, Range(above=0, below=1)] = 1e-8
    """Adam's; weights whose gradients are smaller than it move in proportion to them, not at full rate."""
    warmup_steps: NonNegativeInt = 0
    """Steps over which the learning rate rises linearly from 0."""
    clip_norm: NonNegative = 1.0
    """Largest global norm of a gradient; 0 = unlimited."""
    weight_decay: NonNegative = 0.0
    """Decoupled decay of matrices a step, times the learning rate; biases and scales are left alone."""
    ema_decay: Share = 0.0
    """Decay of a moving average of the weights, which is what is evaluated and kept; 0 = none."""
    statistics_batches: NonNegativeInt = 100
    """Of ema-decay: batches of training records, one pass over them at most, that batch normalisation takes its statistics
    from before each validation, as those of the steps are of other weights; 0 = keep those of the steps."""
    validate_every_steps: NonNegativeInt = 1_000
    """Steps between two passes over the validation split; 0 = at the end only."""
    early_stopping: NonNegativeInt = 0
    """Validations in a row without a better GAP, or segment MAP on rated segments, before training stops; 0 = never."""
    log_every_steps: PositiveInt = 50
    """Steps between two lines of metrics.jsonl; the loss is their mean."""
    checkpoint_every_steps: PositiveInt = 1_000
    """Steps between two checkpoints."""
    keep_checkpoints: PositiveInt = 2
    """Checkpoints kept; the best weights are kept beside them."""
    synchronised_batch_normalisation: bool = False
    """Take the statistics of batch normalisation over all devices, not over each one's share of the batch."""
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    """mixed_bfloat16 computes in bfloat16 and keeps weights in float32."""
    xla: bool = False
    """Compile the step with XLA."""

    def __post_init__(self):
        fit_fields(self, name_of=functools.partial(flag, "training"))
        require(
            not (self.xla and self.synchronised_batch_normalisation),
            "--training.xla compiles each device's step alone; leave it or --training.synchronised-batch-normalisation out",
        )
        require(
            self.optimizer != "adam" or not self.weight_decay,
            "--training.weight-decay is not for adam; add --training.optimizer adamw",
        )
        require(
            self.batch_size % self.gradient_accumulation == 0,
            f"--training.batch-size {self.batch_size} cannot be cut into "
            f"--training.gradient-accumulation {self.gradient_accumulation} equal pieces",
        )


LossKind = Literal[
    "bce",
    "focal",
    "asymmetric",
]
"""The losses that `yt8m.training.losses` has a function for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """What is minimised in training. Validation always reports the plain cross-entropy."""

    kind: Annotated[LossKind, tyro.conf.arg(aliases=("--loss",))] = "bce"
    """Binary cross-entropy; with easy classes turned down; with easy negatives turned down and the easiest left out."""
    focal_gamma: NonNegative = 2.0
    """Of focal: how much easy classes are turned down."""
    asymmetric_gamma_positive: NonNegative = 0.0
    """Of asymmetric: how much easy positives are turned down."""
    asymmetric_gamma_negative: NonNegative = 4.0
    """Of asymmetric: how much easy negatives are turned down."""
    asymmetric_margin: Share = 0.05
    """Of asymmetric: negatives of a lower probability count nothing."""
    label_smoothing: Share = 0.0
    """Part of a video's labels that is spread evenly over all classes."""
    positive_weight: NonNegative = 1.0
    """Factor on the loss of labels that are there."""
    negative_weight: NonNegative = 1.0
    """Factor on the loss of those that are not; of a segment, of those it was rated not to have."""
    mined_negatives: NonNegativeInt = 0
    """Of a rated segment, unrated classes that count as negatives: those that the model is surest of among the ones that
    the whole video does not have as labels."""
    mined_negative_weight: NonNegative = 0.1
    """Factor on their loss."""
    class_weights: Path = ""
    """A CSV with the columns Index and Weight: factors on the classes' losses; a class left out has 1."""

    def __post_init__(self):
        fit_fields(self, name_of=functools.partial(flag, "loss"))


@dataclass(frozen=True, kw_only=True, slots=True)
class DistillConfig:
    """Learning from another model's scores beside the labels (arXiv 1503.02531)."""

    teacher: Path = ""
    """A run directory, or a CSV of video predictions for the training records; none = labels alone."""
    weight: PositiveShare = 0.5
    """Share of the teacher's loss; the labels have the rest."""
    temperature: Positive = 1.0
    """Softens both sides' logits; 1 = as they are."""

    def __post_init__(self):
        fit_fields(self, name_of=functools.partial(flag, "distill"))


@dataclass(frozen=True, kw_only=True, slots=True)
class DistributeConfig:
    """What to compute on. A run may go on on other devices."""

    strategy: Literal["auto", "one", "mirrored", "multiworker", "tpu"] = "auto"
    """auto: a TPU if one is named or found, several workers if TF_CONFIG or Slurm says so, all local GPUs if there are
    several, else one device."""
    virtual_devices: NonNegativeInt = 0
    """Split the processor into so many devices, to try things without a GPU; 0 = leave it whole."""
    tpu: Annotated[str, tyro.conf.arg(metavar="NAME", help_behavior_hint=hint)] = ""
    """Name or address of a TPU; none = the variable TPU_NAME, or this TPU VM's own."""

    def __post_init__(self):
        fit_fields(self, name_of=functools.partial(flag, "distribute"))


DEFAULT_DISTRIBUTE = DistributeConfig()
"""Of commands that take no other part of a configuration."""
