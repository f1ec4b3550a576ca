"""Everything a run needs to go on, saved under `checkpoints/` of its run directory."""

from pathlib import Path

import keras
import tensorflow as tf

from yt8m.errors import InputError
from yt8m.training.optimizers import Adam


class Checkpoints:
    """The newest few states of a run: weights, optimizer, step, and how validation went so far.

    A state is written under a temporary name and the index that names the newest one is replaced last, so a run killed
    while saving goes on from the state before.

    Args:
        directory: where.
        model: its weights and running statistics, dropout's counters too.
        optimizer: its moments and averages.
        counters: variables such as the step.
        keep: states kept.
    """

    def __init__(
        self, directory: Path, model: keras.Model, optimizer: Adam, counters: dict[str, tf.Variable], keep: int
    ):
        weights = {f"{index:04d}": variable.value for index, variable in enumerate(model.variables)}
        checkpoint = tf.train.Checkpoint(
            weights=weights,
            first_moments=optimizer.first_moments,
            second_moments=optimizer.second_moments,
            averages=optimizer.averages,
            **counters,
        )
        self._checkpoint = checkpoint
        self._manager = tf.train.CheckpointManager(checkpoint, str(directory), max_to_keep=keep)

    def save(self, step: int) -> None:
        """Saves the state as that of `step`.

        Raises:
            InputError: the directory cannot be written, or the disk is full. States saved before are kept.
        """
        try:
            self._manager.save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            reason = str(getattr(error, "message", error)).splitlines()[0]
            raise InputError(
                f"{self._manager.directory}: the checkpoint of step {step} cannot be written ({reason}); "
                "make room or fix the permissions and run the same command again"
            ) from error

    def restore(self) -> bool:
        """Restores the newest state, if there is one."""
        newest = self._manager.latest_checkpoint
        if newest is None:
            return False
        try:
            self._checkpoint.restore(newest).assert_consumed()
        except (tf.errors.OpError, AssertionError, ValueError) as error:
            raise InputError(
                f"{newest}: the checkpoint cannot be restored ({str(error).splitlines()[0]}); delete its files to go on "
                "from the one before, or start in another --run directory"
            ) from error
        return True
