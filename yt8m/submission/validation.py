"""Checks a submission like the leaderboard, and says line by line what to repair."""

import os
from dataclasses import dataclass, field

from yt8m.data.schema import DEFAULT_NUM_CLASSES
from yt8m.data.tables.vocabulary import read_segment_class_ids
from yt8m.errors import InputError
from yt8m.metrics.segments import DEFAULT_MAX_SEGMENTS
from yt8m.submission.coverage import coverage_remark
from yt8m.submission.files import LineError, Task, detect_task
from yt8m.submission.reading import read_segment_submission, read_video_submission


@dataclass(frozen=True, slots=True)
class Validation:
    """The result of `validate`."""

    task: Task | None
    """The task in the header; None if the header is unknown."""
    num_rows: int
    """Number of lines after the header."""
    num_entries: int
    """Number of predictions, or ranked segments, in lines without an error."""
    errors: list[str]
    """The errors, one line each, in the file's order; empty for a valid submission."""
    remarks: list[str] = field(default_factory=list)
    """Allowed but unusual things: one line per kind, with the first place and the number of others."""


_EMPTY = "such a row is allowed and scores nothing"


class _Errors:
    """The first errors, and the number of all."""

    def __init__(self, most: int):
        self._most = most
        self.first: list[str] = []
        self.count = 0

    def report(self, error: LineError) -> None:
        """Counts an error."""
        self.count += 1
        if self.count <= self._most:
            self.first.append(f"line {error.line}: {error.reason}")

    def lines(self) -> list[str]:
        """The first errors, and a line on the others."""
        more = self.count - self._most
        return [*self.first, *([f"... and {more} more"] if more > 0 else [])]


class _Oddity:
    """All rows with one kind of oddity, in one line."""

    def __init__(self, consequence: str):
        self._consequence = consequence
        self._first, self._count = "", 0

    def add(self, line: int, what: str) -> None:
        self._first = self._first or f"line {line}: {what}"
        self._count += 1

    def lines(self) -> list[str]:
        if not self._count:
            return []
        others = f", and so on in {self._count - 1} more" if self._count > 1 else ""
        return [f"{self._first}{others}; {self._consequence}"]


@dataclass(frozen=True, slots=True)
class _Rows:
    """The content of rows without an error."""

    num_rows: int
    num_entries: int
    remarks: list[str]


def validate(
    path: str | os.PathLike,
    num_classes: int = DEFAULT_NUM_CLASSES,
    segment_classes_path: str | os.PathLike | None = None,
    max_segments: int = DEFAULT_MAX_SEGMENTS,
    max_errors: int = 20,
) -> Validation:
    """Reads a submission once, and collects its errors (at most one per line) and oddities.

    Only the rows' ids, or classes, stay in memory.

    Args:
        path: the CSV file. Its header tells the task.
        num_classes: classes go from 0 to num_classes - 1; 4716 for the 2017 data.
        segment_classes_path: a `segment_label_ids.csv`, or Kaggle's `vocabulary.csv` of the ranked classes. The segment task
            then allows only these classes.
        max_segments: the largest number of segments per class.
        max_errors: errors to list. The last line has the number of others.

    Returns:
        The task, the counts and the errors. The remarks are on scores outside 0 to 1, on rows without predictions and, if
        there is no error, on ranked classes that are missing or do not count.

    Raises:
        InputError: a file cannot be read, or segment classes are given for the video task.
    """
    errors = _Errors(max_errors)
    try:
        task = detect_task(path)
    except LineError as error:
        errors.report(error)
        return Validation(task=None, num_rows=0, num_entries=0, errors=errors.first)
    if task == "video" and segment_classes_path is not None:
        raise InputError(f"{os.fspath(path)}: is for the video task, which has no segment classes; leave them out")
    if task == "video":
        rows = _read_videos(path, num_classes, errors)
    else:
        rows = _read_segments(path, num_classes, segment_classes_path, max_segments, errors)
    num_rows = rows.num_rows + errors.count
    if not num_rows:
        errors.report(LineError(os.fspath(path), 1, "nothing follows the header; add a line for each row"))
    return Validation(task, num_rows, rows.num_entries, errors.lines(), rows.remarks)


def _read_videos(path: str | os.PathLike, num_classes: int, errors: _Errors) -> _Rows:
    num_rows = num_entries = 0
    empty, outside = _Oddity(_EMPTY), _Oddity("no rule forbids it, but probabilities go from 0 to 1")
    for video in read_video_submission(path, num_classes, errors.report):
        num_rows += 1
        num_entries += len(video.classes)
        if not video.classes:
            empty.add(video.line, f"video {video.video_id!r} has no predictions")
        elif video.scores[0] > 1 or video.scores[-1] < 0:  # they descend
            score = video.scores[0] if video.scores[0] > 1 else video.scores[-1]
            outside.add(video.line, f"video {video.video_id!r} has a score of {score:g}")
    return _Rows(num_rows, num_entries, [*empty.lines(), *outside.lines()])


def _read_segments(
    path: str | os.PathLike,
    num_classes: int,
    segment_classes_path: str | os.PathLike | None,
    max_segments: int,
    errors: _Errors,
) -> _Rows:
    listed = None if segment_classes_path is None else read_segment_class_ids(segment_classes_path)
    found: list[int] = []
    num_entries, empty = 0, _Oddity(_EMPTY)
    for ranked in read_segment_submission(path, listed or range(num_classes), max_segments, errors.report):
        found.append(ranked.class_id)
        num_entries += len(ranked.starts)
        if not len(ranked.starts):
            empty.add(ranked.line, f"class {ranked.class_id} has no segments")
    coverage = None
    if found and not errors.count:
        coverage = coverage_remark(found, listed, os.fspath(segment_classes_path or ""), num_classes)
    return _Rows(len(found), num_entries, [*empty.lines(), *([coverage] if coverage else [])])
