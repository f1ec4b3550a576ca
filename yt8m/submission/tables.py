"""Submissions as DataFrames."""

import os
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from yt8m.data.schema import DEFAULT_NUM_CLASSES
from yt8m.submission.files import detect_task
from yt8m.submission.reading import read_segment_submission, read_video_submission

if TYPE_CHECKING:
    import pandas


def read_submission(
    path: str | os.PathLike, num_classes: int = DEFAULT_NUM_CLASSES, max_rank: int | None = None
) -> "pandas.DataFrame":
    """Reads a submission of either task into a table with one row per prediction, in the order of the file.

    The table takes some 40 bytes of memory per row. Ids are always text.

    Args:
        path: the CSV file.
        num_classes: classes go from 0 to num_classes - 1.
        max_rank: number of best predictions to keep per video, or best segments per class; None = all.

    Returns:
        For the video task, the columns `id`, `class_id` (int64), `score` (float64) and `rank` (int64, 1 = the best of the
        video). For the segment task, `class_id`, `id`, `start` (int64, the segment's first second) and `rank` (in the class).
        A video without predictions, or a class without segments, has no row.

    Raises:
        LineError: the header is not a submission's, or a line breaks a rule. `yt8m validate` lists all such lines.
        InputError: the file cannot be read.
        ValueError: max_rank < 1.
    """
    if max_rank is not None and max_rank < 1:
        raise ValueError(f"max_rank is {max_rank}; it must be at least 1")
    if detect_task(path) == "video":
        return _read_videos(path, num_classes, max_rank)
    return _read_segments(path, num_classes, max_rank)


def _read_videos(path: str | os.PathLike, num_classes: int, max_rank: int | None) -> "pandas.DataFrame":
    import pandas

    ids, classes, scores, counts = [], array("q"), array("d"), array("q")
    for row in read_video_submission(path, num_classes):
        ids.append(row.video_id)
        classes.extend(row.classes[:max_rank])
        scores.extend(row.scores[:max_rank])
        counts.append(len(row.classes[:max_rank]))
    columns = {
        "id": pandas.Series(ids, dtype=str).repeat(counts).reset_index(drop=True),
        "class_id": _whole_numbers(classes),
        "score": pandas.Series(scores, dtype="float64"),
        "rank": _ranks(counts),
    }
    return pandas.DataFrame(columns)


def _read_segments(path: str | os.PathLike, num_classes: int, max_rank: int | None) -> "pandas.DataFrame":
    import pandas

    classes, ids, starts, counts = array("q"), [], array("q"), array("q")
    texts = _Texts()
    for row in read_segment_submission(path, range(num_classes)):
        classes.append(row.class_id)
        ids.extend(map(texts.__getitem__, row.ids[:max_rank].tolist()))
        starts.extend(row.starts[:max_rank].tolist())
        counts.append(len(row.starts[:max_rank]))
    columns = {
        "class_id": _whole_numbers(classes).repeat(counts).reset_index(drop=True),
        "id": pandas.Series(ids, dtype=str),
        "start": _whole_numbers(starts),
        "rank": _ranks(counts),
    }
    return pandas.DataFrame(columns)


class _Texts(dict[bytes, str]):
    """The text of each id, made once, because most classes rank the same segments."""

    def __missing__(self, identifier: bytes) -> str:
        self[identifier] = identifier.decode()
        return self[identifier]


def _whole_numbers(values: Sequence[int]) -> Any:
    import pandas

    return pandas.Series(values, dtype="int64")


def _ranks(counts: Sequence[int]) -> Any:
    """The numbers from 1 to each of the counts, concatenated."""
    rows = _whole_numbers(range(len(counts))).repeat(counts).reset_index(drop=True)
    return rows.groupby(rows).cumcount() + 1
