"""Averages several sets of weights into one model: the last or best checkpoints of a run, or the best of several runs.

Within one run this removes the noise of the last steps. A moving average does the same, but must be chosen before training
(arXiv 1803.05407). Over runs that started from the same weights, it can replace an ensemble (arXiv 2203.05482). Runs that
started from different weights have different hidden units in the same place, so their mean is useless.

The mean of running statistics does not fit the mean weights. The statistics are computed anew (`yt8m.training.statistics`).
So one set of weights gains from it, too: its running statistics are those of about 20 batches, those of an average of 100.
"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from yt8m import runs
from yt8m.config import RunConfig, TrainingConfig
from yt8m.data.source import Source
from yt8m.errors import InputError
from yt8m.files import check_destination, check_local, write_json
from yt8m.metrics.registry import score_of
from yt8m.progress import SILENT, Progress
from yt8m.runs import RunDirectory
from yt8m.runs.model import build, require_classes
from yt8m.runs.records import open_data, open_validation
from yt8m.runs.weights import load_weights, save_weights
from yt8m.scoring.evaluation import measure_source
from yt8m.scoring.scorer import Scorer
from yt8m.training.layer_groups import freeze
from yt8m.training.statistics import StatisticsPass
from yt8m.values import NonNegativeInt, PositiveInt, checked

Weights = list[np.ndarray]
"""One array for each variable of a model, in the order of `model.variables`."""


@dataclasses.dataclass(frozen=True)
class Average:
    """The result of averaging."""

    run: str
    """The new run directory."""
    averaged: list[str]
    """The checkpoints and files that were averaged."""
    metrics: dict[str, float] | None
    """The metrics on the validation split; None without one."""
    num_statistics: int = 0
    """Number of training videos, or segments, behind the statistics of batch normalisation; 0 = none were read."""


@checked
def average(
    run: Sequence[str | os.PathLike],
    out: str | os.PathLike,
    last: PositiveInt | None = None,
    best: PositiveInt | None = None,
    statistics_batches: NonNegativeInt = 100,
    data: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Average:
    """Averages weights into a new run directory, and validates it.

    Without `last` and `best`, the best weights of each run are averaged. One set of weights of a model with batch normalisation
    keeps its weights and gets new statistics.

    Args:
        run: run directories of the same model.
        out: the new run directory.
        last: number of checkpoints of each run to average, the newest ones (`--training.keep-checkpoints` keeps them).
        best: number of checkpoints of each run to average, the ones that validated best.
        statistics_batches: number of training batches to compute the statistics of batch normalisation from, at most one pass
            over the records; 0 = the mean of the statistics. A model without such layers reads no records.
        data: files, directories or globs of these records; none = the training records of the first run.
        progress: gets a line on the broken records that are left out, if the run was told to skip them.

    Raises:
        InputError: there is one set of weights, and no statistics to renew; there are fewer checkpoints than asked for, or
            different models; a checkpoint is damaged; the training records are missing or cannot be used; or `out` exists or is
            not local.
    """
    if last and best:
        raise InputError("--last and --best exclude each other; name one")
    configs = [runs.load_config(each) for each in run]
    for each, config in zip(run, configs, strict=True):
        require_classes(each, config)
    for each, config in zip(run[1:], configs[1:], strict=True):
        _require_same_model(run[0], configs[0], each, config)
    check_local(out, "a run directory")
    if Path(out).exists():
        raise InputError(f"{out}: exists; name a new directory with --out")
    check_destination(RunDirectory(Path(out)).config, shown=out)
    source = open_validation(run[0], configs[0]) if configs[0].data.validate else None
    model = build(configs[0])
    total, names = None, []
    for each, config in zip(run, configs, strict=True):
        for name, weights in _sets_of(RunDirectory(Path(each)), config, model, last, best):
            total = weights if total is None else [kept + new for kept, new in zip(total, weights, strict=True)]
            names.append(name)
    for variable, values in zip(model.variables, total, strict=True):
        variable.assign((values / len(names)).astype(variable.dtype))
    freeze(model, configs[0].training)  # frozen layers keep the statistics that they were trained with
    renewal = StatisticsPass(model)
    renews = bool(statistics_batches) and renewal.has_layers
    if len(names) < 2 and not renews:
        why = "" if renewal.has_layers else ", and this model has no batch normalisation whose statistics could be new"
        raise InputError(
            f"{run[0]}: one set of weights has no average{why}; name more runs, or --last N or --best N of 2 or more"
        )
    num_statistics = _renew_statistics(renewal, configs[0], statistics_batches, data, progress) if renews else 0
    return _save(model, dataclasses.replace(configs[0], run=os.fspath(out)), names, num_statistics, source)


def _require_same_model(first, config: RunConfig, other, other_config: RunConfig) -> None:
    difference = runs.model_difference(config, other_config)
    if (config.data.segment_context == "video") != (other_config.data.segment_context == "video"):
        difference = (
            f"model has {'no' if config.data.segment_context == 'video' else 'a'} second stream there, unlike here"
        )
    if difference:
        raise InputError(f"{first}: its {difference}, in {other}; average runs of one model")


def _sets_of(directory: RunDirectory, config: RunConfig, model: keras.Model, last: int | None, best: int | None):
    """Yields the name and the weights, float64, of each set from one run."""
    if not last and not best:
        if not directory.best_weights.exists():
            raise InputError(f"{directory.path}: has no best weights yet; let training reach its first validation")
        load_weights(model, directory.best_weights)
        yield str(directory.best_weights), [np.asarray(variable, np.float64) for variable in model.variables]
        return
    freeze(model, config.training)  # frozen weights have no moving average
    for path in _choose(directory, config.training, last, best):
        yield str(path), _read_checkpoint(path, model, averaged=bool(config.training.ema_decay))


def _choose(directory: RunDirectory, training: TrainingConfig, last: int | None, best: int | None) -> list[Path]:
    """Returns the checkpoints to average, without their suffix. Raises InputError if there are too few."""
    steps = sorted(int(path.stem.split("-")[1]) for path in directory.checkpoints.glob("ckpt-*.index"))
    wanted, kept = last or best, len(steps)
    if best:
        scores = {row["step"]: row for row in runs.read_metrics(directory) if row["kind"] == "validation"}
        steps = [step for step in steps if step in scores]
        steps.sort(key=lambda step: score_of(scores[step]) or 0.0)
    if len(steps) < wanted:
        kind = f"{'validated ' if best else ''}checkpoint{'s' if len(steps) != 1 else ''}"
        raise InputError(
            f"{directory.path}: has {len(steps)} {kind}, {wanted} were asked for; "
            f"{_more_of(directory, training, kept, wanted, best)}"
        )
    return [directory.checkpoints / f"ckpt-{step}" for step in steps[-wanted:]]


def _more_of(directory: RunDirectory, training: TrainingConfig, kept: int, wanted: int, best: int | None) -> str:
    """Says how a run gets more checkpoints."""
    if not directory.checkpoints.exists():
        return "its checkpoints/ is not there: runs that were unpacked or averaged have none"
    every, validated = training.checkpoint_every_steps, training.validate_every_steps
    advice = []
    if training.keep_checkpoints < wanted:
        advice.append(f"keep more with --training.keep-checkpoints {wanted}")
    if best and not 0 < validated <= every:
        advice.append(f"validate as often as it saves, with --training.validate-every-steps {every}")
    elif best and validated < every:
        advice.append(f"save as often as it validates, with --training.checkpoint-every-steps {validated}")
    if not advice or kept < training.keep_checkpoints:  # there were never more
        advice.append(
            f"train longer, or save more often than every {every} steps with --training.checkpoint-every-steps"
        )
    return ", and ".join(advice)


def _read_checkpoint(path: Path, model: keras.Model, averaged: bool) -> Weights:
    """Reads the weights of a checkpoint, float64; with `averaged`, their moving averages."""
    try:
        reader = tf.train.load_checkpoint(str(path))
        names = [f"weights/{index:04d}" for index in range(len(model.variables))]
        if averaged:
            places = {id(variable): place for place, variable in enumerate(model.trainable_variables)}
            for index, variable in enumerate(model.variables):
                if id(variable) in places:
                    names[index] = f"averages/{places[id(variable)]}"
        return [np.asarray(reader.get_tensor(f"{name}/.ATTRIBUTES/VARIABLE_VALUE"), np.float64) for name in names]
    except (tf.errors.OpError, ValueError, IndexError) as error:
        raise InputError(f"{path}: the checkpoint cannot be read; delete its files, or ask for fewer") from error


def _renew_statistics(renewal: StatisticsPass, config: RunConfig, most_batches: int, data, progress: Progress) -> int:
    """Computes the statistics of batch normalisation for the averaged weights. Returns the number of videos used."""
    try:
        if not (data or config.data.train):
            raise InputError(f"{config.run}: does not say where its training records are")
        source = open_data(config, data or config.data.train, progress=progress, part="all" if data else "training")
    except InputError as error:
        if data:
            raise
        raise InputError(
            f"{error}; batch normalisation takes its statistics of the run's training records: name them with --data, or keep "
            "the mean of the statistics with --statistics-batches 0"
        ) from error
    return renewal.run(config, source, most_batches)


def _save(
    model: keras.Model, config: RunConfig, names: list[str], num_statistics: int, source: Source | None
) -> Average:
    """Validates and writes the new run, in this order, so that a failed validation leaves nothing behind."""
    metrics = None
    if source:
        metrics = measure_source(Scorer(model), source, config).result
    with runs.opened_run(config) as directory:
        save_weights(model, directory.best_weights)
        write_json(directory.best_metrics, {"averaged": names, **(metrics or {})})
    return Average(str(directory.path), names, metrics, num_statistics)
