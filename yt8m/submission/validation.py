"""Checks a submission as the leaderboard would, and says line by line what to repair."""

import os
from dataclasses import dataclass

from yt8m.data.schema import DEFAULT_NUM_CLASSES
from yt8m.metrics.segments import DEFAULT_MAX_SEGMENTS
from yt8m.submission.files import LineError, Task, detect_task
from yt8m.submission.reading import read_segment_submission, read_video_submission
from yt8m.submission.segments import read_segment_class_ids


@dataclass(frozen=True, slots=True)
class Validation:
    """What `validate` found."""

    task: Task | None
    """Told by the header; None where the header is not known."""
    num_rows: int
    """Lines after the header."""
    num_entries: int
    """Predictions, or ranked segments, in the lines without an error."""
    errors: list[str]
    """One line an error, in the file's order; empty for a valid submission."""


def validate(
    path: str | os.PathLike,
    num_classes: int = DEFAULT_NUM_CLASSES,
    segment_classes_path: str | os.PathLike | None = None,
    max_segments: int = DEFAULT_MAX_SEGMENTS,
    max_errors: int = 20,
) -> Validation:
    """Reads a submission once and collects its errors; at most one for each line.

    Only the ids, or classes, of the rows are remembered.

    Args:
        path: the CSV file; its header tells the task.
        num_classes: classes go from 0 to num_classes - 1; 4716 for the 2017 data.
        segment_classes_path: a `segment_label_ids.csv`, whose classes are then the only ones the segment task allows.
        max_segments: segments a class may have.
        max_errors: errors listed; how many more there are stands at the end.

    Returns:
        The task, the counts and the errors.

    Raises:
        InputError: the file, or that of the classes, cannot be read.
    """
    errors: list[str] = []
    num_errors = 0

    def report(error: LineError) -> None:
        nonlocal num_errors
        num_errors += 1
        if num_errors <= max_errors:
            errors.append(f"line {error.line}: {error.reason}")

    try:
        task = detect_task(path)
    except LineError as error:
        report(error)
        return Validation(task=None, num_rows=0, num_entries=0, errors=errors)
    num_rows = num_entries = 0
    if task == "video":
        for video in read_video_submission(path, num_classes, report):
            num_rows += 1
            num_entries += len(video.classes)
    else:
        classes = range(num_classes) if segment_classes_path is None else read_segment_class_ids(segment_classes_path)
        for ranked in read_segment_submission(path, classes, max_segments, report):
            num_rows += 1
            num_entries += len(ranked.starts)
    num_rows += num_errors
    if not num_rows:
        report(LineError(os.fspath(path), 1, "nothing follows the header; add a line for each row"))
    if num_errors > max_errors:
        errors.append(f"... and {num_errors - max_errors} more")
    return Validation(task, num_rows, num_entries, errors)
