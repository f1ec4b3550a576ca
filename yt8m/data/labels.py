"""Reads the labels of records without their features."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from yt8m.data.engine.stream import prepared, read_stream
from yt8m.data.opening import open_source
from yt8m.data.options import ALL_FRAMES, AS_STORED, EVERYTHING
from yt8m.data.remedies import Remedies, remedied
from yt8m.data.repeats import Once
from yt8m.data.schema import LABEL_PADDING
from yt8m.data.source import Source
from yt8m.metrics import SegmentRatings
from yt8m.metrics.inputs import id_text
from yt8m.metrics.registry import Task
from yt8m.progress import Progress


def open_labelled(data: str | Sequence[str], task: Task, num_classes: int, progress: Progress) -> Source:
    """Opens records for their labels. For the video task, records with rated segments count as whole videos.

    Raises:
        InputError, RecordError: see `yt8m.data.opening.open_source`, also for the arguments.
    """
    found = open_source(data, num_classes=num_classes)
    if task == "segment" and found.level != "segment":
        return found  # the caller refuses it
    level = "frame" if task == "video" and found.level == "segment" else found.level
    return open_source(data, level=level, num_classes=num_classes, labels_for="a score", progress=progress)


def read_ratings(source: Source) -> SegmentRatings:
    """Reads all segments' ratings. Raises InputError or RecordError for an unusable record or a repeated segment."""
    ratings = SegmentRatings()
    for batch in _batches(source):
        ratings.add_batch(*(batch[key] for key in ("id", "segment_start", "labels", "label_scores")))
    return ratings


def read_labels(source: Source) -> dict[str, list[int]]:
    """Reads all videos' labels, by id. Raises InputError or RecordError for an unusable record or a repeated video."""
    return {id_text(video_id): own for video_id, own in labelled_videos(source)}


_BATCH_SIZE = 256
_REMEDIES = Remedies("raise --num-classes", "leave it out")


def _batches(source: Source) -> Iterator[dict[str, np.ndarray]]:
    """Reads the labels of all records. Features are left out: copying them would be most of the work."""
    source, once = dataclasses.replace(source, without_features=True), Once()
    order, shares = prepared(source, AS_STORED, EVERYTHING)
    with remedied(source, _REMEDIES):
        for batch in read_stream(source, _BATCH_SIZE, ALL_FRAMES, order, EVERYTHING, shares):
            once.add(batch["id"].tolist(), batch["segment_start"].tolist() if "segment_start" in batch else None)
            yield batch


def labelled_videos(source: Source) -> Iterator[tuple[bytes, list[int]]]:
    for batch in _batches(source):
        for video_id, labels in zip(batch["id"], batch["labels"], strict=True):
            yield video_id, labels[labels != LABEL_PADDING].tolist()
