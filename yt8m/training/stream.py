"""Makes the batches that a run trains on."""

import dataclasses

import tensorflow as tf

from yt8m.config import RunConfig
from yt8m.data import pipeline
from yt8m.data.engine.stream import prepared
from yt8m.data.handover import signature_of
from yt8m.data.options import Frames, Order, Portion
from yt8m.data.record_counts import RecordCounts
from yt8m.data.schema import WHOLE, Share
from yt8m.data.source import Source


def training_frames(config: RunConfig) -> Frames:
    """Returns which frames of each video training reads."""
    data = config.data
    return Frames(num_frames=data.num_frames or None, sampling=data.sampling, max_frames=data.max_frames)


def training_order(config: RunConfig, repeat: bool = True) -> Order:
    """Returns the order in which training reads the records.

    Args:
        config: the complete configuration.
        repeat: whether to repeat the records for ever; if not, one pass.
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


def training_signature(config: RunConfig, source: Source, size: int) -> dict[str, tf.TensorSpec]:
    """Returns the types and shapes of the batches of `training_batches` without making a stream. Raises as that does."""
    prepared(source, training_order(config), Portion(shard_by=config.data.shard))
    return signature_of(source, training_frames(config), size)


def one_pass(config: RunConfig, source: Source, size: int, shard: Share) -> tf.data.Dataset:
    """Returns all training records once, shuffled, with the frames that training samples; the last batch may be smaller."""
    order = dataclasses.replace(training_order(config, repeat=False), drop_remainder=False)
    portion = Portion(shard=shard, processes=config.data.processes)
    return pipeline.make_dataset(source, size, training_frames(config), order, portion)


def training_batches(
    config: RunConfig,
    source: Source,
    size: int,
    *,
    shard: Share = WHOLE,
    steps_done: int = 0,
    repeat: bool = True,
    job_name: str | None = None,
    counts: RecordCounts | None = None,
) -> tf.data.Dataset:
    """Returns shuffled, full batches of the training records, with the frames that training samples.

    Args:
        config: the complete configuration.
        source: the training records.
        size: number of videos, or segments, in a batch.
        shard: the part of the records to read.
        steps_done: number of batches to leave out at the start.
        repeat: whether to repeat the records for ever; if not, one pass.
        job_name: the name of the job of the run's data service, which then reads the records; empty = a job for this process
            alone. None = this process reads them.
        counts: what is known of the number of records of each file, and learns from the stream.
    """
    portion = Portion(
        shard=shard,
        shard_by=config.data.shard,
        skip_records=steps_done * size,
        service="" if job_name is None else config.data.service,
        job_name=job_name or "",
        processes=config.data.processes,
    )
    return pipeline.make_dataset(source, size, training_frames(config), training_order(config, repeat), portion, counts)
