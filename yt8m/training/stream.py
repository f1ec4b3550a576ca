"""The batches that a run trains on."""

import tensorflow as tf

from yt8m.config import RunConfig
from yt8m.data import pipeline
from yt8m.data.options import Frames, Order, Portion
from yt8m.data.pipeline import Source
from yt8m.data.schema import WHOLE, Share


def training_frames(config: RunConfig) -> Frames:
    """The frames of each video that training is shown."""
    data = config.data
    return Frames(num_frames=data.num_frames or None, sampling=data.sampling, max_frames=data.max_frames)


def training_order(config: RunConfig, repeat: bool = True) -> Order:
    """The order that training has the records in.

    Args:
        config: complete.
        repeat: go through the records again and again, or once.
    """
    data = config.data
    return Order(
        shuffle=True,
        shuffle_buffer=data.shuffle_buffer,
        seed=config.training.seed,
        repeat=repeat,
        drop_remainder=True,
        parallel_files=data.parallel_files,
        deterministic=data.deterministic,
    )


def training_batches(
    config: RunConfig,
    source: Source,
    size: int,
    *,
    shard: Share = WHOLE,
    steps_done: int = 0,
    repeat: bool = True,
    service: str = "",
    job_name: str = "",
) -> tf.data.Dataset:
    """Shuffled batches of the training records with the frames that training samples; all of them are full.

    Args:
        config: complete.
        source: the training records.
        size: videos, or segments, a batch.
        shard: of the records.
        steps_done: batches left out at the start.
        repeat: go through the records again and again, or once.
        service: the address of a data service that reads the records; none = this process.
        job_name: of the service's.
    """
    portion = Portion(
        shard=shard, shard_by=config.data.shard, skip_records=steps_done * size, service=service, job_name=job_name
    )
    return pipeline.make_dataset(source, size, training_frames(config), training_order(config, repeat), portion)
