"""Everything a run needs to go on, saved under `checkpoints/` of its run directory."""

import math
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import keras
import tensorflow as tf

from yt8m.errors import InputError
from yt8m.progress import SILENT, Progress


class OptimizerState(Protocol):
    """What is saved of an optimizer (`yt8m.training.optimizers.Optimizer`)."""

    averages: Sequence[tf.Tensor]
    """The moving averages of the weights; none without them."""

    @property
    def slots(self) -> Mapping[str, Sequence[tf.Tensor]]:
        """What it remembers of the gradients, by name."""


class Checkpoints:
    """The newest few states of a run: weights, optimizer, step, and how validation went so far.

    A state is written under a temporary name and the index that names the newest one is replaced last, so a run killed
    while saving goes on from the state before.

    Args:
        directory: where.
        model: its weights and running statistics, dropout's counters too.
        optimizer: what it remembers of the gradients, and the averages.
        counters: variables such as the step.
        keep: states kept.

    Attributes:
        num_bytes: of one state, without its index.
        num_weights_bytes: of the weights in it.
    """

    def __init__(
        self,
        directory: Path,
        model: keras.Model,
        optimizer: OptimizerState,
        counters: dict[str, tf.Variable],
        keep: int,
    ):
        weights = {f"{index:04d}": variable.value for index, variable in enumerate(model.variables)}
        checkpoint = tf.train.Checkpoint(
            weights=weights,
            averages=optimizer.averages,
            **optimizer.slots,
            **counters,
        )
        self._checkpoint = checkpoint
        self.num_weights_bytes = _num_bytes(weights)
        self.num_bytes = self.num_weights_bytes + _num_bytes([optimizer.averages, optimizer.slots])
        self._manager = tf.train.CheckpointManager(checkpoint, str(directory), max_to_keep=keep)

    def save(self, step: int) -> None:
        """Saves the state as that of `step`.

        Raises:
            InputError: the directory cannot be written, or the disk is full. States saved before are kept.
        """
        try:
            self._manager.save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            raise InputError(
                f"{self._manager.directory}: the checkpoint of step {step} cannot be written ({_reason(error)}); "
                "make room or fix the permissions and run the same command again"
            ) from error

    def remove_unfinished(self) -> None:
        """Removes what a process that was killed while it saved left. Nobody else may be saving."""
        for path in Path(self._manager.directory).glob("ckpt-*_temp"):
            shutil.rmtree(path, ignore_errors=True)
        for path in Path(self._manager.directory).glob("checkpoint.tmp*"):
            path.unlink(missing_ok=True)

    def restore(self, progress: Progress = SILENT) -> bool:
        """Restores the newest state that can be read; False if none was ever saved.

        Args:
            progress: gets a line if a newer state is damaged.

        Raises:
            InputError: states were saved, and none of them can be read or fits.
        """
        problem = ""
        for path in self._saved():
            try:
                self._checkpoint.restore(path).assert_consumed()
            except Exception as error:  # TensorFlow has errors of many kinds for damaged files
                problem = problem or f"{path}: the checkpoint cannot be restored ({_reason(error)})"
                continue
            if problem:
                progress.message(f"{problem}; going on from the one before it, {Path(path).name}")
            return True
        if problem:
            raise InputError(
                f"{problem}, nor can one before it; give another --run, or delete {Path(self._manager.directory).parent} to "
                "train from the start"
            )
        return False

    @property
    def is_there(self) -> bool:
        """Whether any state was saved."""
        return bool(self._saved())

    def _saved(self) -> list[str]:
        """The states' paths, newest first."""
        if self._manager.checkpoints:
            return list(reversed(self._manager.checkpoints))
        # The file that lists them may be damaged too.
        found = [path.with_suffix("") for path in Path(self._manager.directory).glob("ckpt-*.index")]
        return [str(path) for path in sorted(found, key=lambda path: int(path.name.split("-")[1]), reverse=True)]


def _num_bytes(variables) -> int:
    """Of the values of nested variables."""
    return sum(math.prod(each.shape) * each.dtype.size for each in tf.nest.flatten(variables))


def _reason(error: Exception) -> str:
    """What an error says, in one line without the names of graph nodes; its kind if it says nothing."""
    text = re.sub(r"^\{\{.*?\}\} ", "", str(getattr(error, "message", error)).strip())
    return next(iter(text.splitlines()), type(error).__name__)
