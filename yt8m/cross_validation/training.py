"""Trains all folds of a recipe, scores what they predict for the videos that they left out, and ensembles them."""

import dataclasses
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yt8m import runs
from yt8m.config import RunConfig
from yt8m.cross_validation.directory import FoldsDirectory, check_folds
from yt8m.data.labels import read_labels, read_ratings
from yt8m.data.overlap import find_overlap
from yt8m.data.sources import expand_paths, find_splits
from yt8m.distribution import cluster
from yt8m.distribution.strategies import open_devices
from yt8m.errors import InputError
from yt8m.files import write_json
from yt8m.metrics.registry import score_of
from yt8m.predicting import StoredPredictions
from yt8m.predicting.ensembling import ensemble
from yt8m.predicting.measuring import measure_segments, measure_videos
from yt8m.predicting.run_predictions import RunPredictions
from yt8m.progress import SILENT, Progress
from yt8m.runs.records import open_data
from yt8m.training.course import Outcome
from yt8m.training.loop import TrainingResult, train
from yt8m.training.time_limit import TimeLimit


@dataclass(frozen=True)
class CrossValidation:
    """How a cross-validation ended."""

    run: str
    count: int
    folds: Sequence[TrainingResult]
    """The folds that this call trained, or found trained, in their order."""
    outcome: Outcome
    """How this call ended. The same command goes on with one that is not `done`."""
    validation: Sequence[str] = ()
    """The validation records, for the ensemble."""
    out_of_fold: dict[str, float] | None = None
    """The metrics of all training records, each predicted by the fold that did not learn from it."""
    ensemble: dict[str, float] | None = None
    """The metrics of the mean of all folds on the validation records; None without such records."""

    @property
    def scores(self) -> list[float]:
        """The best score of each fold, on the videos that it left out."""
        return [score for fold in self.folds if (score := score_of(fold.best_metrics or {})) is not None]

    @property
    def mean_and_deviation(self) -> tuple[float, float] | None:
        """The mean of these scores, and their standard deviation; None with fewer than two."""
        return (statistics.fmean(self.scores), statistics.stdev(self.scores)) if len(self.scores) > 1 else None


def train_folds(
    config: RunConfig,
    count: int,
    progress: Progress = SILENT,
    stop_requested: Callable[[], bool] = lambda: False,
) -> CrossValidation:
    """Trains a run for each fold, or goes on with them. `combine_folds` follows.

    Fold I of N leaves out the videos of `--data.fold I/N` and validates on them. A fold is the run that `yt8m train` makes with
    that flag. `--training.max-hours` is the limit of all folds, with their predictions.

    Args:
        config: a recipe. `run` is the directory of all folds. Validation records are for the ensemble alone.
        count: number of folds, 2 or more.
        progress: told of the trainings.
        stop_requested: asked about once a second.

    Raises:
        InputError, RecordError: see `check_folds` and `yt8m.training.loop.train`; the validation records train.
    """
    started = time.perf_counter()
    directory = check_folds(config, count)
    if cluster.from_environment():
        raise InputError(
            "TF_CONFIG or Slurm names several workers; --folds is for one machine. Train each fold with --data.fold I/N"
        )
    validation = _validation(config)
    results: list[TrainingResult] = []
    outcome: Outcome = "done"
    for index, run in enumerate(directory.folds):
        progress.message(f"fold {index + 1} of {count}: {run}")
        of_fold = dataclasses.replace(config.data, fold=f"{index}/{count}", validate=())
        fold = dataclasses.replace(config, run=str(run), data=of_fold)
        results.append(train(fold, progress, stop_requested, started))
        outcome = results[-1].outcome
        if outcome != "done":
            break
    else:
        limit = TimeLimit(config.training.max_hours, started)
        limit.assume(0, _seconds_of_predicting(directory))
        outcome = "out of time" if limit.is_over else "done"
    return CrossValidation(config.run, count, results, outcome, validation)


