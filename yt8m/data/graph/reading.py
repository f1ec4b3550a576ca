"""The steps of a stream: from files to serialized records, to parsed batches. `yt8m.data.pipeline` joins them."""

import contextlib
import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from yt8m.data.access import web
from yt8m.data.access.compression import plain_name
from yt8m.data.access.contents import stored_compression
from yt8m.data.folds import index_version, named_videos
from yt8m.data.graph import parsing
from yt8m.data.graph.segments import segment_parser
from yt8m.data.options import Frames
from yt8m.data.schema import CONTEXT_PREFIX, Fold, IndexedFold
from yt8m.data.source import Source
from yt8m.data.sources import load_tensorflow_io, scheme

_LARGE_RECORDS_BUFFER = 0
_SMALL_RECORDS_BUFFER = 1 << 20
"""Bytes to read ahead. Records of 5 kB, and records behind a network, are cheaper in large reads.

A local frame-level record (250 kB) is read straight into its string, which saves a copy."""


def interleaved(files: tf.data.Dataset, source: Source, **interleaving) -> tf.data.Dataset:
    """Reads files, string [], into serialized records, string [].

    Args:
        files: some of the source's files.
        source: describes the records.
        interleaving: arguments of `tf.data.Dataset.interleave`: how many files at a time, and in what order.
    """
    local_and_large = source.level != "video" and not any(scheme(path) for path in source.files)
    buffer_size = _LARGE_RECORDS_BUFFER if local_and_large else _SMALL_RECORDS_BUFFER
    compression_type = _compression_types(source.files)
    return files.interleave(
        lambda path: tf.data.TFRecordDataset(path, compression_type(path), buffer_size), **interleaving
    )


def compression_type(path: str) -> str:
    """What TensorFlow must be told to read a file: `GZIP`, `ZLIB`, or empty.

    The first bytes tell; behind a network, where they cost a request, only the name. Refuses files that TensorFlow cannot
    read at all, although others can (`yt8m.data.access.web.require_parts`).
    """
    if web.is_web(path):
        load_tensorflow_io()
        web.require_parts(path)
    if scheme(path):
        ending = path.removeprefix(plain_name(path))
        return "ZLIB" if ending == ".zlib" else "GZIP" if ending else ""
    with contextlib.suppress(OSError):  # TensorFlow reports unreadable files
        return (stored_compression(path) or "").upper()
    return ""


def _compression_types(files: Sequence[str]) -> Callable[[tf.Tensor], tf.Tensor | str]:
    """Makes the function that gives the `compression_type` of one of the files, string [], in a graph."""
    types = {path: compression_type(path) for path in files}
    if not any(types.values()):
        return lambda path: ""
    of_type = {kind: [path for path in files if types[path] == kind] for kind in ("GZIP", "ZLIB")}

    def look_up(path: tf.Tensor) -> tf.Tensor:
        is_in = {kind: tf.reduce_any(path == tf.constant(paths, tf.string)) for kind, paths in of_type.items()}
        return tf.where(is_in["GZIP"], "GZIP", tf.where(is_in["ZLIB"], "ZLIB", ""))

    return look_up


def of_fold(records: tf.data.Dataset, source: Source) -> tf.data.Dataset:
    """Keeps the serialized records that the source's fold leaves."""
    return records.filter(_part_filter(source.fold, source.held_out)) if source.fold else records


def _part_filter(fold: Fold | IndexedFold, held_out: bool) -> Callable[[tf.Tensor], tf.Tensor]:
    """Makes a function from a serialized record, string [], to whether to keep it, bool []: `folds.membership` as a graph."""
    if isinstance(fold, IndexedFold):
        table = _table(fold, index_version(fold))
        return lambda serialized: tf.equal(table.lookup(_id(serialized)), int(held_out))

    def keep(serialized: tf.Tensor) -> tf.Tensor:
        part = tf.strings.to_hash_bucket_fast(_id(serialized), fold.count)
        return tf.equal(part, fold.index) == held_out

    return keep


@functools.cache  # datasets lose a table once Python drops it
def _table(fold: IndexedFold, version: tuple) -> tf.lookup.StaticHashTable:
    """Maps ids in the fold to 1, other ids that the index names to 0, and all others to -1."""
    named = named_videos(fold, version)
    entries = tf.lookup.KeyValueTensorInitializer(
        tf.constant(list(named)), tf.constant([int(each) for each in named.values()], tf.int32)
    )
    return tf.lookup.StaticHashTable(entries, -1)


def _id(serialized: tf.Tensor) -> tf.Tensor:
    parsed, _ = tf.io.parse_single_sequence_example(serialized, context_features=parsing.id_features())
    return parsing.identifier(parsed)


def make_parser(source: Source, frames: Frames, seed: int) -> Callable:
    """Makes the function that parses a serialized record at segment level, or a batch at the other levels.

    At frame level, the number of the batch, int64 [], is its first argument.
    """
    arguments = (source.features, source.num_classes, source.max_labels)
    if source.level == "video":
        return parsing.video_batch_parser(*arguments)
    if source.level == "frame":
        return parsing.frame_batch_parser(*arguments, frames.max_frames, frames.num_frames, frames.sampling, seed)
    context = source.context, source.context_num_frames
    return segment_parser(*arguments, frames.segments == "rated", *context, source.rated_classes)


def batches(
    elements: tf.data.Dataset,
    source: Source,
    parse: Callable,
    number: Callable[[tf.data.Dataset], tf.data.Dataset],
    batch_size: int,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Groups elements into batches as in `yt8m.data.schema`.

    Args:
        elements: serialized records, string []; at segment level, parsed segments.
        source: describes the records.
        parse: from `make_parser`.
        number: puts its number before each serialized batch, string [B], at frame level.
        batch_size: videos, or segments, in a batch.
        drop_remainder: leave out a smaller last batch.
    """
    dataset = elements.batch(batch_size, drop_remainder=drop_remainder)
    if source.level == "frame":
        dataset = number(dataset)
    if source.level != "segment":
        dataset = dataset.map(parse, num_parallel_calls=tf.data.AUTOTUNE)
    if source.as_means:
        dataset = dataset.map(parsing.means_of_frames(source.features), num_parallel_calls=tf.data.AUTOTUNE)
        if source.level == "segment" and source.context == "video":
            of_videos = parsing.means_of_frames(source.features, CONTEXT_PREFIX)
            dataset = dataset.map(of_videos, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset
