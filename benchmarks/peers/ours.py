"""Our train step of DBoF at the settings of `model_garden.py`, or of `moe` at those of `starter.py`; prints the same."""

import dataclasses
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from benchmarks.parameters import at_published_size, count_trainable
from benchmarks.peers.timing import time_steps
from benchmarks.sizes import parser_of
from benchmarks.step import random_batch, trainer_without_records
from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.models.frame import DeepBagOfFrames

POOLING = {"average": "mean", "max": "max"}


def _dbof(settings: dict) -> RunConfig:
    model = DeepBagOfFrames(
        num_clusters=settings["clusters"],
        hidden_size=settings["hidden"],
        num_mixtures=settings["mixtures"],
        pooling=POOLING[settings["pooling"]],
        activation="relu",
        l2=1e-5,
    )
    return RunConfig(
        model=model,
        data=DataConfig(num_frames=settings["frames"], features=("rgb", "audio")),
        training=TrainingConfig(learning_rate=1e-4, clip_norm=1.0),
    )


def _configuration(settings: dict) -> RunConfig:
    config = at_published_size("moe") if settings["model"] == "moe" else _dbof(settings)
    precision = settings.get("precision", "float32")
    return dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, num_classes=settings["classes"]),
        training=dataclasses.replace(config.training, batch_size=settings["batch"], precision=precision),
    )


def main(settings: dict) -> dict[str, float]:
    """Times the step; see `model_garden.main`. `settings["model"]` is "dbof" or "moe", the recipe."""
    config = _configuration(settings)
    trainer = trainer_without_records(config)
    repeated = iter(tf.data.Dataset.from_tensors(random_batch(config)).repeat())
    parameters = count_trainable(trainer.model)
    step = lambda: trainer.run_steps(repeated, tf.constant(1))  # noqa: E731
    return time_steps(step, settings["batch"], settings["seconds"], parameters)


if __name__ == "__main__":
    parser = parser_of("benchmarks.peers.ours", __doc__)
    parser.add_argument("settings", type=json.loads, help="a JSON object")
    print(json.dumps(main(parser.parse_args().settings)))
