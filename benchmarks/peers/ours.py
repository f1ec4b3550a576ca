"""Our train step of DBoF, at the settings of `model_garden.py`; prints the same."""

import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from benchmarks.parameters import count_trainable
from benchmarks.sizes import parser_of
from benchmarks.step import trainer_without_records
from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.models.frame import DeepBagOfFrames

POOLING = {"average": "mean", "max": "max"}


def main(settings: dict) -> dict[str, float]:
    """Times the step; see `model_garden.main`."""
    batch, length, classes = settings["batch"], settings["frames"], settings["classes"]
    model = DeepBagOfFrames(
        num_clusters=settings["clusters"],
        hidden_size=settings["hidden"],
        num_mixtures=settings["mixtures"],
        pooling=POOLING[settings["pooling"]],
        activation="relu",
        l2=1e-5,
    )
    config = RunConfig(
        model=model,
        data=DataConfig(num_classes=classes, num_frames=length, features=("rgb", "audio")),
        training=TrainingConfig(batch_size=batch, learning_rate=1e-4, clip_norm=1.0),
    )
    random = np.random.default_rng(0)
    labels = np.sort(random.integers(0, classes, (batch, config.data.max_labels)), axis=1)
    labels[:, 4:] = -1
    videos = {
        "rgb": tf.constant(random.integers(0, 256, (batch, length, 1024)), tf.uint8),
        "audio": tf.constant(random.integers(0, 256, (batch, length, 128)), tf.uint8),
        "num_frames": tf.fill([batch], length),
        "labels": tf.constant(labels, tf.int32),
    }
    trainer = trainer_without_records(config)
    repeated = iter(tf.data.Dataset.from_tensors(videos).repeat())
    trainer.run_steps(repeated, tf.constant(1))
    times, end = [], time.perf_counter() + settings["seconds"]
    while time.perf_counter() < end:
        start = time.perf_counter()
        trainer.run_steps(repeated, tf.constant(1))
        times.append(time.perf_counter() - start)
    count = count_trainable(trainer.model)
    return {"rate": batch / float(np.median(times)), "parameters": count}


if __name__ == "__main__":
    parser = parser_of("benchmarks.peers.ours", __doc__)
    parser.add_argument("settings", type=json.loads, help="a JSON object")
    print(json.dumps(main(parser.parse_args().settings)))
