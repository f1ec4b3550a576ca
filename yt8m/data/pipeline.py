"""Turns record files into a stream of batches (`yt8m.data.schema`): order, parallelism, shuffling, sharding."""

import itertools
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from yt8m.data.engine.stream import in_pass, prepared, read_stream
from yt8m.data.features import Feature
from yt8m.data.graph.reading import make_parser
from yt8m.data.handover import as_dataset, signature_of
from yt8m.data.opening import open_source
from yt8m.data.options import ALL_FRAMES, AS_STORED, EVERYTHING, Frames, Order, Portion, grouped
from yt8m.data.record_counts import RecordCounts
from yt8m.data.remarks import require_own_layout
from yt8m.data.schema import (
    DEFAULT_MAX_LABELS,
    DEFAULT_NUM_CLASSES,
    Level,
)
from yt8m.data.service.epochs import Epochs, read_epochs
from yt8m.data.source import Source
from yt8m.errors import InputError
from yt8m.values import NonNegativeInt, PositiveInt, Seed, checked

_PREFETCHED_BATCHES = 2


@checked
def make_dataset(
    source: Source,
    batch_size: PositiveInt,
    frames: Frames = ALL_FRAMES,
    order: Order = AS_STORED,
    portion: Portion = EVERYTHING,
    counts: RecordCounts | None = None,
) -> tf.data.Dataset:
    """Makes a stream of batches.

    Args:
        source: the records.
        batch_size: videos, or segments, in a batch.
        frames: which frames and segments of each video to give.
        order: the order of the records, and whether they repeat.
        portion: which records to give. A resumed run goes on where it stopped by `skip_records`. Skipping whole batches does
            not change the frames sampled in the others. A service cannot skip records: it begins a new epoch, and the
            number is part of the seed of its order.
        counts: what is known of the number of records of each file, so that skipped ones need not be read. It learns from the
            stream. None = nothing is known.

    Raises:
        InputError, RecordError: a local file is cut off, there are too few files, or the service cannot be used.
    """
    order, shares = prepared(source, order, portion)
    if portion.service:
        parse = make_parser(source, frames, order.seed)
        return _read_from_service(source, batch_size, parse, order, portion)
    if portion.job_name:
        raise InputError(f"job_name is {portion.job_name!r}, but no service is given, which alone has jobs")
    passes = itertools.count()

    # A hand-over costs as much as a hundred video-level records.
    joined = source.level == "video"

    def stream() -> Iterator:
        now = in_pass(order, next(passes))
        return read_stream(source, batch_size, frames, now, portion, shares, counts, joined=joined)

    signature = signature_of(source, frames, batch_size if order.drop_remainder and not joined else None)
    dataset = as_dataset(stream, signature)
    if joined:
        dataset = dataset.rebatch(batch_size, drop_remainder=order.drop_remainder)
    return dataset.prefetch(_PREFETCHED_BATCHES)


def _read_from_service(
    source: Source, batch_size: int, parse: Callable, order: Order, portion: Portion
) -> tf.data.Dataset:
    """Gets batches that the workers of a service read and parse."""
    require_own_layout(source, "a data service", "read them without --data.service")
    if portion.share.count > 1:
        raise InputError(f"shard is {portion.shard}, but a service shares the records out; give a job_name instead")
    epochs = Epochs(source, parse, batch_size, order.shuffle_buffer if order.shuffle else 0, order.parallel_files)
    seed = (order.seed, portion.skip_records)
    dataset = read_epochs(epochs, portion.service, portion.job_name, seed, order.repeat)
    return dataset.rebatch(batch_size, drop_remainder=order.drop_remainder).prefetch(_PREFETCHED_BATCHES)


@checked(options_of=(Frames, Order, Portion))
def read_records(
    paths: str | Sequence[str],
    batch_size: PositiveInt = 64,
    num_frames: NonNegativeInt | None = None,
    shuffle: bool = False,
    seed: Seed | None = None,
    *,
    level: Level | None = None,
    features: tuple[str | Feature, ...] = (),
    num_classes: PositiveInt = DEFAULT_NUM_CLASSES,
    max_labels: PositiveInt = DEFAULT_MAX_LABELS,
    labels: str = "",
    **options,
) -> tf.data.Dataset:
    """Reads records into batches as in `yt8m.data.schema`, in one pass unless `repeat`.

    Args:
        paths: files, directories (their `*.tfrecord`) or globs; local, gs://, or a scheme of tensorflow-io.
        batch_size: videos, or segments, in a batch. The last batch is smaller unless `drop_remainder`.
        num_frames: frames to sample of every video; None or 0 = all, padded to `max_frames`.
        shuffle: shuffle files and records; otherwise records come in the order of the files.
        seed: seed of shuffling and sampling; None = 0, or random if not `deterministic`.
        level, features, num_classes, max_labels, labels: see `open_source`.
        options: fields of `Frames`, `Order` and `Portion` (`yt8m.data.options`): `sampling` ("random", which draws with
            replacement, or another `yt8m.data.schema.Sampling`), `max_frames` (300), `segments` ("rated" or "all"),
            `shuffle_buffer` (1024 records), `repeat`, `drop_remainder`, `parallel_files` (8), `deterministic` (True), `shard`
            ((index, count): every count-th file, or record), `shard_by` ("auto", "file" or "record"), `skip_records`,
            `service` (address of a tf.data service; its workers read and parse the records, and no seed determines the order;
            docs/scaling.md), `job_name` (processes with the same name share out the records of each epoch, first come,
            first served. They need the same arguments, and a new name at each start of them all. Without a name, each process
            reads all records) and `processes` ("auto": processes make the batches if they are waited for; or how many).

    Raises:
        InputError, RecordError: see `open_source`; a local file is cut off; an argument is unknown or has a bad value. While
            iterating, a damaged record raises TensorFlow's error; iterate inside `record_errors(source)` to learn the file
            and the record.
    """
    source = open_source(
        paths, level=level, features=features, num_classes=num_classes, max_labels=max_labels, labels=labels
    )
    return make_dataset(
        source, batch_size, *grouped({"num_frames": num_frames, "shuffle": shuffle, "seed": seed, **options})
    )
