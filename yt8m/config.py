"""A whole run as frozen dataclasses: what every command reads, and what `config.json` in a run directory holds.

A recipe (`yt8m.recipes`) is a function that returns one of these complete; flags override single fields
(`--training.num-steps 100`); the string under a field is its help text.
"""

import dataclasses
import fnmatch
import functools
import json
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import cattrs
import tyro

from yt8m.data.schema import (
    DEFAULT_MAX_FRAMES,
    DEFAULT_MAX_LABELS,
    Feature,
    Fold,
    Sampling,
    SegmentContext,
)
from yt8m.errors import InputError, unknown_name
from yt8m.files import check_local
from yt8m.values import NonNegativeInt, PositiveInt, Range, Seed, fit, fit_fields, parse_address

NonNegative = Annotated[float, Range(least=0)]
Positive = Annotated[float, Range(above=0)]
Share = Annotated[float, Range(least=0, below=1)]
PositiveShare = Annotated[float, Range(above=0, most=1)]


def _hint(default: str) -> str:
    """What help says after a text: nothing of an empty default."""
    return f"(default: {default})" if default.strip("'\"") else ""


Path = Annotated[str, tyro.conf.arg(metavar="PATH", help_behavior_hint=_hint)]
Paths = Annotated[tuple[str, ...], tyro.conf.arg(metavar="PATH [PATH ...]", help_behavior_hint=_hint)]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InputError(message)


def _flag(section: str, field: str) -> str:
    return f"--{section}.{field.replace('_', '-')}"


_RANGES = {
    "num_*": Range(least=1),
    "*_size": Range(least=1),
    "dropout": Range(least=0, below=1),
    "l2": Range(least=0),
}
"""Of hyper-parameters with such names, so that a new model need not say them again."""


