"""Compares two submissions: how far they agree, and where they differ most (`yt8m compare`).

What a list leaves out is taken as in an ensemble (`yt8m.predicting.listed_videos`, `yt8m.predicting.listed_segments`). Rank
correlation is Spearman's, over the entries that at least one of the two lists has.
"""

import itertools
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yt8m.data.tables.text import write_table
from yt8m.errors import InputError
from yt8m.files import NewFile, check_destination, make_directory, refuse_inputs
from yt8m.metrics.per_class import enough_positives
from yt8m.predicting.compared_segments import compare_segments
from yt8m.predicting.compared_videos import compare_videos
from yt8m.predicting.comparison import Compared
from yt8m.predicting.listed import SubmissionList, describe_lists, refuse_strangers
from yt8m.predicting.listed_segments import SegmentList
from yt8m.predicting.listed_videos import VideoList
from yt8m.progress import SILENT, Progress
from yt8m.submission import detect_task

TABLES = ("classes.csv", "videos.csv")


@dataclass(frozen=True)
class Difference:
    """The classes and videos in which two submissions differ most."""

    classes: list[dict]
    """Rows of `Compared.classes`, the least correlated first. Classes with very few entries are left out."""
    videos: list[dict]
    """Rows of `Compared.videos`, the least correlated first."""


def compare(
    paths: Sequence[str | os.PathLike], out: str | os.PathLike | None = None, progress: Progress = SILENT
) -> list[Compared]:
    """Compares submissions of one task, each with each.

    Args:
        paths: two or more CSV files. With more than two, all are held in memory.
        out: a directory for `classes.csv` and `videos.csv`, the tables of a comparison of two.
        progress: gets a line for each file that is read.

    Returns:
        A comparison for each pair, in the order of the files.

    Raises:
        LineError, InputError: a file cannot be read or breaks a rule; the files have different tasks, or no video in common;
            there are fewer than two, or one is given twice; the tables cannot be written.
    """
    paths = [os.fspath(path) for path in paths]
    _check(paths, out)
    lists: list[SubmissionList] = []
    for path, task in zip(paths, _tasks(paths), strict=True):
        progress.message(f"{path}: reading")
        lists.append(VideoList(path, ranked=True) if task == "video" else SegmentList(path))
    describe_lists(lists)
    refuse_strangers(lists)
    found = []
    for pair in itertools.combinations(lists, 2):
        refuse_strangers(pair)
        found.append(compare_videos(*pair) if isinstance(pair[0], VideoList) else compare_segments(*pair))
    if out is not None:
        make_directory(Path(out))
        for name, columns in zip(TABLES, (found[0].classes, found[0].videos), strict=True):
            with NewFile(Path(out) / name) as file:
                file.write(write_table({key: _plain(values) for key, values in columns.items()}))
    return found


def _check(paths: Sequence[str], out: str | os.PathLike | None) -> None:
    """Raises InputError for what is known to be wrong before a file is read."""
    if len(paths) < 2:
        raise InputError(
            f"{''.join(paths) or 'yt8m compare'}: one submission has nothing to be compared with; name two"
        )
    for first, second in itertools.combinations(paths, 2):
        if os.path.realpath(first) == os.path.realpath(second):
            raise InputError(f"{second}: is given twice; name each submission once")
    for path in paths:
        if os.path.isdir(path):
            raise InputError(
                f"{path}: is a directory; make a submission of it with yt8m predict or yt8m ensemble --out"
            )
    if out is None:
        return
    if len(paths) > 2:
        raise InputError(f"--out {os.fspath(out)}: the tables are of two submissions, and {len(paths)} are named")
    for name in TABLES:
        check_destination(Path(out) / name, shown=out)
        refuse_inputs(Path(out) / name, paths)


def _tasks(paths: Sequence[str]) -> list[str]:
    tasks = [detect_task(path) for path in paths]
    for path, task in zip(paths, tasks, strict=True):
        if task != tasks[0]:
            raise InputError(
                f"{path}: is for the {task} task, {paths[0]} for the {tasks[0]} task; compare like with like"
            )
    return tasks


def _plain(values: np.ndarray) -> list:
    """Returns a column as Python's values; None for NaN, and text for bytes."""
    if values.dtype.kind == "S":
        return [each.decode() for each in values.tolist()]
    return [None if isinstance(each, float) and math.isnan(each) else each for each in values.tolist()]


def differences(compared: Compared, most: int = 5) -> Difference:
    """Finds where two submissions differ most.

    Args:
        compared: the comparison.
        most: largest number of classes, and of videos.
    """
    entries = compared.classes["num_entries"]
    known = ~np.isnan(compared.classes["rank_correlation"])
    chosen = known & (entries >= enough_positives(entries[known].tolist(), most))
    return Difference(_worst(compared.classes, chosen, most), _worst(compared.videos, None, most))


def _worst(columns: Mapping[str, np.ndarray], chosen: np.ndarray | None, most: int) -> list[dict]:
    """Returns the chosen rows with the lowest correlations; among equal ones, those with the least overlap."""
    correlation = columns["rank_correlation"]
    known = np.flatnonzero(~np.isnan(correlation) if chosen is None else chosen)
    order = known[np.lexsort((columns["overlap"][known], correlation[known]))][:most]
    plain = {key: _plain(values[order]) for key, values in columns.items()}
    return [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]
