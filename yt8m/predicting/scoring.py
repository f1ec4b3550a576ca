"""Scores a submission, or stored predictions, against labelled records."""

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from yt8m.data.labels import labelled_videos, open_labelled, read_labels, read_ratings
from yt8m.errors import InputError
from yt8m.predicting import StoredPredictions
from yt8m.predicting.measuring import measure_segments, measure_videos
from yt8m.predicting.stored import is_stored
from yt8m.progress import SILENT, Progress
from yt8m.scoring.classes import frame_of, open_class_report
from yt8m.submission import detect_task, measure_segment_submission, measure_video_submission
from yt8m.submission.files import is_submission

if TYPE_CHECKING:
    import pandas

    from yt8m.scoring.evaluation import Result

LARGEST_VOCABULARY = 4716
"""Number of classes in the 2017 data. Classes that are neither labelled nor predicted do not change the metrics."""


def score(
    file: str | os.PathLike,
    data: str | Sequence[str],
    num_classes: int | None = None,
    progress: Progress = SILENT,
    *,
    classes: str | os.PathLike | None = None,
    vocabulary: str | os.PathLike | None = None,
    per_class: bool = False,
) -> "Result | tuple[Result, pandas.DataFrame]":
    """Computes the metrics of a submission or of stored predictions: the metrics of `evaluate` without the loss.

    Args:
        file: a CSV, with a header that determines the task; or a directory of predictions for all the records.
        data: files, directories or globs: labelled videos of any level, or records with rated segments.
        num_classes: number of classes in the vocabulary of a CSV; None = the largest of any year. Stored predictions have
            their own.
        progress: gets a line on labelled videos that a submission of the video task lacks, on classes with a positive rating that
            are not ranked, and on records without labels.
        classes, vocabulary, per_class: as in `evaluate`.

    Raises:
        InputError, RecordError: the file cannot be read, breaks the rules, or has other videos than the data; a directory cannot
            be written; the vocabulary cannot be used.
    """
    start = time.perf_counter()
    _refuse_swapped(file, data)
    stored = StoredPredictions(file) if os.path.isdir(file) else None
    num_classes = stored.description.num_classes if stored else num_classes or LARGEST_VOCABULARY
    task = stored.description.task if stored else detect_task(file)
    source = open_labelled(data, task, num_classes, progress)
    if task == "segment" and source.level != "segment":
        raise InputError(f"{file}: is for the segment task, and {source.files[0]} has no rated segments")
    report = open_class_report(classes, vocabulary, source.files, per_class)
    if task == "video":
        if stored:
            metrics = measure_videos(stored, read_labels(source))
        else:
            metrics = measure_video_submission(file, labelled_videos(source), num_classes, progress)
        result = metrics.result()
    else:
        ratings = read_ratings(source)
        metrics = (
            measure_segments(stored, ratings, progress)
            if stored
            else measure_segment_submission(file, ratings, num_classes, progress=progress)
        )
        result = metrics.result() | {"num_videos": len(ratings.video_ids)}
    result |= {"videos_per_second": result["num_videos"] / (time.perf_counter() - start)}
    rows = report.write(metrics.per_class()) if report else []
    return (result, frame_of(rows)) if per_class else result


def _refuse_swapped(file: str | os.PathLike, data: str | Sequence[str]) -> None:
    """Raises InputError if `data` names a submission or stored predictions instead of records."""
    for path in [data] if isinstance(data, str) else data:
        if is_submission(path) or is_stored(path):
            what = "a submission" if is_submission(path) else "of stored predictions"
            command = "" if is_submission(file) or is_stored(file) else f": yt8m score {path} --data {os.fspath(file)}"
            raise InputError(
                f"--data {path}: is {what}; what is scored comes first, and --data names the labelled records{command}"
            )
