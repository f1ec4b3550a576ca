"""The configuration of training: the optimizer, the loss, a teacher and the devices."""

import functools
import math
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import tyro

from yt8m.config.fields import (
    LayerFactor,
    LayerFactors,
    Layers,
    NonNegative,
    Path,
    Positive,
    PositiveShare,
    Share,
    flag,
    hint,
    parse_factor,
    require,
    split_at_commas,
    unless_none,
)
from yt8m.values import NonNegativeInt, PositiveInt, Range, Seed, fit_fields

EXCLUDING = (
    ("num_steps", "num_epochs"),
    ("validate_every_steps", "validate_every_epochs", "validate_every_minutes"),
)
"""Fields that say the same in steps, in epochs and in minutes, and so exclude each other."""
_DEFAULT_STEPS = {"num_steps": 10_000, "validate_every_steps": 1_000}
_GROWTH = 2 / 3
"""The exponent of `few_records`. docs/benchmarks.md has the curves."""
_Epochs = Annotated[float, Range(above=0, most=1e6)]
_Minutes = Annotated[float, Range(above=0, most=1e6)]
LENGTHS = tuple(field for ways in EXCLUDING for field in ways)
"""The fields that say how long to train and how often to validate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """How to train."""

    num_steps: Annotated[PositiveInt | None, unless_none("N")] = None
    """Optimizer steps in total, across restarts. Excludes --training.num-epochs. Without both: 10 000."""
    num_epochs: Annotated[_Epochs | None, unless_none("N")] = None
    """Passes over the training records in total, across restarts. The
    records are counted, and the steps follow from their number. The last
    pass may be a part of one, as in 2.5."""
    few_records: NonNegativeInt = 0
    """With fewer training records than this, epochs are longer: they take
    (this number / number of records) ** (2/3) times as many steps. 0 =
    never."""
    num_records: Annotated[NonNegativeInt, tyro.conf.Suppress] = 0
    """Training videos, or rated segments, of an epoch, once they are counted."""
    max_hours: NonNegative = 0.0
    """End in time: after so many hours of this call, with a last validation
    and all saved. The same command goes on. 0 = no limit."""
    batch_size: PositiveInt = 128
    """Videos per step, over all devices."""
    initial_run: Path = ""
    """A run directory of the same model. Training starts from its best
    weights, layer by layer where their shapes fit (default: random weights)."""
    freeze: Layers = ()
    """Layers whose weights and statistics stay as they are, by name. * and ?
    stand for any letters; with spaces or commas between (default: none).
    A name that no layer has is an error that lists the layers."""
    seed: Seed = 0
    """Seed of initialisation, data order, frame sampling and dropout."""
    gradient_accumulation: PositiveInt = 1
    """Compute each batch in so many pieces, one after another. This gives the same gradient in less memory."""
    rematerialise: bool = False
    """Keep only what goes from one block of lstm, gru, tcn or transformer to
    the next, and compute the insides again for the gradients. This gives
    the same gradient in less memory, and takes longer."""
    optimizer: Literal["adam", "adamw", "sgd", "adafactor"] = "adam"
    """adamw is adam with --training.weight-decay. adafactor takes a relative learning rate; 1e-2 is usual."""
    momentum: Share = 0.9
    """Momentum of sgd."""
    learning_rate: Annotated[float, Range(above=0, below=1e38)] = 1e-3
    """Learning rate after warm-up and before decay."""
    learning_rates: LayerFactors = ()
    """Factors on the learning rate of layers, such as *=0.1 head=1; 0 =
    frozen. Names as for --training.freeze. The last one that fits a layer
    counts (default: 1 for all)."""
    schedule: Literal["exponential", "cosine", "constant"] = "exponential"
    """How the learning rate falls. exponential: by a factor at a time.
    cosine: along half a cosine to 0 at the last step. constant: not at
    all."""
    learning_rate_decay: PositiveShare = 0.95
    """Factor on the learning rate after every --training.learning-rate-decay-examples; 1 = no decay."""
    learning_rate_decay_examples: PositiveInt = 4_000_000
    """Training examples between two decays."""
    learning_rate_smooth_decay: bool = False
    """Decay a little at every step instead of all at once."""
    epsilon: Annotated[float, Range(above=0, below=1)] = 1e-8
    """Epsilon of adam and adamw. Weights whose gradients are smaller than it
    move in proportion to them, not at the full rate."""
    warmup_steps: NonNegativeInt = 0
    """Steps over which the learning rate rises linearly from 0."""
    clip_norm: NonNegative = 1.0
    """Largest global norm of the gradient; 0 = no clipping."""
    weight_decay: NonNegative = 0.0
    """Decoupled weight decay per step, times the learning rate. It applies to matrices, not to biases and scales."""
    ema_decay: Share = 0.0
    """Decay of a moving average of the weights, which is then evaluated and kept in their place; 0 = no average."""
    statistics_batches: NonNegativeInt = 100
    """With --training.ema-decay, training batches (one pass at most) to
    compute the statistics of batch normalisation from before each
    validation, because those of the steps belong to other weights. 0 =
    keep those of the steps."""
    validate_every_steps: Annotated[NonNegativeInt | None, unless_none("N")] = None
    """Steps between validations; 0 = validate only at the end. Excludes
    --training.validate-every-epochs and
    --training.validate-every-minutes. Without them: 1 000."""
    validate_every_epochs: Annotated[_Epochs | None, unless_none("N")] = None
    """Epochs between validations, which may be a part of one, as in 0.5."""
    validate_every_minutes: Annotated[_Minutes | None, unless_none("N")] = None
    """Minutes from the end of a validation to the next one. A slow machine
    then validates after fewer steps."""
    validation_videos: NonNegativeInt = 20_000
    """Videos to validate on while training: always the same ones, drawn by
    the seed. The best weights are validated on all videos at the end. 0 =
    validate on all videos each time."""
    early_stopping: NonNegativeInt = 0
    """Stop after so many validations in a row without a better GAP (segment MAP on rated segments); 0 = never."""
    log_every_steps: PositiveInt = 50
    """Steps between lines in metrics.jsonl. A line has the mean loss of these steps."""
    checkpoint_every_steps: PositiveInt = 1_000
    """Steps between checkpoints."""
    keep_checkpoints: PositiveInt = 2
    """Checkpoints to keep. The best weights are always kept."""
    synchronised_batch_normalisation: bool = False
    """Compute the statistics of batch normalisation over all devices, not over each device's share of the batch."""
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    """mixed_bfloat16 computes in bfloat16 and keeps the weights in float32."""
    xla: bool = False
    """Compile the training step with XLA."""

    def __post_init__(self):
        fit_fields(self, name_of=functools.partial(flag, "training"))
        for field in ("freeze", "learning_rates"):
            given = getattr(self, field)
            object.__setattr__(self, field, split_at_commas(given))
            require(
                bool(getattr(self, field)) or not given,
                f"{flag('training', field)} names no layer; name one, or leave the flag out",
            )
        for each in self.layer_factors:  # whose errors are told at once
            require(
                each.factor * self.learning_rate < 1e38,
                f"{flag('training', 'learning_rates')} makes the learning rate of {each.pattern} "
                f"{each.factor * self.learning_rate:.3g}; it must be below 1e38",
            )
        for ways in EXCLUDING:
            self._complete(*ways)
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

    def _complete(self, steps: str, *others: str) -> None:
        """Sets the steps of a length or an interval, if they follow from another way to give it or are the default.

        Raises InputError if it is given in two ways.
        """
        given = [way for way in others if getattr(self, way) is not None]
        implied = self._implied(given[0]) if given else _DEFAULT_STEPS[steps]
        if getattr(self, steps) is None:
            object.__setattr__(self, steps, implied)
        elif getattr(self, steps) != implied:
            given.insert(0, steps)
        flags = " and ".join(flag("training", way) for way in given[:2])
        require(len(given) < 2, f"{flags} exclude each other; leave one out")

    def _implied(self, way: str) -> int | None:
        """The steps that follow from epochs or minutes; None while the records are not counted."""
        if way == "validate_every_minutes":
            return 0
        return self._steps_of(getattr(self, way), self.num_records) if self.num_records else None

    @property
    def layer_factors(self) -> tuple[LayerFactor, ...]:
        """`learning_rates`, read. Raises InputError if one cannot be."""
        return tuple(parse_factor(text, flag("training", "learning_rates")) for text in self.learning_rates)

    def _steps_of(self, num_epochs: float, num_records: int) -> int:
        growth = max(1.0, self.few_records / max(num_records, 1)) ** _GROWTH
        # 0.7 * 10 is a little more than 7.
        return max(1, math.ceil(round(growth * num_epochs * num_records / self.batch_size, 6)))

    @property
    def counts_epochs(self) -> bool:
        """Whether anything is given in epochs, so that the training records must be counted."""
        return bool(self._uncounted)

    def counted(self, num_records: int) -> "TrainingConfig":
        """Returns the configuration with the steps that its epochs take; one without epochs, as it is.

        The steps are so many that every record was seen as often as the epochs say, so the last batch may go beyond.

        Args:
            num_records: number of training videos, or of rated segments; at least 1.
        """
        if not self.counts_epochs:
            return self
        return replace(self, num_records=num_records, **self._uncounted)

    @property
    def _uncounted(self) -> dict[str, None]:
        """The fields in steps that follow from epochs."""
        return {steps: None for steps, epochs, *_ in EXCLUDING if getattr(self, epochs) is not None}

    @property
    def derived(self) -> set[str]:
        """The fields that follow from others and from the records, and that nobody gives."""
        others = {steps for steps, *ways in EXCLUDING if any(getattr(self, way) is not None for way in ways)}
        return {"num_records"} | others

    def in_place_of(self, **fields: float | None) -> "TrainingConfig":
        """Returns the configuration with some lengths or intervals in place of those it had.

        Args:
            fields: `num_steps` or `num_epochs`, and one of `validate_every_steps`, `validate_every_epochs` and
                `validate_every_minutes`.
        """
        free: dict[str, int | None] = {}
        for ways in EXCLUDING:
            if any(way in fields for way in ways):
                free |= dict.fromkeys(ways)
        if "num_epochs" in fields:  # asked for so many passes, and no more
            free |= {"few_records": 0}
        return replace(self, num_records=0, **self._uncounted | free | fields)


