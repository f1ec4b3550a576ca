"""The training loop: steps on every device of a `tf.distribute` strategy, many in one call of a `tf.function`.

`Model.fit` is not used: it raises under several workers (keras-team/keras#20585) and hides what a step does.

Between two events (`yt8m.training.course`) the steps run inside TensorFlow, in calls of about a second. Calls of this length
let Ctrl-C through and do not make the devices wait for Python.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from yt8m import runs
from yt8m.config import RunConfig
from yt8m.data.overlap import refuse_repeats
from yt8m.distribution.rates import precision_remark
from yt8m.distribution.strategies import open_devices
from yt8m.errors import bytes_in_words, quantity
from yt8m.files import check_room, remove_unfinished, write_json
from yt8m.progress import SILENT, Progress
from yt8m.runs import RunDirectory
from yt8m.runs.checkpoints import Checkpoints
from yt8m.runs.starts import Ending, recorded_start
from yt8m.training import curves
from yt8m.training.course import Course, Outcome
from yt8m.training.journal import Journal
from yt8m.training.layer_groups import group_remarks
from yt8m.training.length import length_in_words
from yt8m.training.preparation import refuse_broken_ends, resolve
from yt8m.training.records_seen import compare_files
from yt8m.training.resuming import restore
from yt8m.training.run_files import open_files
from yt8m.training.schedules import warmup_remark
from yt8m.training.time_limit import TimeLimit
from yt8m.training.tracking import require_trackers
from yt8m.training.trainer import Trainer


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended."""

    run: str
    step: int
    """Steps done over all starts of the run."""
    first_step: int
    """Steps done before this one."""
    num_steps: int
    """Steps that the run is to have in all."""
    outcome: Outcome
    """How this start ended. The same command resumes a run that is not `done`."""
    best_metrics: dict[str, float] | None
    """The metrics of the best validation; None if there was none, such as without validation records."""
    seconds: float
    """The duration of this start."""

    @property
    def interrupted(self) -> bool:
        """Whether it was stopped on request before its last step."""
        return self.outcome == "stopped"


def train(
    config: RunConfig,
    progress: Progress = SILENT,
    stop_requested: Callable[[], bool] = lambda: False,
    started: float | None = None,
) -> TrainingResult:
    """Trains a model, or resumes a run from its directory.

    Args:
        config: a recipe, with `run` and the paths of the data set.
        progress: told what happens.
        stop_requested: asked about once a second, even during a validation, which the next start then repeats. True makes
            `train` save a checkpoint and return.
        started: when the time of `--training.max-hours` began, by `time.perf_counter`; None = now.

    Returns:
        How the run ended. The run directory has the best weights by GAP (`segment_map` on rated segments); without validation
        records, it has the last weights.

    Raises:
        InputError, RecordError: the configuration, the data or the run directory cannot be used; the loss is not
            finite (the message has the step and the learning rate).
    """
    began = time.perf_counter()
    limit = TimeLimit(config.training.max_hours, began if started is None else started)
    require_trackers(config.log)
    devices, journal = open_devices(config.distribute), Journal(progress)
    progress = journal
    with devices.lost_workers():
        if config.run:
            devices.on_chief(lambda: runs.check_place(config.run))
        config, source, validation = resolve(config, progress)
        refuse_broken_ends(source, validation)
        if validation:  # validation records are read late: find repeats now
            refuse_repeats(validation)
        if length := length_in_words(config, source):
            progress.message(length)
        trainer = Trainer(config, devices, source)  # first, so that a mistake leaves no run directory
        for remark in (trainer.memory_remark(source), precision_remark(config.training.precision)):
            if remark:
                progress.message(remark)
        with contextlib.ExitStack() as stack:
            ending = Ending()
            run = devices.on_chief(lambda: _enter(trainer, stack, journal, ending))
            first_step, outcome = _train_in(run, trainer, source, validation, progress, stop_requested, limit)
            ending.status = outcome
        best = devices.on_chief(lambda: _finish(run))
    step, seconds = int(trainer.step.numpy()), time.perf_counter() - began
    return TrainingResult(str(run.path), step, first_step, config.training.num_steps, outcome, best, seconds)


def _enter(trainer: Trainer, stack: contextlib.ExitStack, journal: Journal, ending: Ending) -> RunDirectory:
    """Opens the run directory and its log, which the stack closes, and prepares it."""
    config = trainer.config
    run = stack.enter_context(runs.opened_run(config))
    remove_unfinished(run.path)
    stack.enter_context(recorded_start(run, lambda: int(trainer.step.numpy()), ending))
    stack.enter_context(journal.open(run, ending))
    compare_files(run, config, journal)
    write_json(run.environment, runs.describe_environment([device.name for device in tf.config.list_logical_devices()]))
    return run


def _train_in(
    run: RunDirectory, trainer: Trainer, source, validation, progress, stop_requested, limit: TimeLimit
) -> tuple[int, Outcome]:
    """Trains from the state of the run directory. Returns the first step, and how training ended."""
    config = trainer.config
    checkpoints = Checkpoints(
        run.checkpoints, trainer.model, trainer.optimizer, trainer.counters, config.training.keep_checkpoints
    )
    trainer.devices.on_chief(lambda: _require_room(run, checkpoints, config.training.keep_checkpoints))
    restore(checkpoints, trainer, run, validation is not None, progress)
    first_step = int(trainer.step.numpy())
    if not first_step:
        trainer.prepare()
    limit.assume(checkpoints.num_bytes + checkpoints.num_weights_bytes, _seconds_of_validation(run))
    progress.training_started(config, first_step)
    initial = [] if first_step else trainer.initial_remarks
    for remark in [*initial, warmup_remark(config.training), *group_remarks(trainer.model, config.training)]:
        if remark:
            progress.message(remark)
    with open_files(run, checkpoints, trainer.devices, config, progress) as files:
        files.log_configuration(config)
        outcome = Course(trainer, source, validation, files, progress, stop_requested, limit).finish()
        files.ended(outcome)
    return first_step, outcome


def _seconds_of_validation(run: RunDirectory) -> float | None:
    """The duration of the last validation in an earlier start; None if there was none."""
    rows = [
        row
        for row in runs.read_metrics(run)
        if row["kind"] == "validation" and row.get("videos_per_second") and "num_videos" in row
    ]
    return rows[-1]["num_videos"] / rows[-1]["videos_per_second"] if rows else None


def _require_room(run: RunDirectory, checkpoints: Checkpoints, keep: int) -> None:
    """Raises InputError unless the disk has room for the files to keep, plus one more checkpoint and set of weights."""
    there = sum(each.stat().st_size for place in (run.checkpoints, run.best_weights.parent) for each in place.glob("*"))
    needed = (keep + 1) * checkpoints.num_bytes + 2 * checkpoints.num_weights_bytes
    check_room(
        run.path,
        max(0, needed - there),
        f"{quantity(keep, 'checkpoint')} of {bytes_in_words(checkpoints.num_bytes)} and the best weights, "
        "with one of each being written,",
        "give another --run, or keep fewer with --training.keep-checkpoints",
    )


def _finish(run: RunDirectory) -> dict[str, float] | None:
    """Draws the curves. Returns the metrics of the best validation, if there was one."""
    best = runs.best_metrics(run.path) or None
    curves.plot(runs.read_metrics(run), run.curves, best.get("step") if best else None)
    return best
