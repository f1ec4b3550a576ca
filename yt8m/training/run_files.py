"""Writes the files of a run while it trains."""

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from yt8m import runs
from yt8m.config import RunConfig
from yt8m.data.record_counts import RecordCounts
from yt8m.distribution.devices import Devices
from yt8m.files import write_json
from yt8m.progress import Progress
from yt8m.runs import RunDirectory
from yt8m.runs.checkpoints import Checkpoints
from yt8m.scoring.evaluation import Measured
from yt8m.training import summaries
from yt8m.training.tracking import Tracking
from yt8m.training.trainer import Trainer


class RunFiles:
    """The files of a run while it trains, and the services that it is logged to. Only the chief writes."""

    def __init__(self, run: RunDirectory, checkpoints: Checkpoints, tracking: Tracking | None):
        self.run, self._checkpoints = run, checkpoints
        self._tracking, self._is_chief = tracking, tracking is not None

    def log_configuration(self, config: RunConfig) -> None:
        """Writes the configuration as hyper-parameters, for TensorBoard."""
        if self._is_chief:
            summaries.write_hyperparameters(config)

    def log(self, kind: str, step: int, values: dict[str, Any]) -> None:
        """Writes a line of metrics, for TensorBoard too."""
        if self._is_chief:
            runs.append_metrics(self.run, {"kind": kind, "step": step, **values})
            for name, value in values.items():
                tf.summary.scalar(f"{kind}/{name}", value, step=step)
            self._tracking.log(kind, step, values)

    def ended(self, status: str) -> None:
        """Says how the run ends, `done` or `stopped`, to the services that it is logged to."""
        if self._is_chief:
            self._tracking.status = status

    def log_precision_recall(self, step: int, measured: Measured) -> None:
        """Writes precision and recall of the best validation so far, for TensorBoard."""
        if self._is_chief:
            summaries.write_precision_recall(step, measured)

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint to resume from; always true on workers that write nothing."""
        return not self._is_chief or self._checkpoints.is_there

    def save_checkpoint(self, step: int) -> None:
        """Saves the state that training needs to resume."""
        if self._is_chief:
            self._checkpoints.save(step)

    def save_record_counts(self, counts: RecordCounts) -> None:
        """Saves what is known of the number of records of each training file, for the stream of the next start."""
        if self._is_chief:
            counts.write_index()

    def save_best_metrics(self, metrics: dict[str, Any]) -> None:
        """Saves the metrics of the best weights, in place of those that they were chosen by."""
        if self._is_chief:
            write_json(self.run.best_metrics, metrics)

    def save_weights(self, trainer: Trainer, metrics: dict[str, float] | None = None) -> None:
        """Saves the best weights, with the metrics of their validation."""
        if self._is_chief:
            trainer.save_weights(self.run, metrics)

    def save_first_weights(self, trainer: Trainer) -> None:
        """Saves the weights as the best ones unless there are some, for a run that has no time to be validated."""
        if self._is_chief and not self.run.best_weights.exists():
            trainer.save_weights(self.run)


@contextlib.contextmanager
def open_files(
    run: RunDirectory, checkpoints: Checkpoints, devices: Devices, config: RunConfig, progress: Progress
) -> Iterator[RunFiles]:
    """Opens the files of a run, and the services that it is logged to, for the block.

    Raises:
        InputError: a service cannot be reached.
    """
    if not devices.is_chief:
        yield RunFiles(run, checkpoints, None)
        return
    with (
        contextlib.closing(tf.summary.create_file_writer(str(run.tensorboard))) as writer,
        writer.as_default(),
        Tracking(progress).opened(config.log, run, config) as tracking,
    ):
        yield RunFiles(run, checkpoints, tracking)
