"""How long a train step of a recipe takes at its own size, on random videos: `python -m benchmarks.step RECIPE`.

Prints one JSON object. In a process of its own, for its peak memory.
"""

import dataclasses
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from benchmarks.parameters import at_published_size, count_trainable
from benchmarks.sizes import parser_of, sized
from benchmarks.turns import peak_megabytes
from yt8m.config import RunConfig
from yt8m.data.features import DEFAULT_FEATURES
from yt8m.data.schema import DEFAULT_MAX_LABELS, LABEL_PADDING
from yt8m.data.source import Source
from yt8m.distribution.strategies import open_devices
from yt8m.training.trainer import Trainer

STEPS, ENOUGH = sized(3, 1), 10.0
"""Steps timed, unless so many seconds are over."""
NUM_RECORDS = 9_000
"""Videos of an epoch, for schedules that end with the last one."""
LABELS = 3
"""Of a video; the real ones have 3.0 on average."""


def random_batch(config: RunConfig) -> dict[str, tf.Tensor]:
    """Random videos of a recipe's size, with labels."""
    random, size = np.random.default_rng(0), config.training.batch_size
    labels = np.full((size, DEFAULT_MAX_LABELS), LABEL_PADDING, np.int32)
    labels[:, :LABELS] = np.arange(size)[:, None] + np.arange(LABELS)
    batch = {"labels": labels}
    if config.model.level == "video":
        for feature in DEFAULT_FEATURES:
            batch[feature.video_name] = random.normal(size=(size, feature.size)).astype(np.float32)
    else:
        length = config.data.num_frames or config.data.max_frames
        batch["num_frames"] = np.full(size, length, np.int32)
        for feature in DEFAULT_FEATURES:
            batch[feature.name] = random.integers(0, 256, (size, length, feature.size), np.uint8)
    return {key: tf.constant(value) for key, value in batch.items()}


def trainer_without_records(config: RunConfig) -> Trainer:
    """A trainer that is fed by hand, of a configuration that names its features."""
    data, training = config.data, config.training.counted(NUM_RECORDS)
    config = dataclasses.replace(config, training=training)
    return Trainer(config, open_devices(), Source((), config.model.level, data.features, data.num_classes))


def measure(recipe: str) -> dict[str, float]:
    """Seconds of a step (the median), gigabytes, millions of parameters."""
    config = at_published_size(recipe)
    trainer = trainer_without_records(config)
    repeated = iter(tf.data.Dataset.from_tensors(random_batch(config)).repeat())
    trainer.run_steps(repeated, tf.constant(1))
    seconds = []
    while len(seconds) < STEPS and sum(seconds) < ENOUGH:
        start = time.perf_counter()
        trainer.run_steps(repeated, tf.constant(1))
        seconds.append(time.perf_counter() - start)
    parameters = count_trainable(trainer.model)
    return {
        "seconds": float(np.median(seconds)),
        "memory": peak_megabytes() / 1000,
        "parameters": parameters / 1e6,
        "batch": config.training.batch_size,
        "frames": 0 if config.model.level == "video" else config.data.num_frames or config.data.max_frames,
    }


if __name__ == "__main__":
    parser = parser_of("benchmarks.step", __doc__)
    parser.add_argument("recipe")
    print(json.dumps(measure(parser.parse_args().recipe)))
