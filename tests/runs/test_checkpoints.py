"""What a checkpoint brings back, and what happens where it cannot."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from yt8m.config import TrainingConfig
from yt8m.errors import InputError
from yt8m.models import build_model
from yt8m.progress import Messages
from yt8m.runs.checkpoints import Checkpoints
from yt8m.scoring.cross_entropy import video_losses
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


@pytest.mark.thorough
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


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


DATA, INDEX = "ckpt-2.data-00000-of-00001", "ckpt-2.index"
DAMAGE = {
    "data cut": (DATA, cut),
    "data empty": (DATA, lambda path: path.write_bytes(b"")),
    "data flipped": (DATA, flip),
    "data missing": (DATA, Path.unlink),
    "index cut": (INDEX, cut),
    "index empty": (INDEX, lambda path: path.write_bytes(b"")),
    "index missing": (INDEX, Path.unlink),
}


@pytest.fixture(scope="module")
def two_states(tmp_path_factory):
    """A directory with the states of steps 1 and 2, and the values of the first."""
    directory = tmp_path_factory.mktemp("checkpoints")
    state = State(directory)
    state.train()
    state.checkpoints.save(1)
    values = state.values()
    state.train()
    state.checkpoints.save(2)
    return directory, values


@pytest.fixture
def damaged(two_states, tmp_path):
    """A copy of the two states, to be damaged."""
    return Path(shutil.copytree(two_states[0], tmp_path / "checkpoints"))


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_is_reported_and_the_one_before_restored(two_states, damaged, damage):
    name, harm = DAMAGE[damage]
    harm(damaged / name)
    state, reports = State(damaged), Messages()
    assert state.checkpoints.restore(reports)
    assert_equal(state.values(), two_states[1])
    (report,) = reports.lines
    assert report.startswith(f"{damaged}/ckpt-2: the checkpoint cannot be restored (")
    assert report.endswith("going on from the one before it, ckpt-1")
    assert "\n" not in report


def test_a_run_goes_on_after_a_damaged_state(damaged):
    cut(damaged / DATA)
    state = State(damaged)
    state.checkpoints.restore()
    state.train()
    state.checkpoints.save(2)
    reports, other = Messages(), State(damaged)
    assert other.checkpoints.restore(reports)
    assert_equal(other.values(), state.values())
    assert reports.lines == []


def test_where_all_states_are_damaged_the_message_says_what_to_do(damaged):
    for step in (1, 2):
        cut(damaged / f"ckpt-{step}.data-00000-of-00001")
    with pytest.raises(InputError, match=f"{damaged}/ckpt-2: the checkpoint cannot be restored") as caught:
        State(damaged).checkpoints.restore()
    assert f"give another --run, or delete {damaged.parent} to train from the start" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"\x00?")], ids=["missing", "damaged"])
def test_states_are_found_without_the_file_that_lists_them(damaged, harm):
    harm(damaged / "checkpoint")
    state = State(damaged)
    assert state.checkpoints.restore()
    assert int(state.step) == 2


def test_a_checkpoint_of_another_model_is_named(tmp_path):
    State(tmp_path).checkpoints.save(1)
    model = build_model("logistic", 3, features=("audio",))
    optimizer = Adam([variable.value for variable in model.trainable_variables], TrainingConfig())
    with pytest.raises(InputError, match="cannot be restored"):
        Checkpoints(tmp_path, model, optimizer, {"step": tf.Variable(0, dtype=tf.int64)}, 2).restore()
