"""Record files to a stream of batches (`yt8m.data.schema`): order, parallelism, shuffling, sharding."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from yt8m.data import parsing, remarks
from yt8m.data.failures import refuse_broken_ends
from yt8m.data.identity import local_ids
from yt8m.data.options import ALL_FRAMES, AS_STORED, EVERYTHING, Frames, Order, Portion, grouped
from yt8m.data.reading import Source, batches, interleaved, make_parser, of_fold
from yt8m.data.schema import (
    DEFAULT_MAX_LABELS,
    DEFAULT_NUM_CLASSES,
    FEATURE_SIZES,
    WHOLE,
    Feature,
    Level,
    Share,
)
from yt8m.data.segments import rest_of_segments, skip_segments, with_rated_segments
from yt8m.data.service.epochs import Epochs, read_epochs
from yt8m.data.sources import expand_paths, scheme
from yt8m.data.survey import Survey, survey
from yt8m.errors import InputError, RecordError, quantity
from yt8m.progress import SILENT, Progress
from yt8m.values import NonNegativeInt, PositiveInt, Seed, checked

_PREFETCHED_BATCHES = 2


@checked
def open_source(
    paths: str | Sequence[str],
    *,
    level: Level | None = None,
    features: tuple[Feature, ...] = (),
    num_classes: PositiveInt = DEFAULT_NUM_CLASSES,
    max_labels: PositiveInt = DEFAULT_MAX_LABELS,
    labels_for: str = "",
    progress: Progress = SILENT,
) -> Source:
    """Finds the files and what they hold.

    Args:
        paths: files, directories or globs.
        level: what the caller can use; None takes what the files hold. `frame` and `segment` read the same files:
            frame-level records can be cut into segments, and segment-level records be read as whole videos.
        features: what the caller needs; none named takes what any record looked at has (`yt8m.data.survey`). One that a
            record lacks is filled with zeros.
        num_classes: labels must be below it.
        max_labels: the most labels a video may have.
        labels_for: what labels are needed for, `a score` say; none = they are not.
        progress: gets a line on records without labels, if they are needed.

    Raises:
        InputError, RecordError: nothing matches, a file cannot be read or is of the wrong level, has none of `features`, or
            lacks the labels that are needed.
    """
    found = survey(expand_paths(paths))
    source = source_of(found, level, features, num_classes, max_labels)
    if labels_for:
        remarks.require_labels(found, source.level, labels_for, progress)
    return source


def source_of(
    found: Survey,
    level: Level | None = None,
    features: Sequence[Feature] = (),
    num_classes: int = DEFAULT_NUM_CLASSES,
    max_labels: int = DEFAULT_MAX_LABELS,
) -> Source:
    """The files of a survey as a source; `open_source` has the arguments."""
    level = level or found.level
    if (level == "video") != (found.level == "video"):
        raise RecordError(found.files[0], 0, f"is a {found.level}-level record, {level}-level was expected")
    features = tuple(features) or found.features or tuple(FEATURE_SIZES)
    if found.features and not set(features) & set(found.features):
        raise RecordError(found.files[0], 0, f"has {', '.join(found.features)} but not {', '.join(features)}")
    return Source(found.files, level, features, num_classes, max_labels)


def read_serialized(source: Source, order: Order, share: Share = WHOLE) -> tf.data.Dataset:
    """One pass over the serialized records of a share of the files, string [].

    Args:
        source: the files.
        order: its shuffle is that of the files alone; a seed is given.
        share: of the files.
    """
    files = tf.data.Dataset.from_tensor_slices(list(source.files)).shard(share.count, share.index)
    if order.shuffle:
        files = files.shuffle(len(source.files), seed=order.seed, reshuffle_each_iteration=True)
    records = interleaved(
        files,
        source,
        # Without shuffling, records come file after file: the order users see in a submission.
        cycle_length=min(order.parallel_files, len(source.files)) if order.shuffle else 1,
        num_parallel_calls=tf.data.AUTOTUNE if order.shuffle else None,
        deterministic=order.deterministic if order.shuffle else None,
    )
    return of_fold(records, source)


class _Shares(NamedTuple):
    """What a process reads: a share of the files, or of all records; the other one is the whole."""

    files: Share
    records: Share


def _share_out(source: Source, portion: Portion) -> _Shares:
    """By file, or by record. Raises InputError if there are too few files for what was asked for."""
    share = portion.share
    if portion.shard_by == "file" and share.count > len(source.files):
        raise InputError(
            f"--data.shard file: {source.files[0]} ... are {quantity(len(source.files), 'file')} for {share.count} workers; "
            "write more files or share out records"
        )
    by_record = share.count > 1 and (portion.shard_by == "record" or share.count > len(source.files))
    return _Shares(WHOLE, share) if by_record else _Shares(share, WHOLE)


def _settled(order: Order, shares: _Shares) -> Order:
    """The order with a seed."""
    # Every process must see the same order, or its every count-th record is also another's.
    deterministic = order.deterministic or shares.records.count > 1
    seed = order.seed
    if seed is None:
        is_same = deterministic or shares.files.count > 1
        seed = 0 if is_same else int(tf.random.uniform([], maxval=2**31 - 1, dtype=tf.int32))
    return dataclasses.replace(order, deterministic=deterministic, seed=seed)


def _every(dataset: tf.data.Dataset, share: Share) -> tf.data.Dataset:
    """A share of the elements."""
    return dataset if share.count == 1 else dataset.shard(share.count, share.index)


def read_ids(files: Sequence[str]) -> list[bytes]:
    """The ids of all records, in their order; nothing else of them is looked at, nor read from a local disk.

    Raises:
        RecordError: a local file is damaged. Of others TensorFlow's error is raised, as by `make_dataset`.
    """
    ids: list[bytes] = []
    for path in files:
        own = None if scheme(path) else local_ids(path)
        ids += _parsed_ids(path) if own is None else own
    return ids


def _parsed_ids(path: str) -> list[bytes]:
    ids: list[bytes] = []
    for batch in tf.data.TFRecordDataset(path).batch(64):
        parsed = tf.io.parse_sequence_example(batch, parsing.id_features())[0]
        ids += parsing.identifier(parsed).numpy().tolist()
    return ids


@checked
def make_dataset(
    source: Source,
    batch_size: PositiveInt,
    frames: Frames = ALL_FRAMES,
    order: Order = AS_STORED,
    portion: Portion = EVERYTHING,
) -> tf.data.Dataset:
    """A stream of batches.

    Args:
        source: the records.
        batch_size: videos, or segments, a batch.
        frames: what is shown of each video.
        order: in which order the records come, and how often.
        portion: which of them. Its `skip_records` is how a resumed run goes on where it stopped. Whole batches left out leave
            the frames sampled in the others as they were. A service cannot leave any out: it begins an epoch, in an order that
            this number has a part in.

    Raises:
        InputError, RecordError: a local file is cut off, there are too few files, the service cannot be used.
    """
    shares = _share_out(source, portion)
    order = _settled(order, shares)
    refuse_broken_ends(source)
    parse = make_parser(source, frames, order.seed, shares.records)
    if portion.service:
        return _read_from_service(source, batch_size, parse, order, portion)
    if portion.job_name:
        raise InputError(f"job_name is {portion.job_name!r}, but no service is given, which alone has jobs")
    dataset = read_serialized(source, order, shares.files)
    if order.shuffle:
        dataset = dataset.shuffle(order.shuffle_buffer, seed=order.seed, reshuffle_each_iteration=True)
    if source.level == "segment":
        only_rated = frames.segments == "rated"
        dataset = _segments(dataset, parse, only_rated, order.repeat, portion.skip_records, shares.records)
    else:
        dataset = dataset.repeat() if order.repeat else dataset
        dataset = _every(dataset.skip(portion.skip_records * shares.records.count), shares.records)
    dataset = batches(
        dataset,
        source,
        parse,
        lambda serialized: serialized.enumerate(portion.skip_records // batch_size),
        batch_size,
        order.drop_remainder,
    )
    options = tf.data.Options()
    options.deterministic = order.deterministic or not order.shuffle  # also where batches are parsed side by side
    return dataset.prefetch(_PREFETCHED_BATCHES).with_options(options)


def _read_from_service(
    source: Source, batch_size: int, parse: Callable, order: Order, portion: Portion
) -> tf.data.Dataset:
    """Batches that the workers of a service read and parse."""
    if portion.share.count > 1:
        raise InputError(f"shard is {portion.shard}, but a service shares the records out; give a job_name instead")
    epochs = Epochs(source, parse, batch_size, order.shuffle_buffer if order.shuffle else 0, order.parallel_files)
    seed = (order.seed, portion.skip_records)
    dataset = read_epochs(epochs, portion.service, portion.job_name, seed, order.repeat)
    return dataset.rebatch(batch_size, drop_remainder=order.drop_remainder).prefetch(_PREFETCHED_BATCHES)


def _segments(
    records: tf.data.Dataset, parse: Callable, only_rated: bool, repeat: bool, skipped: int, share: Share
) -> tf.data.Dataset:
    """The parsed segments of serialized records, once or for ever, less the first ones of the share."""
    if repeat and only_rated:
        records = with_rated_segments(records).repeat()  # which ends if no record has a segment
        records = skip_segments(records, skipped * share.count)
        segments = records.map(rest_of_segments(parse), num_parallel_calls=tf.data.AUTOTUNE).unbatch()
        return _every(segments, share)
    segments = _every(records, share).map(parse, num_parallel_calls=tf.data.AUTOTUNE).unbatch()
    if repeat:
        segments = segments.repeat()
    return segments.skip(skipped)  # how many records they are in is not known


@checked(options_of=(Frames, Order, Portion))
def read_records(
    paths: str | Sequence[str],
    batch_size: PositiveInt = 64,
    num_frames: NonNegativeInt | None = None,
    shuffle: bool = False,
    seed: Seed | None = None,
    *,
    level: Level | None = None,
    features: tuple[Feature, ...] = (),
    num_classes: PositiveInt = DEFAULT_NUM_CLASSES,
    max_labels: PositiveInt = DEFAULT_MAX_LABELS,
    **options,
) -> tf.data.Dataset:
    """Batches of the contract in `yt8m.data.schema`, one pass over the records.

    Args:
        paths: files, directories (their `*.tfrecord`) or globs; local, gs://, or a scheme of tensorflow-io.
        batch_size: videos, or segments, a batch; the last batch is smaller unless `drop_remainder`.
        num_frames: frames sampled of every video; None or 0 = all, padded to `max_frames`.
        shuffle: shuffle files and records; otherwise they come in the order of the files.
        seed: of the shuffling and sampling; None = 0, or random if not `deterministic`.
        level, features, num_classes, max_labels: see `open_source`.
        options: `sampling` ("random", which is with replacement, or another of `yt8m.data.schema.Sampling`), `max_frames`
            (300), `segments` ("rated" or "all"), `shuffle_buffer` (1024 records), `repeat`, `drop_remainder`,
            `parallel_files` (8), `deterministic` (True), `shard` ((index, count): every count-th file, or record),
            `shard_by` ("auto": by file, or by record where there are fewer files; "file"; "record", which together give the
            batches that one reader of batches of all of them would), `skip_records`, `service` (the address of a tf.data
            service, whose workers read and parse the records, in an order that no seed determines; docs/scaling.md) and
            `job_name` (processes that give the same one share the records of each epoch out among them, whoever asks next;
            new at each start of them all, and of the same arguments; without one, each reads all).

    Raises:
        InputError, RecordError: as `open_source`; a local file is cut off; an argument is unknown or cannot have its value.
            While iterating, a damaged record raises TensorFlow's error; iterate inside `record_errors(source)` to learn
            the file and the record.
    """
    source = open_source(paths, level=level, features=features, num_classes=num_classes, max_labels=max_labels)
    return make_dataset(
        source, batch_size, *grouped({"num_frames": num_frames, "shuffle": shuffle, "seed": seed, **options})
    )
