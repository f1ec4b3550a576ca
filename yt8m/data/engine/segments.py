"""Cuts frame-level records into five-second segments, rated or not.

S = segments, T = frames of a segment and around it, D = values of a frame, L = label columns, m = frames of the whole video.
"""

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from yt8m.data.checking import check_ratings, starts_of
from yt8m.data.engine.contexts import read_context
from yt8m.data.engine.frame_level import Batch, means_of_frames, put_frames
from yt8m.data.engine.memory import Pool, Scratch
from yt8m.data.engine.records import Record
from yt8m.data.engine.sampling import uniform_rows
from yt8m.data.engine.videos import Video, read_video
from yt8m.data.features import Feature, rows_of
from yt8m.data.schema import CONTEXT_PREFIX, LABEL_PADDING, SEGMENT_FRAMES, num_segments
from yt8m.data.source import Source


class Segment(NamedTuple):
    """A rated segment that was found, but not read yet."""

    record: Record
    slot: int
    """Its number in the video, from 0."""


def rated_slots(context) -> list[int]:
    """The numbers of the segments that a record's context (`protos.Features`) rates, sorted, each once.

    The ratings are not checked.
    """
    key = "segment_start_times"
    starts = context.feature[key].int64_list.value if key in context.feature else ()
    return sorted({start // SEGMENT_FRAMES for start in starts})


def find_rated(records: Iterable[Record], source: Source, scratch: Scratch) -> Iterator[Segment]:
    """Finds the rated segments of records, by record and start. Frames of a record with ratings are not read.

    Raises:
        RecordError: a record without ratings that can be read is not as the source says.
    """
    for record in records:
        slots = rated_slots(read_context(record, scratch))
        if not slots:  # no batch will have a part of it, so nothing else looks at it
            _ratings_of(read_video(record, source, scratch), source, record)
        yield from (Segment(record, slot) for slot in slots)


def rated_batch(segments: Sequence[Segment], source: Source, pool: Pool, scratch: Scratch) -> Batch:
    """Reads rated segments, one row each. A record with several of them is read once.

    Args:
        segments: the segments of the batch.
        source: what their records must be like, and what comes with each segment.
        pool: gives the memory of the batch.
        scratch: memory of this thread to read records into.

    Raises:
        RecordError: a record is damaged, or is not as the source says.
    """
    batch = _empty(len(segments), source, pool)
    rows: dict[Record, list[int]] = {}
    for row, segment in enumerate(segments):
        rows.setdefault(segment.record, []).append(row)
    for record, own in rows.items():
        video = read_video(record, source, scratch)
        _put_segments(batch, {row: segments[row].slot for row in own}, video, source, record)
    return _as_asked(batch, source)


def all_segments(record: Record, source: Source, pool: Pool, scratch: Scratch) -> Batch:
    """Reads all segments of a record, one row each; one row without frames for a video without frames.

    Arguments and errors: see `rated_batch`.
    """
    video = read_video(record, source, scratch)
    count = max(num_segments(video.num_frames), 1)
    batch = _empty(count, source, pool)
    _put_segments(batch, {slot: slot for slot in range(count)}, video, source, record)
    return _as_asked(batch, source)


class _Ratings(NamedTuple):
    """What a segment was rated for."""

    classes: list[int]
    scores: list[float]


def _ratings_of(video: Video, source: Source, record: Record) -> dict[int, _Ratings]:
    """The ratings of a video by segment, in the record's order. Raises RecordError if they cannot be used."""
    context = video.context
    problem = check_ratings(
        context, video.num_frames, source.num_classes, source.max_labels, _rated_classes(source.rated_classes)
    )
    if problem:
        raise record.error(problem)
    ratings: dict[int, _Ratings] = {}
    starts = starts_of(context)
    if starts:
        classes, scores = context.feature["segment_labels"].int64_list, context.feature["segment_scores"].float_list
        for start, label, score in zip(starts, classes.value, scores.value, strict=True):
            rated = ratings.setdefault(start // SEGMENT_FRAMES, _Ratings([], []))
            rated.classes.append(label)
            rated.scores.append(score)
    return ratings


@functools.lru_cache(maxsize=16)
def _rated_classes(classes: tuple[int, ...] | None) -> frozenset[int] | None:
    return None if classes is None else frozenset(classes)


def _around(source: Source) -> int:
    """Frames on each side of a segment that come with it."""
    return 0 if source.context == "video" else source.context


def _features(source: Source) -> Sequence[Feature]:
    """The features to give."""
    return () if source.without_features else rows_of(source.features)


def _empty(size: int, source: Source, pool: Pool) -> Batch:
    """Arrays for so many segments, with labels that are all padding. Other contents are arbitrary."""
    batch: Batch = {"id": np.empty(size, object)}
    for key in ("segment_start", "segment_frames"):
        batch[key] = np.empty(size, np.int32)
    for key, dtype in (("labels", np.int32), ("label_scores", np.float32), ("video_labels", np.int32)):
        batch[key] = np.full((size, source.max_labels), LABEL_PADDING, dtype)
    lengths = {"": SEGMENT_FRAMES + 2 * _around(source)}
    if source.context == "video":
        lengths[CONTEXT_PREFIX] = source.context_num_frames
    for prefix, length in lengths.items():
        batch[f"{prefix}num_frames"] = np.empty(size, np.int32)
        for feature in _features(source):
            batch[f"{prefix}{feature.name}"] = pool.empty((size, length, feature.size), feature.dtype)
    return batch


def _put_segments(batch: Batch, slots: dict[int, int], video: Video, source: Source, record: Record) -> None:
    """Writes segments of a video into a batch.

    Args:
        batch: from `_empty`.
        slots: the segments to write, by row.
        video, source, record: the video, what it must be like, and the record that it was read from.
    """
    ratings = _ratings_of(video, source, record)
    around = _around(source)
    for row, slot in slots.items():
        start = slot * SEGMENT_FRAMES
        first = max(start - around, 0)
        stop = min(video.num_frames, start + SEGMENT_FRAMES + around)
        batch["id"][row] = video.id
        batch["segment_start"][row] = start
        batch["segment_frames"][row] = min(video.num_frames - start, SEGMENT_FRAMES)
        batch["num_frames"][row] = stop - first
        batch["video_labels"][row, : len(video.labels)] = video.labels
        if slot in ratings:
            classes, scores = ratings[slot]
            batch["labels"][row, : len(classes)] = classes
            batch["label_scores"][row, : len(scores)] = scores
        for feature in _features(source):
            put_frames(batch[feature.name][row], video, feature, slice(first, stop), stop - first, record)
    if source.context == "video":
        _put_context(batch, list(slots), video, source, record)


def _put_context(batch: Batch, rows: Sequence[int], video: Video, source: Source, record: Record) -> None:
    """Writes frames of the whole video, sampled uniformly, into rows of a batch, the same ones into each."""
    chosen = uniform_rows(video.num_frames, source.context_num_frames)
    batch[f"{CONTEXT_PREFIX}num_frames"][rows] = len(chosen)
    for feature in _features(source):
        frames = batch[f"{CONTEXT_PREFIX}{feature.name}"]
        put_frames(frames[rows[0]], video, feature, chosen, len(chosen), record)
        for row in rows[1:]:
            frames[row] = frames[rows[0]]


def _as_asked(batch: Batch, source: Source) -> Batch:
    """Replaces frames by means, if the source asks for these."""
    if not source.as_means:
        return batch
    features = _features(source)
    batch = means_of_frames(batch, features)
    return means_of_frames(batch, features, CONTEXT_PREFIX) if source.context == "video" else batch


def rebatched(
    parts: Iterable[Batch], batch_size: int, pool: Pool, skip: int = 0, drop_remainder: bool = False
) -> Iterator[Batch]:
    """Joins and splits batches of any sizes into batches of one size. The last one may be smaller.

    Args:
        parts: batches with the same keys.
        batch_size: rows of a batch.
        pool: gives the memory for the new batches.
        skip: number of first rows to leave out.
        drop_remainder: leave out a smaller last batch.
    """
    waiting: list[Batch] = []
    missing = batch_size
    for part in parts:
        part, skip = _rows(part, skip, None), max(skip - len(part["id"]), 0)
        while len(part["id"]) >= missing:
            yield _joined([*waiting, _rows(part, 0, missing)], pool)
            part, waiting, missing = _rows(part, missing, None), [], batch_size
        if len(part["id"]):
            waiting.append(part)
            missing -= len(part["id"])
    if waiting and not drop_remainder:
        yield _joined(waiting, pool)


def _rows(batch: Batch, start: int, stop: int | None) -> Batch:
    return {key: values[start:stop] for key, values in batch.items()}


def _joined(parts: Sequence[Batch], pool: Pool) -> Batch:
    count = sum(len(part["id"]) for part in parts)
    joined = {}
    for key, first in parts[0].items():
        shape = [count, *first.shape[1:]]
        into = np.empty(shape, object) if first.dtype == object else pool.empty(shape, first.dtype)
        joined[key] = np.concatenate([part[key] for part in parts], out=into)
    return joined
