"""A submission, or stored predictions, against labelled records."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from yt8m.class_report import ClassRow, open_class_report
from yt8m.data import pipeline
from yt8m.data.repeats import Once
from yt8m.data.schema import LABEL_PADDING
from yt8m.errors import InputError
from yt8m.metrics import SegmentRatings
from yt8m.metrics.inputs import id_text
from yt8m.predictions import StoredPredictions
from yt8m.predictions.scoring import measure_segments, measure_videos
from yt8m.predictions.stored import is_stored
from yt8m.submission import detect_task, measure_segment_submission, measure_video_submission
from yt8m.submission.files import is_submission

LARGEST_VOCABULARY = 4716
"""Classes of the 2017 data; the metrics do not depend on classes that nobody labels or predicts."""


def score(
    file: str | os.PathLike,
    data: str | Sequence[str],
    num_classes: int | None = None,
    tell: Callable[[str], None] = lambda text: None,
    *,
    classes: str | os.PathLike | None = None,
    vocabulary: str | os.PathLike | None = None,
    tell_classes: Callable[[Sequence[ClassRow]], None] = lambda rows: None,
) -> dict[str, float | int]:
    """The metrics of a submission or of stored predictions, as `evaluate` gives them for a run, less the loss.

    Args:
        file: a CSV of either task, whose header says which; or a directory of predictions for all the records.
        data: files, directories or globs: labelled videos of any level, or records with rated segments.
        num_classes: classes of the vocabulary, of a CSV; None = as many as any year has. Stored predictions know theirs.
        tell: gets a line on labelled videos that a submission of the video task lacks, on classes with a positive rating that
            are not ranked, and on records without labels.
        classes, vocabulary, tell_classes: as `evaluate` takes them.

    Raises:
        InputError, RecordError: a file that cannot be read or breaks the rules, or has other videos than the data; a
            directory that cannot be written to, a vocabulary that cannot be used.
    """
    start = time.perf_counter()
    _refuse_swapped(file, data)
    stored = StoredPredictions(file) if os.path.isdir(file) else None
    num_classes = stored.description.num_classes if stored else num_classes or LARGEST_VOCABULARY
    task = stored.description.task if stored else detect_task(file)
    source = open_labelled(data, task, num_classes, tell)
    if task == "segment" and source.level != "segment":
        raise InputError(f"{file}: is for the segment task, and {source.files[0]} has no rated segments")
    report = open_class_report(classes, vocabulary, source.files, tell_classes)
    if task == "video":
        if stored:
            metrics = measure_videos(stored, read_labels(source))
        else:
            metrics = measure_video_submission(file, _labelled_videos(source), num_classes, tell)
        result = metrics.result()
    else:
        ratings = read_ratings(source)
        metrics = (
            measure_segments(stored, ratings, tell)
            if stored
            else measure_segment_submission(file, ratings, num_classes, tell=tell)
        )
        result = metrics.result() | {"num_videos": len(ratings.video_ids)}
    result |= {"videos_per_second": result["num_videos"] / (time.perf_counter() - start)}
    if report:
        report.write(metrics.per_class())
    return result


def _refuse_swapped(file: str | os.PathLike, data: str | Sequence[str]) -> None:
    """Raises InputError if what should be records is a submission, or stored predictions."""
    for path in [data] if isinstance(data, str) else data:
        if is_submission(path) or is_stored(path):
            what = "a submission" if is_submission(path) else "of stored predictions"
            command = "" if is_submission(file) or is_stored(file) else f": yt8m score {path} --data {os.fspath(file)}"
            raise InputError(
                f"--data {path}: is {what}; what is scored comes first, and --data names the labelled records{command}"
            )


def open_labelled(
    data: str | Sequence[str], task: Literal["video", "segment"], num_classes: int, tell: Callable[[str], None]
) -> pipeline.Source:
    """Records whose labels are wanted; for the video task also those with rated segments are of whole videos.

    Raises:
        InputError, RecordError: as `yt8m.data.pipeline.open_source`, which has the arguments.
    """
    found = pipeline.open_source(data, num_classes=num_classes)
    if task == "segment" and found.level != "segment":
        return found  # which whoever asked refuses
    level = "frame" if task == "video" and found.level == "segment" else found.level
    return pipeline.open_source(data, level=level, num_classes=num_classes, labels_for="a score", tell=tell)


def read_ratings(source: pipeline.Source) -> SegmentRatings:
    """The ratings of all segments. Raises InputError or RecordError if a record cannot be used or a segment comes twice."""
    ratings = SegmentRatings()
    for batch in _batches(source):
        ratings.add_batch(*(batch[key].numpy() for key in ("id", "segment_start", "labels", "label_scores")))
    return ratings


def read_labels(source: pipeline.Source) -> dict[str, list[int]]:
    """The labels of all videos, by id. Raises InputError or RecordError if a record cannot be used or a video comes twice."""
    return {id_text(video_id): own for video_id, own in _labelled_videos(source)}


_REMEDIES = pipeline.Remedies("raise --num-classes", "leave it out")


def _batches(source: pipeline.Source) -> Iterator[dict]:
    """The labels of all records; the features are left out, as reading them would be most of the work."""
    dataset, once = pipeline.make_dataset(source, batch_size=256), Once()
    with pipeline.record_errors(source, _REMEDIES):
        for batch in dataset:
            starts = batch["segment_start"].numpy().tolist() if "segment_start" in batch else None
            once.add(batch["id"].numpy().tolist(), starts)
            yield batch


def _labelled_videos(source: pipeline.Source) -> Iterator[tuple[bytes, list[int]]]:
    for batch in _batches(source):
        for video_id, labels in zip(batch["id"].numpy(), batch["labels"].numpy(), strict=True):
            yield video_id, labels[labels != LABEL_PADDING].tolist()
