"""Saves and restores everything that a run needs to go on, under `checkpoints/` of its run directory."""

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
    """The saved parts of an optimizer (`yt8m.training.optimizers.Optimizer`)."""

    averages: Sequence[tf.Tensor]
    """Moving averages of the weights; empty if there are none."""

    @property
    def slots(self) -> Mapping[str, Sequence[tf.Tensor]]:
        """The optimizer's memory of gradients, by name."""


class Checkpoints:
    """The newest few states of a run: weights, optimizer, step, and validation so far.

    A state is first written under a temporary name. The index that names the newest state is replaced last, so a run killed
    while saving goes on from the state before.

    Args:
        directory: directory of the checkpoints.
        model: its weights, running statistics and dropout counters are saved.
        optimizer: its memory of gradients and its averages are saved.
        counters: variables such as the step.
        keep: number of states to keep.

    Attributes:
        num_bytes: bytes of one state, without its index.
        num_weights_bytes: bytes of the weights in one state.
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
        """Saves the state under the number `step`.

        Raises:
            InputError: the directory cannot be written, or the disk is full. Earlier states stay.
        """
        try:
            self._manager.save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            raise InputError(
                f"{self._manager.directory}: the checkpoint of step {step} cannot be written ({_reason(error)}); "
                "make room or fix the permissions and run the same command again"
            ) from error

    def remove_unfinished(self) -> None:
        """Removes the unfinished files of a process killed while saving. No other process may be saving now."""
        for path in Path(self._manager.directory).glob("ckpt-*_temp"):
            shutil.rmtree(path, ignore_errors=True)
        for path in Path(self._manager.directory).glob("checkpoint.tmp*"):
            path.unlink(missing_ok=True)

    def restore(self, progress: Progress = SILENT) -> bool:
        """Restores the newest readable state; returns False if none was ever saved.

        Args:
            progress: gets a line if a newer state is damaged.

        Raises:
            InputError: there are states, but none can be read and fits.
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
        """Paths of the states, newest first."""
        if self._manager.checkpoints:
            return list(reversed(self._manager.checkpoints))
        # The list of states may be damaged too.
        found = [path.with_suffix("") for path in Path(self._manager.directory).glob("ckpt-*.index")]
        return [str(path) for path in sorted(found, key=lambda path: int(path.name.split("-")[1]), reverse=True)]


def _num_bytes(variables) -> int:
    """Bytes of the values of nested variables."""
    return sum(math.prod(each.shape) * each.dtype.size for each in tf.nest.flatten(variables))


def _reason(error: Exception) -> str:
    """An error's message in one line, without names of graph nodes; the error's kind if it has no message."""
    text = re.sub(r"^\{\{.*?\}\} ", "", str(getattr(error, "message", error)).strip())
    return next(iter(text.splitlines()), type(error).__name__)
