"""A whole run as frozen dataclasses: what every command reads, and what `config.json` in a run directory holds.

A recipe (`yt8m.recipes`) is a function that returns one of these complete; flags override single fields
(`--training.num-steps 100`); the string under a field is its help text.
"""

import dataclasses
import json
import math
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import cattrs
import tyro

from yt8m.data.schema import DEFAULT_MAX_FRAMES, DEFAULT_MAX_LABELS, DEFAULT_NUM_CLASSES, FEATURE_SIZES, Sampling
from yt8m.errors import InputError

LARGEST_SEED = 2**32 - 1


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InputError(message)


def _flag(section: str, field: str) -> str:
    return f"--{section}.{field.replace('_', '-')}"


class Architecture(ABC):
    """The hyper-parameters of one model and how to build it; subclasses are frozen dataclasses in `yt8m.models`."""

    __slots__ = ()

    name: ClassVar[str]
    """What users type."""
    level: ClassVar[Literal["frame", "video"]]
    """The records it reads."""

    def __post_init__(self):
        """Checks the hyper-parameters by what their names say of them.

        Raises:
            InputError: one is out of its range.
        """
        types = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            name, value = field.name, getattr(self, field.name)
            shown = f"{_flag('model', name)} is {value!r}"
            if typing.get_origin(types[name]) is Literal:
                choices = typing.get_args(types[name])
                _require(value in choices, f"{shown}; it must be one of {', '.join(map(repr, choices))}")
            elif name.startswith("num_") or name.endswith("_size"):
                _require(value >= 1, f"{shown}; it must be at least 1")
            elif name == "dropout":
                _require(0 <= value < 1, f"{shown}; it must be at least 0 and below 1")
            elif name == "l2":
                _require(value >= 0, f"{shown}; it must be 0 or more")

    @abstractmethod
    def build(self, features: Mapping[str, Any], num_classes: int) -> Any:
        """Symbolic inputs, by batch key, to symbolic logits [B, num_classes], float32."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Which records, and how they become batches."""

    root: str = ""
    """A directory with train, validate and test splits; gives those of the three below that are not given."""
    train: tuple[str, ...] = ()
    """Files, directories or globs to train on; local, gs://, s3:// or http(s)://."""
    validate: tuple[str, ...] = ()
    """Files, directories or globs to validate on."""
    test: tuple[str, ...] = ()
    """Files, directories or globs that `predict` reads when it is given no --data."""
    num_classes: int = DEFAULT_NUM_CLASSES
    """Classes of the vocabulary; 3862 since 2018, 4716 in 2017."""
    features: tuple[Literal["rgb", "audio"], ...] = ()
    """Features to use; none named: those that the first training record has."""
    num_frames: int = 0
    """Frames sampled from a video in training; 0 = all."""
    sampling: Sampling = "random"
    """How: random draws with replacement, or without (in order), uniform (the middles of equal parts), or consecutive."""
    prediction_num_frames: int = 0
    """Frames sampled from a video in validation and prediction; 0 = all, which is best and slowest."""
    prediction_sampling: Sampling = "uniform"
    """How."""
    max_frames: int = DEFAULT_MAX_FRAMES
    """Frames kept of a longer video; shorter ones are padded to this length and masked."""
    max_labels: int = DEFAULT_MAX_LABELS
    """Most labels a video may have; one with more is an error."""
    shuffle_buffer: int = 1024
    """Records the training order is shuffled in, after shuffling the files."""
    parallel_files: int = 8
    """Files read at the same time."""
    deterministic: bool = True
    """Same seed, same order of records. Off is a little faster where file reads stall."""
    on_corrupt: Literal["stop", "skip"] = "stop"
    """At a broken record: stop with its place, or check all files first and leave the broken records out."""

    def __post_init__(self):
        _require(self.num_classes > 0, f"--data.num-classes is {self.num_classes}; it must be at least 1")
        for field in ("num_frames", "prediction_num_frames"):
            value = getattr(self, field)
            _require(value >= 0, f"{_flag('data', field)} is {value}; it must be 0 (all) or more")
        _require(self.max_frames > 0, f"--data.max-frames is {self.max_frames}; it must be at least 1")
        _require(self.max_labels > 0, f"--data.max-labels is {self.max_labels}; it must be at least 1")
        _require(self.shuffle_buffer > 0, f"--data.shuffle-buffer is {self.shuffle_buffer}; it must be at least 1")
        _require(self.parallel_files > 0, f"--data.parallel-files is {self.parallel_files}; it must be at least 1")
        for feature in self.features:
            _require(feature in FEATURE_SIZES, f"--data.features has {feature!r}; known: {', '.join(FEATURE_SIZES)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """How the weights are found."""

    num_steps: int = 10_000
    """Optimizer steps in all, counted over restarts."""
    batch_size: int = 128
    """Videos a step over all devices."""
    seed: int = 0
    """Of initialisation, data order, frame sampling and dropout."""
    gradient_accumulation: int = 1
    """Pieces that a step's batch is computed in, one after another: the same gradient in less memory."""
    optimizer: Literal["adam", "adamw", "sgd", "adafactor"] = "adam"
    """adamw is adam with --training.weight-decay; adafactor takes a relative learning rate (1e-2 is usual)."""
    momentum: float = 0.9
    """Of sgd."""
    learning_rate: float = 1e-3
    """After warm-up, before decay."""
    schedule: Literal["exponential", "cosine", "constant"] = "exponential"
    """How the learning rate falls: by factors, along half a cosine to 0 at the last step, or not at all."""
    learning_rate_decay: float = 0.95
    """Factor applied every `learning-rate-decay-examples`; 1 = constant."""
    learning_rate_decay_examples: int = 4_000_000
    """Training examples between two decays, in steps."""
    learning_rate_smooth_decay: bool = False
    """Decay a little at every step instead of in stairs."""
    epsilon: float = 1e-8
    """Adam's; weights whose gradients are smaller than it move in proportion to them, not at full rate."""
    warmup_steps: int = 0
    """Steps over which the learning rate rises linearly from 0."""
    clip_norm: float = 1.0
    """Largest global norm of a gradient; 0 = unlimited."""
    weight_decay: float = 0.0
    """Decoupled decay of matrices a step, times the learning rate; biases and scales are left alone."""
    ema_decay: float = 0.0
    """Decay of a moving average of the weights, which is what is evaluated and kept; 0 = none."""
    validate_every_steps: int = 1_000
    """Steps between two passes over the validation split; 0 = at the end only."""
    early_stopping: int = 0
    """Validations in a row without a better GAP before training stops; 0 = never."""
    log_every_steps: int = 50
    """Steps between two lines of metrics.jsonl; the loss is their mean."""
    checkpoint_every_steps: int = 1_000
    """Steps between two checkpoints."""
    keep_checkpoints: int = 2
    """Checkpoints kept; the best weights are kept beside them."""
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    """mixed_bfloat16 computes in bfloat16 and keeps weights in float32."""
    xla: bool = False
    """Compile the step with XLA."""

    def __post_init__(self):
        _require(self.num_steps > 0, f"--training.num-steps is {self.num_steps}; it must be at least 1")
        _require(self.batch_size > 0, f"--training.batch-size is {self.batch_size}; it must be at least 1")
        _require(
            0 < self.learning_rate < 1e38,  # float32
            f"--training.learning-rate is {self.learning_rate}; it must be above 0, and a float32",
        )
        _require(0 <= self.seed <= LARGEST_SEED, f"--training.seed is {self.seed}; it must be from 0 to {LARGEST_SEED}")
        _require(
            0 < self.learning_rate_decay <= 1,
            f"--training.learning-rate-decay is {self.learning_rate_decay}; it must be above 0 and at most 1",
        )
        _require(0 < self.epsilon < 1, f"--training.epsilon is {self.epsilon}; it must be above 0 and below 1")
        _require(0 <= self.ema_decay < 1, f"--training.ema-decay is {self.ema_decay}; it must be in [0, 1)")
        _require(
            self.learning_rate_decay_examples > 0,
            f"--training.learning-rate-decay-examples is {self.learning_rate_decay_examples}; it must be at least 1",
        )
        _require(0 <= self.momentum < 1, f"--training.momentum is {self.momentum}; it must be in [0, 1)")
        _require(
            self.optimizer != "adam" or not self.weight_decay,
            "--training.weight-decay is not for adam; add --training.optimizer adamw",
        )
        _require(
            self.batch_size % max(1, self.gradient_accumulation) == 0,
            f"--training.batch-size {self.batch_size} cannot be cut into "
            f"--training.gradient-accumulation {self.gradient_accumulation} equal pieces",
        )
        for field in ("keep_checkpoints", "checkpoint_every_steps", "log_every_steps", "gradient_accumulation"):
            value = getattr(self, field)
            _require(value > 0, f"{_flag('training', field)} is {value}; it must be at least 1")
        for field in ("warmup_steps", "clip_norm", "weight_decay", "validate_every_steps", "early_stopping"):
            value = getattr(self, field)
            _require(value >= 0, f"{_flag('training', field)} is {value}; it must be 0 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """What is minimised in training. Validation always reports the plain cross-entropy."""

    kind: Annotated[Literal["bce", "focal", "asymmetric"], tyro.conf.arg(aliases=("--loss",))] = "bce"
    """Binary cross-entropy; with easy classes turned down; with easy negatives turned down and the easiest left out."""
    focal_gamma: float = 2.0
    """Of focal: how much easy classes are turned down."""
    asymmetric_gamma_positive: float = 0.0
    """Of asymmetric: how much easy positives are turned down."""
    asymmetric_gamma_negative: float = 4.0
    """Of asymmetric: how much easy negatives are turned down."""
    asymmetric_margin: float = 0.05
    """Of asymmetric: negatives of a lower probability count nothing."""
    label_smoothing: float = 0.0
    """Part of a video's labels that is spread evenly over all classes."""
    class_weights: str = ""
    """A CSV with the columns Index and Weight: factors on the classes' losses; a class left out has 1."""

    def __post_init__(self):
        for field in ("focal_gamma", "asymmetric_gamma_positive", "asymmetric_gamma_negative"):
            value = getattr(self, field)
            _require(0 <= value < math.inf, f"{_flag('loss', field)} is {value}; it must be 0 or more")
        for field in ("asymmetric_margin", "label_smoothing"):
            value = getattr(self, field)
            _require(0 <= value < 1, f"{_flag('loss', field)} is {value}; it must be in [0, 1)")


@dataclass(frozen=True, kw_only=True, slots=True)
class DistillConfig:
    """Learning from another model's scores beside the labels (arXiv 1503.02531)."""

    teacher: str = ""
    """A run directory, or a CSV of video predictions for the training records; none = labels alone."""
    weight: float = 0.5
    """Share of the teacher's loss; the labels have the rest."""
    temperature: float = 1.0
    """Softens both sides' logits; 1 = as they are."""

    def __post_init__(self):
        _require(0 < self.weight <= 1, f"--distill.weight is {self.weight}; it must be above 0 and at most 1")
        _require(0 < self.temperature < math.inf, f"--distill.temperature is {self.temperature}; it must be above 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunConfig:
    """Everything that determines a run."""

    recipe: Annotated[str, tyro.conf.Suppress] = ""
    """The recipe it came from."""
    run: str = ""
    """The run directory: configuration, metrics, checkpoints, best weights."""
    model: Architecture
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    loss: LossConfig = dataclasses.field(default_factory=LossConfig)
    distill: DistillConfig = dataclasses.field(default_factory=DistillConfig)


def _exactly(value: Any, wanted: type) -> Any:
    """The value, if JSON means that type by it; a number without a fraction is a float too, but true is no number."""
    accepted = (int, float) if wanted is float else (wanted,)
    if type(value) not in accepted:
        raise InputError(f"{value!r} is no {wanted.__name__}")
    return wanted(value)


def _converter(architectures: Mapping[str, type[Architecture]]) -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)

    def structure_architecture(value: Mapping[str, Any], _) -> Architecture:
        hyperparameters = dict(value)
        name = hyperparameters.pop("name", None)
        if name not in architectures:
            raise InputError(f"unknown model {name!r}; known: {', '.join(sorted(architectures))}")
        return converter.structure(hyperparameters, architectures[name])

    def structure_tuple(value: Any, wanted: Any) -> tuple:
        if not isinstance(value, list | tuple):
            raise InputError(f"{value!r} is no list")
        return tuple(converter.structure(each, typing.get_args(wanted)[0]) for each in value)

    # For the base class alone: the hook itself structures the subclasses.
    converter.register_structure_hook_func(lambda cls: cls is Architecture, structure_architecture)
    converter.register_structure_hook_func(lambda cls: typing.get_origin(cls) is tuple, structure_tuple)
    for primitive in (bool, int, float, str):
        converter.register_structure_hook(primitive, _exactly)
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
        raise InputError("configuration: " + "; ".join(mistakes)) from error
