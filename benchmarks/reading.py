"""Our pipeline beside the raw reading of the same files."""

import time
from collections.abc import Callable

import tensorflow as tf

from benchmarks.sizes import sized
from yt8m.data.opening import open_source
from yt8m.data.options import Frames, Order
from yt8m.data.pipeline import make_dataset

ROUNDS = sized(3, 1)
BATCH_SIZE = 64
PASSES = sized(12, 2)
"""Over the files in one go: a stream's start (tracing, filling the shuffle buffer) takes as long as hundreds of videos, and
a training starts once."""


def _drain(dataset: tf.data.Dataset) -> None:
    """Runs through a dataset inside TensorFlow, so that Python costs nothing."""
    dataset.reduce(tf.constant(0, tf.int64), lambda count, _: count + 1).numpy()


def measure(files: list[str], num_videos: int) -> dict[str, float]:
    """Videos a second, the best of some rounds in which the variants take turns."""
    source = open_source(files)
    order = Order(shuffle=True, shuffle_buffer=64, drop_remainder=True, repeat=True)
    num_batches = PASSES * num_videos // BATCH_SIZE
    variants: dict[str, Callable[[], tf.data.Dataset]] = {
        "raw: TFRecordDataset(files)": lambda: tf.data.TFRecordDataset(files).repeat(PASSES),
        "raw, all cores: TFRecordDataset(files, num_parallel_reads=AUTOTUNE)": lambda: tf.data.TFRecordDataset(
            files, num_parallel_reads=tf.data.AUTOTUNE
        ).repeat(PASSES),
        "pipeline, 300 frames": lambda: make_dataset(source, BATCH_SIZE, order=order).take(num_batches),
        "pipeline, 32 sampled frames": lambda: make_dataset(source, BATCH_SIZE, Frames(num_frames=32), order).take(
            num_batches
        ),
        "pipeline, 300 frames, unshuffled (evaluation)": lambda: make_dataset(
            source, BATCH_SIZE, order=Order(repeat=True)
        ).take(num_batches),
    }
    best = dict.fromkeys(variants, 0.0)
    for _ in range(ROUNDS):
        for name, make in variants.items():
            dataset = make()
            start = time.perf_counter()
            _drain(dataset)
            best[name] = max(best[name], PASSES * num_videos / (time.perf_counter() - start))
    return best
