"""Runs steps, many in one call into TensorFlow, and handles their errors."""

import contextlib
import time
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from yt8m.config import RunConfig
from yt8m.data import failures
from yt8m.data.counting import nothing
from yt8m.data.remedies import OF_TRAINING
from yt8m.data.source import Source
from yt8m.distribution.exhaustion import memory_errors
from yt8m.errors import InputError
from yt8m.training.distillation import teacher_errors
from yt8m.training.memory import advice
from yt8m.training.trainer import Trainer, stop_at_non_finite

SECONDS_A_CALL = 1.0


def take_steps(trainer: Trainer, source: Source, batches: Iterator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Runs steps. Returns their losses and gradient norms, float32 [count] both. Raises as `stream_errors`."""
    with stream_errors(trainer.config, source):
        losses, norms = trainer.run_steps(batches, tf.constant(count, tf.int32))
        return losses.numpy(), norms.numpy()


@contextlib.contextmanager
def stream_errors(config: RunConfig, source: Source) -> Iterator[None]:
    """Turns TensorFlow's errors in the stream and the steps into an `InputError` or `RecordError` of one line."""
    wanting = memory_errors("training", f"{advice(config)}; `yt8m check` shows the estimate")
    with teacher_errors(config.distill), failures.record_errors(source, OF_TRAINING), wanting:
        try:
            yield
        except tf.errors.OutOfRangeError as error:
            raise InputError(f"{source.files[0]} ...: the training files hold {nothing(source)}") from error


def check_finite(losses: np.ndarray, step: int, config: RunConfig) -> None:
    """Raises InputError if a loss is not finite. `losses` [count] are from the steps after `step`."""
    broken = np.flatnonzero(~np.isfinite(losses))
    if broken.size:
        stop_at_non_finite("the loss of", losses[broken[0]], step + int(broken[0]) + 1, config)


class Speed:
    """Measures videos per second, and derives how many steps to hand to TensorFlow at once."""

    def __init__(self, batch_size: int):
        self._batch_size = batch_size
        self.videos_per_second: float | None = None
        """None until steps have run without compiling."""
        self.steps_a_call = 1
        self._since: float | None = None

    def restart(self) -> None:
        """Restarts the clock, to leave out time that was not training."""
        self._since = time.perf_counter()

    def update(self, count: int) -> None:
        """Counts the steps of a call. The first call only starts the clock, because it compiles."""
        now, before = time.perf_counter(), self._since
        self._since = now
        if before is None:
            return
        steps_per_second = count / max(now - before, 1e-9)
        rate = steps_per_second * self._batch_size
        self.videos_per_second = rate if not self.videos_per_second else 0.7 * self.videos_per_second + 0.3 * rate
        self.steps_a_call = max(1, min(2 * self.steps_a_call, int(SECONDS_A_CALL * steps_per_second)))
