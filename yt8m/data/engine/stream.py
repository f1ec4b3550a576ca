"""From a source and the options of a stream to its batches, without TensorFlow."""

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from yt8m.data.endings import refuse_broken_ends
from yt8m.data.engine.batches import num_threads, stream_batches
from yt8m.data.engine.contexts import of_fold, read_context
from yt8m.data.engine.files import open_records
from yt8m.data.engine.frame_level import Batch, frame_batch
from yt8m.data.engine.memory import Pool, Scratch
from yt8m.data.engine.order import UNDIVIDED, Shares, in_order
from yt8m.data.engine.pieces import PieceFile
from yt8m.data.engine.processes import Make, Processes, Recipe, are_possible
from yt8m.data.engine.records import Record
from yt8m.data.engine.runs import one_by_one
from yt8m.data.engine.segments import Segment, all_segments, find_rated, rated_batch, rated_slots, rebatched
from yt8m.data.engine.video_level import batches_at_once, joined_batches, video_batches
from yt8m.data.engine.videos import read_video
from yt8m.data.folds import membership
from yt8m.data.options import Frames, Order, Portion
from yt8m.data.record_counts import RecordCounts
from yt8m.data.schema import WHOLE, num_segments
from yt8m.data.source import Source
from yt8m.errors import InputError, quantity


def prepared(source: Source, order: Order, portion: Portion) -> tuple[Order, Shares]:
    """Finds out, before the first batch, what share of the records to read and with which seed.

    Raises:
        InputError, RecordError: a local file is cut off, there are too few files to share out, or a fold's index cannot be used.
    """
    shares = _share_out(source, portion)
    refuse_broken_ends(source)
    if source.fold:
        membership(source.fold, source.held_out)
    return _settled(order, shares), shares


def _share_out(source: Source, portion: Portion) -> Shares:
    """Shards by file or by record.

    Raises:
        InputError: there are too few files for sharding by file.
    """
    share = portion.share
    if portion.shard_by == "file" and share.count > len(source.files):
        raise InputError(
            f"--data.shard file: {source.files[0]} ... are {quantity(len(source.files), 'file')} for {share.count} workers; "
            "write more files or share out records"
        )
    by_record = share.count > 1 and (portion.shard_by == "record" or share.count > len(source.files))
    return Shares(WHOLE, share) if by_record else Shares(share, WHOLE)


def _settled(order: Order, shares: Shares) -> Order:
    """Gives an order a seed."""
    # Every process must see the same order; otherwise two of them could take the same record.
    deterministic = order.deterministic or shares.records.count > 1
    seed = order.seed
    if seed is None:
        is_same = deterministic or shares.files.count > 1
        seed = 0 if is_same else int(np.random.default_rng().integers(2**31 - 1))
    return dataclasses.replace(order, deterministic=deterministic, seed=seed)


def in_pass(order: Order, number: int) -> Order:
    """The order of a further pass over a stream, counted from 0: a shuffled one differs from pass to pass."""
    if not number or not order.shuffle:
        return order
    return dataclasses.replace(order, seed=int(np.random.default_rng((order.seed, number)).integers(2**31 - 1)))


def read_stream(
    source: Source,
    batch_size: int,
    frames: Frames,
    order: Order,
    portion: Portion,
    shares: Shares,
    counts: RecordCounts | None = None,
    *,
    joined: bool = False,
) -> Iterator[Batch]:
    """Reads the batches of a stream.

    Args:
        source: the records.
        batch_size: videos, or segments, in a batch.
        frames: which frames and segments of each video to give.
        order: the order of the records; it has a seed.
        portion: how many records to skip.
        shares: from `prepared`.
        counts: what is known of the number of records of each file. It learns from the stream. None = nothing is known.
        joined: give several whole batches as one where that is faster, to be cut up elsewhere.

    Raises:
        RecordError, InputError: while iterating, at the batch's place in the stream: a record is damaged, or is not as the
            source says; a file cannot be read.
    """
    if source.level == "segment" and frames.segments == "all":
        # How many segments a record has is known only once it is read, so nothing is skipped here.
        items = in_order(partial(_records, source), lambda files: None, len(source.files), order, shares)
    else:
        of_file = items_of(source)
        counts = counts or RecordCounts(source)
        numbers = partial(counts.numbers, of_file)
        items = in_order(counts.learning(of_file), numbers, len(source.files), order, shares, portion.skip_records)
    return _batches(items, source, batch_size, frames, order, portion, shares, joined=joined)


