"""What a recipe will do, by arithmetic: steps, memory and time. Nothing is built, and TensorFlow is not loaded.

The time of a step is the sum of three: its products at one rate, the update of its weights at another, and the values that it
keeps at a third. The rates are a least-squares fit to the steps of 21 recipes, measured on two cores of a Xeon with AVX-512: most
estimates are within a fifth, and all within a third. Other cores count alike, so elsewhere an estimate may be wrong by a factor
of 2 or 3, and it knows no GPU. `yt8m check` measures.
"""

import contextlib
import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from yt8m.config import RunConfig
from yt8m.data.counting import count_items
from yt8m.data.features import DEFAULT_FEATURES, Feature, texts_of
from yt8m.data.schema import DEFAULT_NUM_CLASSES
from yt8m.errors import InputError
from yt8m.machine import count_cores
from yt8m.models.sizes import num_parameters
from yt8m.models.work import work_of
from yt8m.progress import SILENT, Progress
from yt8m.recipes import describe
from yt8m.runs.records import open_data, open_validation
from yt8m.training.completion import with_choices
from yt8m.training.splits import choose_splits

NUM_TRAINING_VIDEOS = 3_888_919
"""The training videos of 2018, for which recipes are expected without other records."""

_CORES = 2
_PRODUCTS = 103e9
"""Multiplications with additions a second."""
_WEIGHTS = 221e6
"""Weights a second that Adam updates; other optimizers take as long as they have numbers of each weight."""
_KEPT_BYTES = 7.5e9
"""Bytes a second of values that are kept for the gradients."""
_START = 10.0
"""Seconds until the first step is done: loading TensorFlow, building the graph."""
_BYTES_OF_TENSORFLOW = 900_000_000
_SLOTS = {"adam": 2, "adamw": 2, "sgd": 1, "adafactor": 0}
"""Numbers of each optimizer for each weight."""
_BATCHES = 6
"""Batches that wait, or are in use."""


@dataclass(frozen=True)
class DataAtHand:
    """What there is to train on."""

    num_videos: int
    """Training videos, or rated segments."""
    num_validation: int
    """Validation videos; 0 = nothing is known of a validation."""
    num_classes: int
    features: tuple[Feature, ...]


WHOLE = DataAtHand(NUM_TRAINING_VIDEOS, 0, DEFAULT_NUM_CLASSES, DEFAULT_FEATURES)
"""The training split of 2018."""


@dataclass(frozen=True)
class Expectation:
    """What a recipe will do."""

    recipe: str
    description: str
    level: str
    """The level of the records: `video` or `frame`."""
    model: str
    num_parameters: int | None
    """Null without records of the level, as all that follow but the batch."""
    num_videos: int | None
    """Training videos, or rated segments, that the steps are counted for."""
    num_steps: int | None
    num_epochs: float | None
    """Passes over the training videos."""
    batch_size: int
    num_bytes: int | None
    """Memory, of the host and a GPU together; null for a model without a formula."""
    step_seconds: float | None
    """Seconds of a step."""
    seconds: float | None
    """Seconds of the training, with its validations if the validation records are known."""
    problem: str | None
    """Why the records cannot be used."""


def find_data(config: RunConfig, root: str, progress: Progress = SILENT) -> DataAtHand:
    """Finds the records of a configuration's level and counts them by their headers.

    Args:
        config: a recipe. Its number of classes does not count.
        root: the directory of a data set, as `--data.root` takes it.
        progress: gets a line if the records are many to count.

    Raises:
        InputError, RecordError: there are none, or they cannot be used.
    """
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, root=root, num_classes=0))
    data = with_choices(choose_splits(config), "", SILENT)
    config = dataclasses.replace(config, data=data)
    source = open_data(config, data.train, labels_for="training", counted=None)
    num_validation = 0
    if data.validate:
        with contextlib.suppress(InputError):  # a training says what is wrong with them
            num_validation = count_items(open_validation("", config), progress).number
    return DataAtHand(count_items(source, progress).number, num_validation, data.num_classes, source.features)


