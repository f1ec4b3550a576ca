"""What a checkpoint brings back, and what happens where it cannot."""

import numpy as np
import pytest
import tensorflow as tf

from yt8m.config import TrainingConfig
from yt8m.errors import InputError
from yt8m.models import build_model
from yt8m.training.checkpoints import Checkpoints
from yt8m.training.losses import video_losses
from yt8m.training.optimizers import Adam


class State:
    """A small model with dropout and moving statistics, its optimizer with moving averages, and a step."""

    def __init__(self, directory, keep=2):
        self.model = build_model("moe", 3, features=("audio",), dropout=0.5, probability_gating=True)
        self.variables = [variable.value for variable in self.model.trainable_variables]
        self.optimizer = Adam(self.variables, TrainingConfig(learning_rate=0.1, ema_decay=0.9))
        self.step = tf.Variable(0, dtype=tf.int64)
        self.checkpoints = Checkpoints(directory, self.model, self.optimizer, {"step": self.step}, keep)

    def train(self, steps=1) -> float:
        batch = {"mean_audio": np.random.default_rng(0).normal(size=(4, 128)).astype(np.float32)}
        for _ in range(steps):
            with tf.GradientTape() as tape:
                losses = video_losses(self.model(batch, training=True), {"labels": np.array([[0], [1], [2], [-1]])})
                loss = tf.reduce_mean(losses)
            self.optimizer.apply(tape.gradient(loss, self.variables), self.step)
            self.step.assign_add(1)
        return float(loss)

    def values(self):
        slots = self.optimizer.first_moments + self.optimizer.second_moments + self.optimizer.averages
        return [tensor.numpy() for tensor in [*self.model.variables, *slots, self.step]]


def assert_equal(first, second):
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_restored_state_is_the_saved_one_and_goes_on_alike(tmp_path):
    original = State(tmp_path)
    original.train(2)
    original.checkpoints.save(2)
    saved = original.values()
    restored = State(tmp_path)
    assert any(np.any(one != other) for one, other in zip(restored.values(), saved, strict=True))
    assert restored.checkpoints.restore()
    assert_equal(restored.values(), saved)
    assert original.train(2) == restored.train(2)  # with the same dropout
    assert_equal(restored.values(), original.values())


def test_nothing_is_restored_where_nothing_was_saved(tmp_path):
    state = State(tmp_path / "new")
    before = state.values()
    assert not state.checkpoints.restore()
    assert_equal(state.values(), before)


def test_the_newest_of_the_kept_states_is_restored(tmp_path):
    state = State(tmp_path, keep=2)
    for step in (1, 2, 3):
        state.train()
        state.checkpoints.save(step)
    assert {path.stem.split(".")[0] for path in tmp_path.glob("ckpt-*")} == {"ckpt-2", "ckpt-3"}
    other = State(tmp_path)
    other.checkpoints.restore()
    assert int(other.step) == 3


def test_a_place_that_cannot_be_written_is_the_user_s_to_mend(tmp_path):
    (tmp_path / "file").write_text("")
    state = State(tmp_path / "file" / "checkpoints")
    with pytest.raises(InputError, match="the checkpoint of step 7 cannot be written") as caught:
        state.checkpoints.save(7)
    assert str(tmp_path / "file") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_failed_save_leaves_the_states_before(tmp_path, monkeypatch):
    state = State(tmp_path)
    state.train()
    state.checkpoints.save(1)
    saved = state.values()
    state.train()

    def full(*arguments, **keywords):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.train.Checkpoint, "write", full)
    monkeypatch.setattr(tf.train.Checkpoint, "_write", full)
    with pytest.raises(InputError, match="No space left on device"):
        state.checkpoints.save(2)
    monkeypatch.undo()
    other = State(tmp_path)
    assert other.checkpoints.restore()
    assert_equal(other.values(), saved)


def test_a_damaged_checkpoint_is_named(tmp_path):
    state = State(tmp_path)
    state.checkpoints.save(1)
    (index,) = tmp_path.glob("ckpt-1.index")
    index.write_bytes(b"not an index")
    with pytest.raises(InputError, match="ckpt-1: the checkpoint cannot be restored") as caught:
        State(tmp_path).checkpoints.restore()
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_model_is_named(tmp_path):
    State(tmp_path).checkpoints.save(1)
    model = build_model("logistic", 3, features=("audio",))
    optimizer = Adam([variable.value for variable in model.trainable_variables], TrainingConfig())
    with pytest.raises(InputError, match="cannot be restored"):
        Checkpoints(tmp_path, model, optimizer, {"step": tf.Variable(0, dtype=tf.int64)}, 2).restore()