class Architecture(ABC):
    """The hyper-parameters of one model and how to build it; subclasses are frozen dataclasses in `yt8m.models`."""

    __slots__ = ()

    name: ClassVar[str]
    """What users type."""
    level: ClassVar[Literal["frame", "video"]]
    """The records it reads."""

    def __post_init__(self):
        """Checks the hyper-parameters.

        Raises:
            InputError: one is of the wrong type or out of its range.
        """
        fit_fields(self, self.value_types(), functools.partial(_flag, "model"))

    @classmethod
    def value_types(cls) -> dict[str, Any]:
        """The annotation of each hyper-parameter; the range is told by the name where the annotation has none."""
        wanted = {}
        for name, annotation in typing.get_type_hints(cls, include_extras=True).items():
            ranges = [values for pattern, values in _RANGES.items() if fnmatch.fnmatch(name, pattern)]
            bare = annotation in (int, float)
            wanted[name] = Annotated[annotation, ranges[0]] if ranges and bare else annotation
        return wanted

    @abstractmethod
    def build(self, features: Mapping[str, Any], num_classes: int) -> Any:
        """Symbolic inputs, by batch key, to symbolic logits [B, num_classes], float32."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Which records, and how they become batches."""

    root: Annotated[str, tyro.conf.arg(metavar="DIR", help_behavior_hint=_hint)] = ""
    """A directory with train, validate and test splits; gives those of the three below that are not given.
    This or --data.train is needed. Validation records alone are cut, if neither of the first two is given."""
    train: Paths = ()
    """Files, directories or globs to train on; local, gs://, s3:// or http(s)://."""
    validate: Paths = ()
    """Files, directories or globs to validate on."""
    test: Paths = ()
    """Files, directories or globs that `predict` reads when it is given no --data."""
    num_classes: NonNegativeInt = 0
    """Classes of the vocabulary; 0 = those of vocabulary.csv at the root of the data set, without one 3862, as since 2018. In
    2017 there were 4716."""
    features: Annotated[tuple[Feature, ...], tyro.conf.arg(help_behavior_hint=_hint)] = ()
    """Features to use; none named: those that any training record has, of some that are looked at."""
    num_frames: NonNegativeInt = 0
    """Frames sampled from a video in training; 0 = all."""
    sampling: Sampling = "random"
    """How they are chosen: random draws with replacement, or without (in order), uniform (the middles of equal parts), or
    consecutive."""
    prediction_num_frames: NonNegativeInt = 0
    """Frames sampled from a video in validation and prediction; 0 = all, which is best and slowest."""
    prediction_sampling: Sampling = "uniform"
    """How they are chosen; see --data.sampling."""
    max_frames: PositiveInt = DEFAULT_MAX_FRAMES
    """Frames kept of a longer video; shorter ones are padded to this length and masked."""
    max_labels: PositiveInt = DEFAULT_MAX_LABELS
    """Most labels a video may have; one with more is an error."""
    segment_context: Annotated[SegmentContext, Range(least=0), tyro.conf.arg(metavar="N|video")] = 0
    """What is shown of a video beside a rated segment's 5 frames: N more on each side, or video: frames of the whole video, to
    a second model whose logits are weighed with the first one's."""
    context_num_frames: PositiveInt = 30
    """Frames that `video` shows of the whole video, the middles of equal parts."""
    fold: Annotated[str, tyro.conf.arg(metavar="I/K|INDEX.csv:PART", help_behavior_hint=_hint)] = ""
    """Part I (from 0) of K of the training videos, by a hash of their ids, is left out of training and validated on; or a part
    that an index of yt8m split names."""
    shuffle_buffer: PositiveInt = 1024
    """Records the training order is shuffled in, after shuffling the files."""
    parallel_files: PositiveInt = 8
    """Files read at the same time."""
    shard: Literal["auto", "file", "record"] = "auto"
    """How training records are shared out to several workers. file: each reads its own files. record: each reads all and
    parses its own, which gives the same batches whatever the number of workers. auto: by file, unless there are too few."""
    deterministic: bool = True
    """Same seed, same order of records. Off is a little faster where file reads stall."""
    service: Annotated[str, tyro.conf.arg(metavar="HOST:PORT", help_behavior_hint=_hint)] = ""
    """A tf.data service that reads and parses the training records, started by yt8m data-service; none = this process. The
    order of the records is then no longer determined by the seed."""
    on_corrupt: Literal["stop", "skip"] = "stop"
    """At a broken record: stop with its place, or check all files first and leave the broken records out."""

    def __post_init__(self):
        fit_fields(self, name_of=functools.partial(_flag, "data"))
        Fold.parse(self.fold)
        if self.service:
            parse_address(self.service, _flag("data", "service"))


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
        fit_fields(self, name_of=functools.partial(_flag, "training"))
        _require(
            not (self.xla and self.synchronised_batch_normalisation),
            "--training.xla compiles each device's step alone; leave it or --training.synchronised-batch-normalisation out",
        )
        _require(
            self.optimizer != "adam" or not self.weight_decay,
            "--training.weight-decay is not for adam; add --training.optimizer adamw",
        )
        _require(
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
        fit_fields(self, name_of=functools.partial(_flag, "loss"))


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
        fit_fields(self, name_of=functools.partial(_flag, "distill"))


@dataclass(frozen=True, kw_only=True, slots=True)
class DistributeConfig:
    """What to compute on. A run may go on on other devices."""

    strategy: Literal["auto", "one", "mirrored", "multiworker", "tpu"] = "auto"
    """auto: a TPU if one is named or found, several workers if TF_CONFIG or Slurm says so, all local GPUs if there are
    several, else one device."""
    virtual_devices: NonNegativeInt = 0
    """Split the processor into so many devices, to try things without a GPU; 0 = leave it whole."""
    tpu: Annotated[str, tyro.conf.arg(metavar="NAME", help_behavior_hint=_hint)] = ""
    """Name or address of a TPU; none = the variable TPU_NAME, or this TPU VM's own."""

    def __post_init__(self):
        fit_fields(self, name_of=functools.partial(_flag, "distribute"))


DEFAULT_DISTRIBUTE = DistributeConfig()
"""Of commands that take no other part of a configuration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """Everything that determines a run."""

    recipe: Annotated[str, tyro.conf.Suppress] = ""
    """The recipe it came from."""
    run: Annotated[str, tyro.conf.arg(metavar="DIR", help_behavior_hint="(required by train and submit)")] = ""
    """The run directory: configuration, metrics, checkpoints, best weights. It is made, or gone on with."""
    model: Architecture
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    distill: DistillConfig = dataclasses.field(default_factory=DistillConfig)
    distribute: DistributeConfig = dataclasses.field(default_factory=DistributeConfig)

    def __post_init__(self):
        fit_fields(self, name_of=lambda name: f"--{name}")
        if self.run:
            check_local(self.run, "a run directory", shown=f"--run {self.run}")


def _as_in_json(value: Any, wanted: type) -> Any:
    return fit(value, wanted, "the value")


def _converter(architectures: Mapping[str, type[Architecture]]) -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)

    def structure_architecture(value: Mapping[str, Any], _) -> Architecture:
        hyperparameters = dict(value)
        name = hyperparameters.pop("name", None)
        if name not in architectures:
            raise InputError(unknown_name("model", name, sorted(architectures)))
        return converter.structure(hyperparameters, architectures[name])

    def structure_tuple(value: Any, wanted: Any) -> tuple:
        if not isinstance(value, list | tuple):
            raise InputError(f"the value is {value!r}; it must be a list")
        return tuple(converter.structure(each, typing.get_args(wanted)[0]) for each in value)

    # For the base class alone: the hook itself structures the subclasses.
    converter.register_structure_hook_func(lambda cls: cls is Architecture, structure_architecture)
    converter.register_structure_hook_func(lambda cls: typing.get_origin(cls) is tuple, structure_tuple)
    converter.register_structure_hook_func(lambda cls: typing.get_origin(cls) is Literal, _as_in_json)
    for primitive in (bool, int, float, str, SegmentContext):
        converter.register_structure_hook(primitive, _as_in_json)
    return converter


def _explain(error: BaseException, wanted: type | None) -> str:
    """What cattrs says of a mistake, or what we say where we raised it."""
    return str(error) if isinstance(error, InputError) else cattrs.v.format_exception(error, wanted)


def to_dict(config: RunConfig) -> dict[str, Any]:
    """The configuration as plain JSON values; the model's name stands beside its hyper-parameters."""
    plain = dataclasses.asdict(config)
    plain["model"] = {"name": config.model.name, **plain["model"]}
    return json.loads(json.dumps(plain))


def from_dict(values: Mapping[str, Any], architectures: Mapping[str, type[Architecture]]) -> RunConfig:
    """The inverse of `to_dict`.

    Args:
        values: what `to_dict` returned; fields left out take their defaults.
        architectures: the known models, by name.

    Raises:
        InputError: an unknown key, a value of the wrong type or outside its range.
    """
    try:
        return _converter(architectures).structure(values, RunConfig)
    except Exception as error:  # cattrs raises an ExceptionGroup of its own for every kind of mistake
        mistakes = cattrs.transform_error(error, path="config", format_exception=_explain)
        raise InputError("; ".join(mistakes)) from error
