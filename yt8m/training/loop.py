"""The training loop: steps on every device of a `tf.distribute` strategy, many in one call of a `tf.function`.

Not `Model.fit`, which raises under several workers (keras-team/keras#20585) and hides what a step is.

`train` reads top to bottom. Between two events (a line of metrics, a validation, a checkpoint, the end) the steps run
inside TensorFlow, in calls of about a second, so that Ctrl-C is answered and the devices are not kept waiting by Python.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from yt8m import runs
from yt8m.config import RunConfig
from yt8m.data import pipeline
from yt8m.data.overlap import refuse_repeats
from yt8m.data.pipeline import Source
from yt8m.data.remarks import TRAINING
from yt8m.data.service.epochs import find_workers
from yt8m.distribution.devices import Devices, Stopped
from yt8m.distribution.exhaustion import memory_errors
from yt8m.distribution.strategies import open_devices
from yt8m.errors import InputError, quantity
from yt8m.files import bytes_in_words, check_room, remove_unfinished, write_json
from yt8m.runs import RunDirectory
from yt8m.runs.checkpoints import Checkpoints
from yt8m.runs.records import open_data, open_validation
from yt8m.scoring.evaluation import Measured
from yt8m.training import curves, summaries
from yt8m.training.completion import with_choices
from yt8m.training.distillation import teacher_errors
from yt8m.training.memory import advice
from yt8m.training.records_seen import compare_files
from yt8m.training.resuming import restore
from yt8m.training.schedules import learning_rate_at, warmup_remark
from yt8m.training.splits import choose_splits
from yt8m.training.trainer import Trainer, stop_at_non_finite

SECONDS_A_CALL = 1.0


class Progress(Protocol):
    """What a training run tells whoever watches it."""

    def start(self, config: RunConfig, step: int) -> None:
        """Training begins, or goes on, at `step`."""

    def steps(self, step: int, loss: float, videos_per_second: float) -> None:
        """Steps were done, up to `step`.

        Not told of the first ones, whose rate would be that of compiling, unless the run ends with them; the rate is 0 then.
        """

    def validated(self, step: int, metrics: dict[str, float], is_best: bool) -> None:
        """The validation split was gone through."""

    def message(self, text: str) -> None:
        """Something the user should know."""


class Silent:
    """A `Progress` that says nothing."""

    def start(self, config, step):
        pass

    def steps(self, step, loss, videos_per_second):
        pass

    def validated(self, step, metrics, is_best):
        pass

    def message(self, text):
        pass


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended."""

    run: str
    step: int
    """Steps done over all starts."""
    first_step: int
    """Steps done before this one."""
    interrupted: bool
    """Stopped on request before its last step; the same command goes on."""
    best_metrics: dict[str, float] | None
    """The best validation's; None if there was none, as without validation records."""
    seconds: float
    """Of this start."""