def expect_all(configs: Sequence[RunConfig], root: str | None = None, progress: Progress = SILENT) -> list[Expectation]:
    """Says what recipes will do.

    Args:
        configs: the recipes, of registered names.
        root: the directory of a data set; None = the training videos of 2018.
        progress: as `find_data`.

    Raises:
        InputError, RecordError: the data set has no records for any of the recipes; the first reason is told.
    """
    found: dict[str, DataAtHand | InputError] = {}
    for config in configs if root is not None else ():
        level = config.model.level
        if level not in found:
            try:
                found[level] = find_data(config, root, progress)
            except InputError as error:
                found[level] = error
    problems = [each for each in found.values() if isinstance(each, InputError)]
    if found and len(problems) == len(found):
        raise problems[0]
    expected = []
    for config in configs:
        data = found.get(config.model.level, WHOLE)
        problem = str(data) if isinstance(data, InputError) else None
        expected.append(expect(config, WHOLE if problem else data, problem))
    return expected


def expect(config: RunConfig, data: DataAtHand = WHOLE, problem: str | None = None) -> Expectation:
    """Says what a recipe will do.

    Args:
        config: the recipe.
        data: the records.
        problem: why there are none; then only what depends on no records is told.
    """
    model, level = config.model, config.model.level
    if problem is None:
        with_data = dataclasses.replace(config.data, features=texts_of(data.features))
        try:
            config = dataclasses.replace(config, data=with_data)
        except InputError as error:  # a model that does not take these features
            problem = str(error)
    about = {"recipe": config.recipe, "description": describe(config.recipe), "level": level, "model": model.name}
    if problem is not None:
        nothing = dict.fromkeys(("num_parameters", "num_videos", "num_steps", "num_epochs"))
        nothing |= dict.fromkeys(("num_bytes", "step_seconds", "seconds"))
        return Expectation(**about, **nothing, batch_size=config.training.batch_size, problem=problem)
    data = dataclasses.replace(data, num_classes=config.data.num_classes or data.num_classes)
    training = config.training.counted(data.num_videos)
    return Expectation(
        **about,
        num_parameters=num_parameters(model, data.num_classes, data.features),
        num_videos=data.num_videos,
        num_steps=training.num_steps,
        num_epochs=training.num_steps * training.batch_size / data.num_videos,
        batch_size=training.batch_size,
        **_cost(dataclasses.replace(config, training=training), data),
        problem=None,
    )


def _cost(config: RunConfig, data: DataAtHand) -> dict[str, float | None]:
    """The memory in bytes, and the seconds of a step and of all."""
    training, frames = config.training, config.data.num_frames or config.data.max_frames
    work = work_of(config.model, data.num_classes, data.features, frames)
    if work is None:
        return {"num_bytes": None, "step_seconds": None, "seconds": None}
    parameters = num_parameters(config.model, data.num_classes, data.features)
    kept = 4 * work.values * training.batch_size
    speed = count_cores() / _CORES
    of_videos = 3 * work.products * training.batch_size / _PRODUCTS + kept / _KEPT_BYTES
    step = (of_videos + parameters / _WEIGHTS * (1 + _SLOTS[training.optimizer]) / 3) / speed
    seconds = _START + training.num_steps * step
    if data.num_validation:
        frames = config.data.prediction_num_frames or config.data.max_frames
        predicting = work_of(config.model, data.num_classes, data.features, frames)
        seconds += _validated(config, data.num_validation, seconds) * predicting.products / _PRODUCTS / speed
    copies = 3 + _SLOTS[training.optimizer] + bool(training.ema_decay)  # weights, gradients, and weights to write
    batch = training.batch_size * sum(feature.size for feature in data.features)
    batch *= 4 if config.model.level == "video" else frames
    num_bytes = (
        _BYTES_OF_TENSORFLOW + 4 * copies * parameters + kept / training.gradient_accumulation + _BATCHES * batch
    )
    return {"num_bytes": round(num_bytes), "step_seconds": step, "seconds": seconds}


def _validated(config: RunConfig, num_videos: int, seconds: float) -> int:
    """Videos that all validations read together, if the steps take so many seconds."""
    training = config.training
    count = math.ceil(training.num_steps / (training.validate_every_steps or training.num_steps))
    if training.validate_every_minutes:
        count = math.ceil(seconds / (60 * training.validate_every_minutes))
    few = min(training.validation_videos or num_videos, num_videos)
    return count * few + (num_videos if few < num_videos else 0)