def combine_folds(config: RunConfig, trained: CrossValidation, progress: Progress = SILENT) -> CrossValidation:
    """Predicts what each fold left out, scores it as a whole, ensembles the folds, and writes `folds.json`.

    After a stop, the same call goes on.

    Args:
        config: the configuration that `train_folds` had.
        trained: its result, with all folds done.
        progress: counts videos or segments, and gets remarks.

    Raises:
        InputError, RecordError: a record cannot be used, or a file cannot be written.
    """
    directory = FoldsDirectory(Path(trained.run), trained.count)
    with progress.working("predicting", "video"):
        out_of_fold = _out_of_fold(directory, config, progress)
        together = _ensemble(directory, trained.validation, progress) if trained.validation else None
    done = dataclasses.replace(trained, out_of_fold=out_of_fold, ensemble=together)
    write_json(directory.results, as_values(done))
    return done


def as_values(done: CrossValidation) -> dict[str, Any]:
    """The result as plain values, as `folds.json` has it."""
    spread = done.mean_and_deviation
    return {
        "run": done.run,
        "num_folds": done.count,
        "outcome": done.outcome,
        "folds": [{"run": fold.run, "step": fold.step, "best": fold.best_metrics} for fold in done.folds],
        "mean": spread and spread[0],
        "standard_deviation": spread and spread[1],
        "out_of_fold": done.out_of_fold,
        "ensemble": done.ensemble,
        "ensemble_data": list(done.validation),
    }


def _validation(config: RunConfig) -> tuple[str, ...]:
    """The validation records for the ensemble, which no fold learns from; empty if there are none.

    Raises:
        InputError: they are among the training records.
    """
    data = config.data
    found = find_splits(data.root, config.model.level) if data.root else {}
    train_paths = data.train or found.get("train", ())
    paths = data.validate or (found.get("validate", ()) if train_paths else ())  # without others, they train
    if paths and train_paths and (common := find_overlap(expand_paths(train_paths), expand_paths(paths))):
        raise InputError(f"{common}, and what trains must not validate: name other records with --data.validate")
    return tuple(paths)


def _seconds_of_predicting(directory: FoldsDirectory) -> float:
    """Predicting the left out videos takes about as long as validating on them."""
    of_folds = map(runs.best_metrics, directory.folds)
    return sum(each["num_videos"] / each["videos_per_second"] for each in of_folds if each.get("videos_per_second"))


def _out_of_fold(directory: FoldsDirectory, config: RunConfig, progress: Progress) -> dict[str, float]:
    progress.message(f"predicting what each fold left out, kept in {directory.out_of_fold}")
    made = RunPredictions(directory.folds, devices=lambda: open_devices(config.distribute), progress=progress)
    return _measure(made.store(directory.out_of_fold, progress, replace=True), made.config, made.paths, progress)


def _ensemble(directory: FoldsDirectory, paths: Sequence[str], progress: Progress) -> dict[str, float]:
    """The metrics of the mean of all folds. Each run keeps its own predictions, so the mean is quick to make again."""
    shutil.rmtree(directory.ensemble, ignore_errors=True)
    ensemble(directory.folds, data=paths, stored=directory.ensemble, progress=progress)
    config = runs.load_config(directory.folds[0])
    return _measure(StoredPredictions(directory.ensemble), config, paths, progress)


def _measure(
    stored: StoredPredictions, config: RunConfig, paths: Sequence[str], progress: Progress
) -> dict[str, float]:
    """Scores predictions by the labels that training uses, without the records that it leaves out."""
    source = open_data(config, paths, labels_for="evaluation", progress=progress)
    if stored.description.task == "segment":
        ratings = read_ratings(source)
        return measure_segments(stored, ratings, progress).result() | {"num_videos": len(ratings.video_ids)}
    return measure_videos(stored, read_labels(dataclasses.replace(source, as_means=False))).result()