LossKind = Literal[
    "bce",
    "focal",
    "asymmetric",
]
"""The losses in `yt8m.training.losses`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """The loss that training minimises. Validation always reports the plain cross-entropy."""

    kind: Annotated[LossKind, tyro.conf.arg(aliases=("--loss",))] = "bce"
    """bce: binary cross-entropy. focal: the same with less weight on easy
    classes. asymmetric: the same with less weight on easy negatives and
    none on the easiest."""
    focal_gamma: NonNegative = 2.0
    """focal: how much less easy classes weigh; 0 = no less."""
    asymmetric_gamma_positive: NonNegative = 0.0
    """asymmetric: how much less easy positives weigh; 0 = no less."""
    asymmetric_gamma_negative: NonNegative = 4.0
    """asymmetric: how much less easy negatives weigh; 0 = no less."""
    asymmetric_margin: Share = 0.05
    """asymmetric: negatives with a lower probability do not count."""
    label_smoothing: Share = 0.0
    """Share of the target that is spread evenly over all classes."""
    positive_weight: NonNegative = 1.0
    """Factor on the loss of positive classes."""
    negative_weight: NonNegative = 1.0
    """Factor on the loss of negative classes. Of a rated segment, only classes rated absent are negative."""
    mined_negatives: NonNegativeInt = 0
    """Unrated classes of a rated segment that count as negatives: the most
    probable ones that are not labels of the whole video."""
    mined_negative_weight: NonNegative = 0.1
    """Factor on the loss of mined negatives."""
    class_weights: Path = ""
    """A CSV with the columns Index and Weight: factors on the losses of classes. A missing class has 1."""

    def __post_init__(self):
        fit_fields(self, name_of=functools.partial(flag, "loss"))


@dataclass(frozen=True, kw_only=True, slots=True)
class DistillConfig:
    """Distillation: learning from another model's scores as well as from the labels (arXiv 1503.02531)."""

    teacher: Path = ""
    """A run directory, or a CSV with predictions for the training videos (default: learn from labels alone)."""
    weight: PositiveShare = 0.5
    """Share of the teacher's loss in the total. The labels have the rest."""
    temperature: Positive = 1.0
    """Divide the logits of teacher and model by this in the teacher's loss; 1 = as they are."""

    def __post_init__(self):
        fit_fields(self, name_of=functools.partial(flag, "distill"))


@dataclass(frozen=True, kw_only=True, slots=True)
class DistributeConfig:
    """The devices to compute on. A run may resume on other devices."""

    strategy: Literal["auto", "one", "mirrored", "multiworker", "tpu"] = "auto"
    """auto: a TPU if one is named or found; several workers if
    TF_CONFIG or Slurm says so; all local GPUs if there are
    several; else one device."""
    virtual_devices: NonNegativeInt = 0
    """Split the CPU into this many devices, to try several without a GPU; 0 = do not split."""
    tpu: Annotated[str, tyro.conf.arg(metavar="NAME", help_behavior_hint=hint)] = ""
    """Name or address of a TPU (default: the variable TPU_NAME, else the TPU of this machine)."""

    def __post_init__(self):
        fit_fields(self, name_of=functools.partial(flag, "distribute"))


DEFAULT_DISTRIBUTE = DistributeConfig()
"""The default for commands that take no other part of a configuration."""
