"""Record files to a stream of batches (`yt8m.data.schema`): order, parallelism, shuffling, sharding."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import tensorflow as tf

from yt8m.data import locating, parsing, remarks
from yt8m.data.endings import broken_end
from yt8m.data.identity import local_ids
from yt8m.data.reading import Source, batches, interleaved, make_parser, of_fold
from yt8m.data.refusals import error_message
from yt8m.data.repeats import RepeatError
from yt8m.data.schema import (
    DEFAULT_MAX_FRAMES,
    DEFAULT_MAX_LABELS,
    DEFAULT_NUM_CLASSES,
    FEATURE_SIZES,
    Feature,
    Level,
    Sampling,
)
from yt8m.data.segments import rest_of_segments, skip_segments, with_rated_segments
from yt8m.data.service.epochs import Epochs, read_epochs
from yt8m.data.sources import describe_error, expand_paths, scheme
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


class Remedies(NamedTuple):
    """What a command can do about records that hold more than it has room for, as clauses."""

    classes: str
    labels: str

    def add_to(self, error: RecordError) -> RecordError:
        """The error with what to do about it, if it is of that kind."""
        if re.search(r"(those of 2017 need|this one needs) \d+( or more)?$", error.reason):
            return RecordError(error.path, error.record, f"{error.reason}; {self.classes}")
        if re.search(r" labels, more than \d+$", error.reason):
            return RecordError(error.path, error.record, f"{error.reason}; {self.labels}")
        return error


OF_TRAINING = Remedies("raise --data.num-classes", "raise --data.max-labels")
_OF_A_RUN = Remedies(
    "another run is needed, trained with that --data.num-classes",
    "another run is needed, trained with a higher --data.max-labels",
)


@contextlib.contextmanager
def record_errors(source: Source, remedies: Remedies = _OF_A_RUN) -> Iterator[None]:
    """Turns TensorFlow's errors while reading, and a `RepeatError`, into a `RecordError` that names the file and the record.

    TensorFlow says what is wrong but not where, so the files are searched for the culprit; this costs time only once
    something is wrong.

    Args:
        source: what is read.
        remedies: of the command; those of one that works with a trained run, if it has none of its own.
    """
    try:
        yield
    except RepeatError as error:
        raise locating.locate_repeat(source.files, error) from error
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, UnicodeDecodeError) as error:
        offset = re.search(r"record at (\d+)", error_message(error))
        byte_offset = int(offset.group(1)) if offset else None
        found = locating.locate(source.files, source.expectations, byte_offset)
        if found:
            raise remedies.add_to(found) from error
        raise
    except (tf.errors.NotFoundError, tf.errors.PermissionDeniedError, tf.errors.UnavailableError) as error:
        if "Collective" in str(error):  # another worker is gone
            raise
        raise InputError(f"reading {source.files[0]} ...: {describe_error(error)}") from error
    except (tf.errors.InternalError, tf.errors.FailedPreconditionError, tf.errors.UnknownError) as error:
        if not any(map(scheme, source.files)) or not re.search(r"HTTP|Unable to perform|libcurl", str(error)):
            raise
        raise InputError(f"reading {source.files[0]} ...: {describe_error(error)}") from error


def refuse_broken_ends(source: Source, *, can_skip: bool = False) -> None:
    """Finds what a broken download leaves before the work starts: empty files, and files that are cut off.

    Some of it TensorFlow would not report at all (`yt8m.data.endings`). Files behind a network are not looked at.

    Args:
        source: what will be read.
        can_skip: whether the command has `--data.on-corrupt`, which is then named.
    """
    for path in source.files:
        if scheme(path):
            continue
        with contextlib.suppress(OSError):  # TensorFlow says what cannot be read
            broken = broken_end(path)
            if broken:
                error = broken.as_error(path)
                how = " with --data.on-corrupt skip" if can_skip else ""
                raise RecordError(path, error.record, f"{error.reason}; fetch it again, or leave it out{how}")


def read_serialized(
    source: Source, shuffle_files: bool, seed: int, parallel_files: int, deterministic: bool, shard: tuple[int, int]
) -> tf.data.Dataset:
    """One pass over the serialized records of this shard of the files, string []; `read_records` describes the arguments."""
    index, count = shard
    files = tf.data.Dataset.from_tensor_slices(list(source.files)).shard(count, index)
    if shuffle_files:
        files = files.shuffle(len(source.files), seed=seed, reshuffle_each_iteration=True)
    records = interleaved(
        files,
        source,
        # Without shuffling, records come file after file: the order users see in a submission.
        cycle_length=min(parallel_files, len(source.files)) if shuffle_files else 1,
        num_parallel_calls=tf.data.AUTOTUNE if shuffle_files else None,
        deterministic=deterministic if shuffle_files else None,
    )
    return of_fold(records, source)


def _shards_records(source: Source, count: int, shard_by: str) -> bool:
    """Whether the workers share out records, not files."""
    if shard_by == "file" and count > len(source.files):
        raise InputError(
            f"--data.shard file: {source.files[0]} ... are {quantity(len(source.files), 'file')} for {count} workers; "
            "write more files or share out records"
        )
    return count > 1 and (shard_by == "record" or count > len(source.files))


def _every(dataset: tf.data.Dataset, shard: tuple[int, int]) -> tf.data.Dataset:
    """Every count-th element, from the index-th on; all of them for one of one."""
    index, count = shard
    return dataset if count == 1 else dataset.shard(count, index)


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
    *,
    num_frames: NonNegativeInt | None = None,
    sampling: Sampling = "random",
    max_frames: PositiveInt = DEFAULT_MAX_FRAMES,
    segments: Literal["rated", "all"] = "rated",
    shuffle: bool = False,
    shuffle_buffer: PositiveInt = 1024,
    seed: Seed | None = None,
    repeat: bool = False,
    drop_remainder: bool = False,
    parallel_files: PositiveInt = 8,
    deterministic: bool = True,
    shard: tuple[NonNegativeInt, PositiveInt] = (0, 1),
    shard_by: Literal["auto", "file", "record"] = "auto",
    skip_records: NonNegativeInt = 0,
    service: str = "",
    job_name: str = "",
) -> tf.data.Dataset:
    """A stream of batches; `read_records` describes the arguments.

    `skip_records` leaves out that many videos, or segments, of this shard's shuffled, repeated stream before they are parsed,
    which is how a resumed run goes on where it stopped. Whole batches left out leave the frames sampled in the others as they
    were. A service cannot leave any out: it begins an epoch, in an order that this number has a part in.
    """
    index, count = shard
    if index >= count:
        raise InputError(f"shard is {shard}; the index of the first of {count} is 0, of the last {count - 1}")
    by_record = _shards_records(source, count, shard_by)
    files_of, every = ((0, 1), shard) if by_record else (shard, (0, 1))
    # Every process must see the same order, or its every count-th record is also another's.
    deterministic = deterministic or by_record
    if seed is None:
        seed = 0 if deterministic or shard[1] > 1 else int(tf.random.uniform([], maxval=2**31 - 1, dtype=tf.int32))
    refuse_broken_ends(source)
    parse = make_parser(source, num_frames, sampling, max_frames, segments, seed, every)
    if service:
        if count > 1:
            raise InputError(f"shard is {shard}, but a service shares the records out; give a job_name instead")
        epochs = Epochs(source, parse, batch_size, shuffle_buffer if shuffle else 0, parallel_files)
        dataset = read_epochs(epochs, service, job_name, (seed, skip_records), repeat)
        return dataset.rebatch(batch_size, drop_remainder=drop_remainder).prefetch(_PREFETCHED_BATCHES)
    if job_name:
        raise InputError(f"job_name is {job_name!r}, but no service is given, which alone has jobs")
    dataset = read_serialized(source, shuffle, seed, parallel_files, deterministic, files_of)
    if shuffle:
        dataset = dataset.shuffle(shuffle_buffer, seed=seed, reshuffle_each_iteration=True)
    if source.level != "segment":
        if repeat:
            dataset = dataset.repeat()
        dataset = _every(dataset.skip(skip_records * every[1]), every)
    elif repeat and segments == "rated":
        dataset = with_rated_segments(dataset).repeat()  # which ends if no record has a segment
        dataset = skip_segments(dataset, skip_records * every[1])
        dataset = dataset.map(rest_of_segments(parse), num_parallel_calls=tf.data.AUTOTUNE).unbatch()
        dataset = _every(dataset, every)
    else:
        dataset = _every(dataset, every).map(parse, num_parallel_calls=tf.data.AUTOTUNE).unbatch()
        if repeat:
            dataset = dataset.repeat()
        dataset = dataset.skip(skip_records)  # how many records they are in is not known
    dataset = batches(
        dataset,
        source,
        parse,
        lambda serialized: serialized.enumerate(skip_records // batch_size),
        batch_size,
        drop_remainder,
    )
    options = tf.data.Options()
    options.deterministic = deterministic or not shuffle  # also where batches are parsed side by side
    return dataset.prefetch(_PREFETCHED_BATCHES).with_options(options)


@checked(options_of=make_dataset)
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
    return make_dataset(source, batch_size, num_frames=num_frames, shuffle=shuffle, seed=seed, **options)