def batches_of(
    records: Iterable[Record],
    source: Source,
    batch_size: int,
    frames: Frames,
    skip: int = 0,
    number: int | None = None,
    first: int = 0,
) -> Iterator[Batch]:
    """Reads given records into batches, in their order, as `read_stream` reads those of the source's files.

    Args:
        records: the records; the source's files and fold do not matter.
        source, batch_size, frames: see `read_stream`.
        skip: videos, or segments, to leave out at the beginning.
        number: how many to give after that, a multiple of the batch size unless there are no more; None = all.
        first: the number of the first batch in the stream, on which frames that are drawn at random depend.

    Raises:
        RecordError: while iterating: a record is damaged, or is not as the source says.
    """
    order = Order(seed=0)
    if source.level == "segment" and frames.segments == "all":
        portion = Portion(processes=0, skip_records=skip)
        batches = _batches(iter(records), source, batch_size, frames, order, portion, UNDIVIDED)
        return itertools.islice(batches, None if number is None else -(-number // batch_size))
    items = find_rated(records, source, Scratch()) if source.level == "segment" else iter(records)
    items = itertools.islice(items, skip, None if number is None else skip + number)
    portion = Portion(processes=0, skip_records=first * batch_size)
    return _batches(items, source, batch_size, frames, order, portion, UNDIVIDED)


def num_items(record: Record, source: Source, segments: str, scratch: Scratch) -> int:
    """How many items of a stream a record gives: 1; of segments, all that it has or those that are rated; 0 outside of a fold.

    Raises:
        RecordError: the record must be read for that, and is damaged.
    """
    if source.fold and not list(of_fold([record], source)):
        return 0
    if source.level != "segment":
        return 1
    if segments == "all":
        return max(num_segments(read_video(record, source, scratch).num_frames), 1)
    return len(rated_slots(read_context(record, scratch)))


def _batches(
    items: Iterator[Any],
    source: Source,
    batch_size: int,
    frames: Frames,
    order: Order,
    portion: Portion,
    shares: Shares,
    *,
    joined: bool = False,
) -> Iterator[Batch]:
    """Makes batches of records, or of rated segments; arguments: see `read_stream`."""
    if source.level == "segment" and frames.segments == "all":
        return _all_segments(items, source, batch_size, order, portion)
    if source.level == "video":
        return _video_batches(source, items, batch_size, order, joined=joined)
    arguments = source, frames, order.seed, shares
    first, processes = portion.skip_records // batch_size, _processes(source, portion, Recipe(maker, arguments))
    return stream_batches(
        items, maker(*arguments), batch_size, first, drop_remainder=order.drop_remainder, processes=processes
    )


def _processes(source: Source, portion: Portion, recipe: Recipe) -> Processes | None:
    """The processes that a stream may get."""
    asked = portion.processes
    number = num_threads() if asked == "auto" else asked
    if not number or not are_possible() or (asked == "auto" and number == 1):
        return None
    if source.labels and not os.path.isfile(source.labels):  # a pipe, which can be read once
        return None
    return Processes(number, recipe, at_once=asked != "auto")


def _video_batches(
    source: Source, records: Iterator[Record], batch_size: int, order: Order, *, joined: bool
) -> Iterator[Batch]:
    """Reads video-level records. They are read in pieces, many at a time, and made into several batches at once."""

    def make(number, records, pool, scratch) -> Iterator[Batch]:
        return (joined_batches if joined else video_batches)(records, batch_size, source, pool, scratch)

    several = batches_at_once(batch_size, source)
    return stream_batches(records, make, batch_size, several=several, drop_remainder=order.drop_remainder)


def _all_segments(
    records: Iterator[Record], source: Source, batch_size: int, order: Order, portion: Portion
) -> Iterator[Batch]:
    """Reads batches of all segments of the records, which come one after the other, in their order."""

    def make(number, items, pool, scratch) -> Batch:
        return all_segments(items[0], source, pool, scratch)

    with contextlib.closing(stream_batches(records, make, 1)) as parts:
        yield from rebatched(parts, batch_size, Pool(), portion.skip_records, order.drop_remainder)


def read_data(source: Source, batch_size: int, order: Order) -> Iterator[Batch]:
    """Reads the records' bytes, checks their checksums, and drops them: the part of the work that any reader has.

    Yields:
        For each batch the size of its records' data, `num_bytes` int64 [B].
    """

    def make(number, records, pool, scratch) -> Batch:
        return {"num_bytes": np.array([len(record.read(scratch)) for record in records], np.int64)}

    records = in_order(partial(_records, source), lambda files: None, len(source.files), order)
    return stream_batches(records, make, batch_size)


def items_of(source: Source) -> Callable[[int, int], Iterator[list[Record]] | Iterator[list[Segment]]]:
    """Returns the function that gives a file's items from a position on, in runs: its records, or its rated segments."""
    return partial(_rated, source) if source.level == "segment" else records_of(source)


def records_of(source: Source) -> Callable[[int, int], Iterator[list[Record]]]:
    """Returns the function that gives a file's records from a position on, in runs, also if segments are to be read."""
    return partial(_records, source)


def _records(source: Source, file: int, first: int) -> Iterator[list[Record]]:
    """The records of a file from the `first`-th on, in runs, of those that the source's fold leaves and that are chosen."""
    opened = open_records(source.files[file], source.level)
    if source.fold or source.chosen is not None:
        left = of_fold(opened.records(), source) if source.fold else opened.records()
        if source.chosen is not None:
            chosen = source.chosen[file]
            left = (record for place, record in enumerate(left) if place in chosen)
        return one_by_one(itertools.islice(left, first, None))
    return opened.runs(first) if isinstance(opened, PieceFile) else one_by_one(opened.records(first))


def _rated(source: Source, file: int, first: int) -> Iterator[list[Segment]]:
    """The rated segments of a file from the `first`-th on, in runs."""
    records = itertools.chain.from_iterable(_records(source, file, 0))
    # Files are read in turns, and counted in several threads, so each has memory of its own.
    return one_by_one(itertools.islice(find_rated(records, source, Scratch()), first, None))


def maker(source: Source, frames: Frames, seed: int, shares: Shares) -> Make:
    """Makes the function that turns the number of a batch and its items into the batch: records, or rated segments."""

    def of_frames(number, records, pool, scratch) -> Batch:
        return frame_batch(records, source, frames, seed, number, pool, scratch, shares.records)

    def of_segments(number, segments, pool, scratch) -> Batch:
        return rated_batch(segments, source, pool, scratch)

    return of_segments if source.level == "segment" else of_frames
