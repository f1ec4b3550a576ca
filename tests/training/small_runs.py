"""Tiny training runs on the sample data set, and ways to look at what they left."""

import gc
from pathlib import Path

import numpy as np
import tensorflow as tf

from yt8m import runs
from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.models import ARCHITECTURES, make_architecture
from yt8m.progress import Progress

GATED = {"dropout": 0.3, "probability_gating": True}
"""For `moe`: randomness in every step, and moving statistics."""


def configure(run, sample, model="logistic", hyperparameters=None, data=None, validate=False, **training) -> RunConfig:
    """A run of six steps of eight videos on the audio, the smaller feature, that logs every step."""
    level = ARCHITECTURES[model].level
    splits = ("train", "validate") if validate else ("train",)
    paths = {split: (str(Path(sample) / "2" / level / split),) for split in splits}
    data = {"num_classes": 12, "features": ("audio",), "shuffle_buffer": 16, **paths} | (data or {})
    defaults = {"num_steps": 6, "batch_size": 8, "learning_rate": 0.03}
    defaults |= {"log_every_steps": 1, "validate_every_steps": 0}
    return RunConfig(
        run=str(run),
        model=make_architecture(model, **(hyperparameters or {})),
        data=DataConfig(**data),
        training=TrainingConfig(**defaults | training),
    )


class Watcher(Progress):
    """Keeps what it is told; asked whether to stop, it says yes once `stop_after` steps were done."""

    def __init__(self, stop_after: int | None = None):
        self.stop_after, self.step, self.first_step = stop_after, 0, None
        self.messages, self.validations, self.rates = [], [], {}

    def training_started(self, config, step):
        self.first_step = step

    def steps_done(self, step, loss, videos_per_second):
        self.step = step
        self.rates[step] = videos_per_second

    def validated(self, step, metrics, is_best):
        self.validations.append((step, metrics["gap"], is_best))

    def message(self, text):
        self.messages.append(text)

    def stop_requested(self) -> bool:
        return self.stop_after is not None and self.step >= self.stop_after


def rows(run, kind: str) -> list[dict]:
    """The lines of a kind of a run's metrics.jsonl."""
    return [row for row in runs.read_metrics(runs.RunDirectory(Path(run))) if row["kind"] == kind]


def losses(run) -> list[float]:
    """The training losses, by line."""
    return [row["loss"] for row in rows(run, "train")]


def saved_state(run) -> dict[str, np.ndarray]:
    """All tensors of a run's newest checkpoint: weights, statistics, moments, averages, counters."""
    newest = tf.train.latest_checkpoint(str(runs.RunDirectory(Path(run)).checkpoints))
    reader = tf.train.load_checkpoint(newest)
    names = set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    # How often a run was saved is no part of where it stands.
    return {name: reader.get_tensor(name) for name in names if not name.startswith("save_counter")}


def assert_same_state(first, second) -> None:
    """Bit for bit."""
    first, second = saved_state(first), saved_state(second)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def graphs_that_hold_weights() -> list[tf.Graph]:
    """Graphs of functions that captured a variable."""
    for _ in range(2):  # the first one lets go of the models, the second one of what these owned
        gc.collect()
    graphs = [each for each in gc.get_objects() if isinstance(each, tf.Graph) and hasattr(each, "captures")]
    return [each for each in graphs if any(outer.dtype == tf.resource for outer, _ in each.captures)]
