"""Runs a training: steps, with validations and checkpoints between them."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Literal

import tensorflow as tf

from yt8m.config import TrainingConfig
from yt8m.data.record_counts import RecordCounts
from yt8m.data.source import Source
from yt8m.data.subsets import subset_of
from yt8m.distribution.devices import Stopped
from yt8m.errors import InputError
from yt8m.files import read_json
from yt8m.metrics.registry import in_words, score_of
from yt8m.progress import Progress
from yt8m.scoring.evaluation import Measured
from yt8m.training.forecasting import Forecasts
from yt8m.training.run_files import RunFiles
from yt8m.training.schedules import learning_rate_at
from yt8m.training.stepping import Speed, check_finite, take_steps
from yt8m.training.time_limit import Interval, TimeLimit
from yt8m.training.trainer import Trainer

Outcome = Literal["done", "stopped", "out of time"]
"""How a call of training ended: at its last step or by early stopping, on request, or by `--training.max-hours`."""


class Course:
    """The rest of a training, from the current step on.

    Between two events (a line of metrics, a validation, a checkpoint, the end) the steps run inside TensorFlow, a second at most.

    Args:
        trainer: the trainer, with its state restored.
        source: the training records.
        validation: the validation records, if there are any.
        files: the files of the run.
        progress: told of steps and validations.
        stop_requested: asked about once a second.
        limit: the time that this call may take.
    """

    def __init__(
        self,
        trainer: Trainer,
        source: Source,
        validation: Source | None,
        files: RunFiles,
        progress: Progress,
        stop_requested: Callable[[], bool],
        limit: TimeLimit,
    ):
        self._trainer, self._files, self._limit = trainer, files, limit
        self._source, self._whole = source, validation
        self._progress, self._stop_requested = progress, stop_requested
        self._training = trainer.config.training
        self._validation = validation and self._part_of(validation, progress)
        self._speed = Speed(self._training.batch_size)
        self._interval = Interval(self._training.validate_every_minutes)
        self._counts = RecordCounts(source, progress, files.run.record_counts)

    def _part_of(self, validation: Source, progress: Progress) -> Source:
        """Returns the videos to validate on while training."""
        number = self._training.validation_videos
        return subset_of(validation, number, self._training.seed, progress) if number else validation

    def finish(self) -> Outcome:
        """Runs steps, validations and checkpoints until the end, and returns how it ended. At least one step is done.

        Raises:
            InputError, RecordError: a record cannot be used, or the loss is not finite.
        """
        step = int(self._trainer.step.numpy())
        if self._trainer.validation_pending.numpy():
            if not self._validate():
                return self._without_validation()
            self._save_checkpoint(step)
        if self._is_over(step):
            return "done"
        self._counts.read_index()
        batches = self._trainer.batches(self._source, self._counts)
        while step < self._training.num_steps:
            with self._limit.stepping():
                step = self._go_on(batches, step)
            stopped, over, self._speed.steps_a_call = self._trainer.devices.largest(
                int(self._stop_requested()), int(self._limit.is_over), self._speed.steps_a_call
            )
            ending = self._do_what_is_due(step, bool(stopped), bool(over))
            if ending:
                return ending
        return "done"

    def _without_validation(self) -> Outcome:
        """Returns how training ends after a stopped validation, after saving weights to go on with if there are none."""
        if self._agreed(self._stop_requested()):
            return "stopped"
        with self._trainer.kept_weights():
            self._files.save_first_weights(self._trainer)
        return "out of time"

    def _agreed(self, here: bool) -> bool:
        """Whether it is so on any worker."""
        return bool(self._trainer.devices.largest(int(here))[0])

    def _is_over(self, step: int) -> bool:
        """Whether nothing is left to do; if so, says why."""
        run = self._files.run
        if step >= self._training.num_steps:
            further = "raise --training.num-steps to go on"
            if self._training.schedule == "cosine":  # whose last step is part of the run
                further = run.how_to_begin_with_it
            self._progress.message(f"{run.path}: nothing is left to train; {further}")
            return True
        if self._is_out_of_patience():
            early = f"{run.path}: stopped early before, at step {step}"
            self._progress.message(f"{early}; raise --training.early-stopping to go on")
            return True
        return False

    def _go_on(self, batches: Iterator, step: int) -> int:
        """Runs the steps of one call into TensorFlow and reports them. Returns the step reached."""
        training, speed, trainer = self._training, self._speed, self._trainer
        count = min(speed.steps_a_call, _next_event(step, training) - step)
        losses, norms = take_steps(trainer, self._source, batches, count)
        check_finite(losses, step, trainer.config)
        step += count
        if speed.videos_per_second is None:  # the first call compiles
            self._interval.restart()
        speed.update(count)
        trainer.add_losses(losses)
        if speed.videos_per_second is not None or step == training.num_steps:
            self._progress.steps_done(step, float(losses[-1]), speed.videos_per_second or 0.0)
        if step % training.log_every_steps == 0 or step == training.num_steps:
            self._log_training(step, float(norms[-1]))
        return step

    def _do_what_is_due(self, step: int, stopped: bool, over: bool) -> Outcome | None:
        """Validates and writes a checkpoint if they are due. Returns how the training ended, if it did.

        Args:
            step: the step reached.
            stopped: whether to stop; a validation that is due is left to the next start.
            over: whether the time is over but for a validation and saving.
        """
        finished = step == self._training.num_steps
        over &= not stopped
        validation_due = self._validation is not None and (
            finished or over or _is_due(step, self._training.validate_every_steps) or self._wants_validation()
        )
        checkpoint_due = finished or stopped or over or _is_due(step, self._training.checkpoint_every_steps)
        if not (validation_due or checkpoint_due):
            return None
        self._trainer.check_weights()
        self._trainer.average_statistics()
        ending: Outcome | None = "done" if finished else "stopped" if stopped else "out of time" if over else None
        if validation_due:
            ending = self._validate_safely(step, ending)
        elif finished or over:
            with self._trainer.kept_weights():
                self._files.save_weights(self._trainer)
        if ending or checkpoint_due:
            self._save_checkpoint(step)
            self._save_counts()
        self._speed.restart()
        return ending

    def _wants_validation(self) -> bool:
        return self._agreed(self._limit.wants_validation or self._interval.is_over)

    def _save_checkpoint(self, step: int) -> None:
        with self._limit.saving():
            self._files.save_checkpoint(step)

    def _save_counts(self) -> None:
        """Saves the numbers of records that any worker has learned. All workers must call this."""
        learned = self._trainer.devices.gather(self._counts.take_news())
        for news in learned:
            self._counts.add(news)
        if any(learned):
            self._files.save_record_counts(self._counts)

    def _validate_safely(self, step: int, ending: Outcome | None) -> Outcome | None:
        """Validates once, and saves a state to resume from if that fails.

        Args:
            step: the step reached.
            ending: how the training ends after the validation; None = it goes on.

        Returns:
            How it ends, if it does: also by early stopping, and if the validation was stopped or took the rest of the time.
        """
        if not self._files.has_checkpoint:  # a kill after validation must not leave best weights alone
            self._trainer.validation_pending.assign(True)
            self._save_checkpoint(step)
        try:
            if not self._validate():
                return self._without_validation()
        except InputError:  # such as an unusable record: once it is repaired, the run resumes here
            self._trainer.validation_pending.assign(True)
            self._save_checkpoint(step)
            raise
        if ending == "done" or self._is_out_of_patience():
            return "done"
        return ending or ("out of time" if self._agreed(self._limit.is_over) else None)

    def _log_training(self, step: int, norm: float) -> None:
        rate = float(learning_rate_at(self._training, tf.constant(step - 1, tf.int64)))
        row = {"loss": self._trainer.take_mean_loss(), "learning_rate": rate, "gradient_norm": norm}
        if self._speed.videos_per_second is not None:
            row["videos_per_second"] = round(self._speed.videos_per_second, 1)
        self._files.log("train", step, row)

    def _validate(self) -> bool:
        """Validates once and keeps the weights if they are the best. Returns False if it was stopped."""
        trainer = self._trainer
        trainer.validation_pending.assign(True)
        with contextlib.suppress(Stopped), self._limit.validating():
            with trainer.kept_weights(self._must_stop):
                self._keep_if_best(trainer.evaluate(self._validation, self._must_stop))
            if self._validation is not self._whole and self._is_last():
                self._validate_on_all()
            trainer.validation_pending.assign(False)
        self._interval.restart()
        if trainer.validation_pending.numpy():
            return False
        if self._is_out_of_patience():
            self._progress.message(f"stopping early: no better validation in the last {self._training.early_stopping}")
        return True

    def _must_stop(self) -> bool:
        return self._stop_requested() or self._limit.is_over_for_validation

    def _is_last(self) -> bool:
        """Whether the validation of this step is the last one of the training."""
        return int(self._trainer.step.numpy()) >= self._training.num_steps or self._is_out_of_patience()

    def _validate_on_all(self) -> None:
        """Validates the best weights on all videos, and records the result with them."""
        trainer, run = self._trainer, self._files.run
        step = read_json(run.best_metrics).get("step") if run.best_metrics.exists() else None
        with trainer.best_weights(run):
            measured = trainer.evaluate(self._whole, self._must_stop)
        self._files.save_best_metrics({"step": step, **measured.result})
        scores = in_words(measured.result, ["always"])
        self._progress.message(
            f"the best weights, of step {step}, on all {measured.result['num_videos']:,} validation videos: {scores}"
        )

    def _keep_if_best(self, measured: Measured | Forecasts) -> None:
        """Records a validation, and keeps the weights if it is the best."""
        trainer = self._trainer
        metrics, step = measured.result, int(trainer.step.numpy())
        score = score_of(metrics)
        assert score is not None, "a validation has scores"
        is_best = score > float(trainer.best.numpy())
        if is_best:
            trainer.best.assign(score)
            trainer.validations_without_best.assign(0)
        else:
            trainer.validations_without_best.assign_add(1)
        if is_best and score >= trainer.kept_score:
            self._files.save_weights(trainer, {"step": step, **metrics})
            if isinstance(measured, Measured):
                self._files.log_precision_recall(step, measured)
        self._files.log("validation", step, metrics)
        self._progress.validated(step, metrics, is_best and score >= trainer.kept_score)

    def _is_out_of_patience(self) -> bool:
        patience = self._training.early_stopping
        return bool(patience) and int(self._trainer.validations_without_best.numpy()) >= patience


def _is_due(step: int, interval: int) -> bool:
    return interval > 0 and step % interval == 0


def _next_event(step: int, training: TrainingConfig) -> int:
    every = (training.log_every_steps, training.validate_every_steps, training.checkpoint_every_steps)
    return min([training.num_steps, *((step // interval + 1) * interval for interval in every if interval)])