def _once(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Tells each line but once."""
    told: set[str] = set()

    def tell_new(line: str) -> None:
        if line not in told:
            told.add(line)
            tell(line)

    return tell_new


def resolve(
    config: RunConfig, tell: Callable[[str], None] = lambda text: None
) -> tuple[RunConfig, Source, Source | None]:
    """Finds the records and completes the configuration with what they hold.

    Args:
        config: a recipe, with `run` and the paths of the data set.
        tell: gets a line on the broken records of each split that are left out, if they are to be skipped, and on validation
            records that train.

    Returns:
        The complete configuration, the training records and the validation records.

    Raises:
        InputError, RecordError: no run directory named, no training records, records that train and validate, files that cannot
            be used, a data service that does not answer.
    """
    if not config.run:
        raise InputError("no run directory; name one with --run DIR")
    tell = _once(tell)  # of what training and validation records have in common
    data = config.data
    if data.service:
        find_workers(data.service)
    data = with_choices(choose_splits(config, tell), config.run, tell)
    with_data = dataclasses.replace(config, data=data)
    train = open_data(with_data, data.train, tell=tell, part="training", labels_for=TRAINING, counted=None)
    data = dataclasses.replace(data, features=train.features)
    config = dataclasses.replace(config, data=data)
    return config, train, open_validation(config.run, config, tell=tell) if data.validate else None


def train(
    config: RunConfig,
    progress: Progress | None = None,
    stop_requested: Callable[[], bool] = lambda: False,
) -> TrainingResult:
    """Trains a model, or goes on where the run directory stands.

    Args:
        config: a recipe, with `run` and the paths of the data set.
        progress: told what happens; None = nobody.
        stop_requested: asked about once a second, also in a validation, which the next start then repeats; True saves a
            checkpoint and returns.

    Returns:
        How it ended. The best weights by GAP (`segment_map` on rated segments) lie in the run directory; without
        validation records there is no best, and the last ones do.

    Raises:
        InputError, RecordError: the configuration, the data or the run directory cannot be used; the loss is not
            finite (the message has the step and the learning rate).
    """
    started = time.perf_counter()
    devices = open_devices(config.distribute)
    progress = progress or Silent()
    with devices.lost_workers():
        if config.run:
            devices.on_chief(lambda: runs.check_place(config.run))
        config, source, validation = resolve(config, progress.message)
        refuse_broken_ends(source, validation)
        if validation:  # which is read late
            refuse_repeats(validation)
        trainer = Trainer(config, devices, source)  # before the run directory, which a mistake leaves not
        if remark := trainer.memory_remark(source):
            progress.message(remark)
        with contextlib.ExitStack() as stack:
            run = devices.on_chief(lambda: _enter(config, stack, progress.message))
            first_step, interrupted = _train_in(run, trainer, source, validation, progress, stop_requested)
        best = devices.on_chief(lambda: _finish(run))
    step, seconds = int(trainer.step.numpy()), time.perf_counter() - started
    return TrainingResult(str(run.path), step, first_step, interrupted, best, seconds)


def _enter(config: RunConfig, stack: contextlib.ExitStack, tell: Callable[[str], None]) -> RunDirectory:
    """The run directory, which the stack closes."""
    run = stack.enter_context(runs.opened_run(config))
    remove_unfinished(run.path)
    compare_files(run, config, tell)
    write_json(run.environment, runs.describe_environment([device.name for device in tf.config.list_logical_devices()]))
    return run


def _train_in(run: RunDirectory, trainer: Trainer, source, validation, progress, stop_requested) -> tuple[int, bool]:
    """Goes on where the run directory stands: from which step, and whether it was stopped on request."""
    config = trainer.config
    checkpoints = Checkpoints(
        run.checkpoints, trainer.model, trainer.optimizer, trainer.counters, config.training.keep_checkpoints
    )
    trainer.devices.on_chief(lambda: _require_room(run, checkpoints, config.training.keep_checkpoints))
    restore(checkpoints, trainer, run, validation is not None, progress.message)
    first_step = int(trainer.step.numpy())
    progress.start(config, first_step)
    if remark := warmup_remark(config.training):
        progress.message(remark)
    with _files(run, checkpoints, trainer.devices) as files:
        files.log_configuration(config)
        return first_step, _run(trainer, source, validation, files, progress, stop_requested)


def _require_room(run: RunDirectory, checkpoints: Checkpoints, keep: int) -> None:
    """Raises InputError unless the disk has room for what the run keeps, and for a checkpoint and weights more meanwhile."""
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
    """Draws the curves; the metrics of the best validation."""
    best = runs.best_metrics(run.path) or None
    curves.plot(runs.read_metrics(run), run.curves, best.get("step") if best else None)
    return best


class _Files:
    """What is written of a run as it goes on; by the chief alone."""

    def __init__(self, run: RunDirectory, checkpoints: Checkpoints, is_chief: bool):
        self.run, self._checkpoints, self._is_chief = run, checkpoints, is_chief

    def log_configuration(self, config: RunConfig) -> None:
        """As hyper-parameters, for TensorBoard."""
        if self._is_chief:
            summaries.write_hyperparameters(config)

    def log(self, kind: str, step: int, values: dict[str, Any]) -> None:
        """A line of metrics, for TensorBoard too."""
        if self._is_chief:
            runs.append_metrics(self.run, {"kind": kind, "step": step, **values})
            for name, value in values.items():
                tf.summary.scalar(f"{kind}/{name}", value, step=step)

    def log_precision_recall(self, step: int, measured: Measured) -> None:
        """Of the best validation so far, for TensorBoard."""
        if self._is_chief:
            summaries.write_precision_recall(step, measured)

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is anything to go on from; on workers that write nothing, always."""
        return not self._is_chief or self._checkpoints.is_there

    def save_checkpoint(self, step: int) -> None:
        """What training needs to go on."""
        if self._is_chief:
            self._checkpoints.save(step)

    def save_weights(self, trainer: Trainer, metrics: dict[str, float] | None = None) -> None:
        """The best weights, with the metrics that say so."""
        if self._is_chief:
            trainer.save_weights(self.run, metrics)


@contextlib.contextmanager
def _files(run: RunDirectory, checkpoints: Checkpoints, devices: Devices) -> Iterator[_Files]:
    """The files of a run, while it trains."""
    if not devices.is_chief:
        yield _Files(run, checkpoints, False)
        return
    with contextlib.closing(tf.summary.create_file_writer(str(run.tensorboard))) as writer, writer.as_default():
        yield _Files(run, checkpoints, True)


def _run(trainer, source, validation, files, progress, stop_requested) -> bool:
    """Steps, validations and checkpoints until the end; True if stopped on request."""
    training, run = trainer.config.training, files.run
    step = int(trainer.step.numpy())
    if trainer.validation_pending.numpy():
        if not _validate(trainer, validation, files, progress, stop_requested):
            return True
        files.save_checkpoint(step)
    if step >= training.num_steps:
        progress.message(f"{run.path}: nothing is left to train; raise --training.num-steps to go on")
        return False
    if _is_out_of_patience(trainer):
        progress.message(f"{run.path}: stopped early before, at step {step}; raise --training.early-stopping to go on")
        return False
    batches = trainer.batches(source)
    speed = _Speed(training.batch_size)
    while step < training.num_steps:
        count = min(speed.steps_a_call, _next_event(step, training) - step)
        losses, norms = take_steps(trainer, source, batches, count)
        _check_finite(losses, step, trainer.config)
        step += count
        speed.update(count)
        trainer.add_losses(losses)
        if speed.videos_per_second is not None or step == training.num_steps:
            progress.steps(step, float(losses[-1]), speed.videos_per_second or 0.0)
        if step % training.log_every_steps == 0 or step == training.num_steps:
            _log_training(files, trainer, step, float(norms[-1]), speed.videos_per_second)
        stopped, speed.steps_a_call = trainer.devices.largest(int(stop_requested()), speed.steps_a_call)
        finished = step == training.num_steps
        validation_due = validation is not None and (finished or _is_due(step, training.validate_every_steps))
        checkpoint_due = finished or stopped or _is_due(step, training.checkpoint_every_steps)
        if validation_due or checkpoint_due:
            trainer.check_weights()
            trainer.average_statistics()
        if validation_due:
            if not files.has_checkpoint:  # or a kill right after it would leave best weights and no way to go on
                trainer.validation_pending.assign(True)
                files.save_checkpoint(step)
            try:
                validated = _validate(trainer, validation, files, progress, stop_requested)
            except InputError:  # a record that cannot be used, say: once that is mended, the run goes on from here
                trainer.validation_pending.assign(True)
                files.save_checkpoint(step)
                raise
            finished = validated and (finished or _is_out_of_patience(trainer))
            stopped |= not validated
        elif finished:
            with trainer.kept_weights():
                files.save_weights(trainer)
        if finished or stopped or checkpoint_due:
            files.save_checkpoint(step)
        if finished or stopped:
            return not finished
        if validation_due or checkpoint_due:
            speed.restart()
    return False


def take_steps(trainer: Trainer, source: Source, batches: Iterator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The losses and gradient norms of some steps, float32 [count] both. Raises as `stream_errors`."""
    with stream_errors(trainer.config, source):
        losses, norms = trainer.run_steps(batches, tf.constant(count, tf.int32))
        return losses.numpy(), norms.numpy()


def refuse_broken_ends(*sources: Source | None) -> None:
    """Finds broken downloads among what trains and validates; the latter is read late. Raises RecordError."""
    for source in filter(None, sources):
        pipeline.refuse_broken_ends(source, can_skip=True)


@contextlib.contextmanager
def stream_errors(config: RunConfig, source: Source) -> Iterator[None]:
    """Turns TensorFlow's errors in the training stream and the steps into an `InputError`, or a `RecordError`, of one line."""
    wanting = memory_errors("training", f"{advice(config)}; `yt8m check` shows the estimate")
    with teacher_errors(config.distill), pipeline.record_errors(source, pipeline.OF_TRAINING), wanting:
        try:
            yield
        except tf.errors.OutOfRangeError as error:
            what = "no rated segment" if source.level == "segment" else "no record"
            part = " outside the fold" if source.fold else ""
            raise InputError(f"{source.files[0]} ...: the training files hold {what}{part}") from error


def _is_due(step: int, interval: int) -> bool:
    return interval > 0 and step % interval == 0


def _next_event(step: int, training) -> int:
    every = (training.log_every_steps, training.validate_every_steps, training.checkpoint_every_steps)
    return min([training.num_steps, *((step // interval + 1) * interval for interval in every if interval)])


def _check_finite(losses: np.ndarray, step: int, config: RunConfig) -> None:
    broken = np.flatnonzero(~np.isfinite(losses))
    if broken.size:
        stop_at_non_finite("the loss of", losses[broken[0]], step + int(broken[0]) + 1, config)


class _Speed:
    """Videos a second, and from it how many steps to hand to TensorFlow at once."""

    def __init__(self, batch_size: int):
        self._batch_size = batch_size
        self.videos_per_second: float | None = None
        """None until steps were done that were compiled before."""
        self.steps_a_call = 1
        self._since: float | None = None

    def restart(self) -> None:
        """Leaves out what was not training."""
        self._since = time.perf_counter()

    def update(self, count: int) -> None:
        """Counts the steps of a call; the first call only starts the clock, as it compiles."""
        now, before = time.perf_counter(), self._since
        self._since = now
        if before is None:
            return
        steps_per_second = count / max(now - before, 1e-9)
        rate = steps_per_second * self._batch_size
        self.videos_per_second = rate if not self.videos_per_second else 0.7 * self.videos_per_second + 0.3 * rate
        self.steps_a_call = max(1, min(2 * self.steps_a_call, int(SECONDS_A_CALL * steps_per_second)))


def _log_training(files, trainer, step: int, norm: float, videos_per_second: float | None) -> None:
    rate = float(learning_rate_at(trainer.config.training, tf.constant(step - 1, tf.int64)))
    row = {"loss": trainer.take_mean_loss(), "learning_rate": rate, "gradient_norm": norm}
    if videos_per_second is not None:
        row["videos_per_second"] = round(videos_per_second, 1)
    files.log("train", step, row)


def _validate(trainer, validation, files, progress, stop_requested) -> bool:
    """One validation; keeps the weights if they are the best. False if it was stopped on request."""
    trainer.validation_pending.assign(True)
    with contextlib.suppress(Stopped), trainer.kept_weights(stop_requested):
        _keep_if_best(trainer, validation, trainer.evaluate(validation, stop_requested), files, progress)
        trainer.validation_pending.assign(False)
    if trainer.validation_pending.numpy():
        return False
    if _is_out_of_patience(trainer):
        progress.message(f"stopping early: no better validation in the last {trainer.config.training.early_stopping}")
    return True


def _keep_if_best(trainer, validation, measured: Measured, files, progress) -> None:
    """Takes note of a validation, and keeps the weights if it is the best."""
    metrics, step = measured.result, int(trainer.step.numpy())
    score = metrics["segment_map" if validation.level == "segment" else "gap"]
    is_best = score > float(trainer.best.numpy())
    if is_best:
        trainer.best.assign(score)
        trainer.validations_without_best.assign(0)
    else:
        trainer.validations_without_best.assign_add(1)
    if is_best and score >= trainer.kept_score:
        files.save_weights(trainer, {"step": step, **metrics})
        files.log_precision_recall(step, measured)
    files.log("validation", step, metrics)
    progress.validated(step, metrics, is_best and score >= trainer.kept_score)


def _is_out_of_patience(trainer) -> bool:
    patience = trainer.config.training.early_stopping
    return bool(patience) and int(trainer.validations_without_best.numpy()) >= patience
