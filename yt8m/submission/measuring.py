"""Scores a submission with labels in memory. Definitions: docs/metrics.md."""

import os
from array import array
from collections.abc import Iterable
from itertools import islice

import numpy as np

from yt8m.data.schema import DEFAULT_NUM_CLASSES, LABEL_PADDING
from yt8m.errors import InputError, quantity
from yt8m.metrics.inputs import ROWS_AT_ONCE, id_text
from yt8m.metrics.ratings import SegmentRatings
from yt8m.metrics.segments import DEFAULT_MAX_SEGMENTS, SegmentRankingMetrics
from yt8m.metrics.streaming import VideoMetrics
from yt8m.progress import SILENT, Progress
from yt8m.submission.coverage import unranked_remark
from yt8m.submission.reading import read_segment_submission, read_video_submission, say_classes
from yt8m.submission.video import MAX_PAIRS


def score_video_submission(
    path: str | os.PathLike,
    labelled_videos: Iterable[tuple[str | bytes, Iterable[int]]],
    num_classes: int = DEFAULT_NUM_CLASSES,
    progress: Progress = SILENT,
) -> dict[str, float | int]:
    """GAP, MAP, Hit@1 and PERR: the `VideoMetrics.result` of `measure_video_submission`, with the same arguments.

    Raises:
        InputError: as there, or no video has a label.
    """
    return measure_video_submission(path, labelled_videos, num_classes, progress).result()


def measure_video_submission(
    path: str | os.PathLike,
    labelled_videos: Iterable[tuple[str | bytes, Iterable[int]]],
    num_classes: int = DEFAULT_NUM_CLASSES,
    progress: Progress = SILENT,
) -> VideoMetrics:
    """The metrics of a submission for the video task.

    A labelled video without a row counts as a video without predictions. Hit@1 and PERR use a video's 20 predictions, so PERR
    differs from the model's if a video has more than 20 labels.

    Args:
        path: the CSV file.
        labelled_videos: the id and label ids of every video, possibly padded with -1. They are read once.
        num_classes: classes go from 0 to num_classes - 1; 4716 for the 2017 data.
        progress: gets a line on labelled videos without a row, if there are any.

    Raises:
        InputError: the submission breaks a rule, or has a video without labels; or a labelled video comes twice or has a
            label out of range.
    """
    labels = _LabelTable(labelled_videos, num_classes)
    metrics = VideoMetrics(num_classes, MAX_PAIRS)
    submitted = np.zeros(len(labels), bool)
    num_unknown, first_unknown = 0, None
    rows = read_video_submission(path, num_classes)
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        known = [(row, labels.index[row.video_id]) for row in batch if row.video_id in labels.index]
        if len(known) < len(batch):
            num_unknown += len(batch) - len(known)
            first_unknown = first_unknown or next(row for row in batch if row.video_id not in labels.index)
        classes = np.full((len(known), MAX_PAIRS), LABEL_PADDING, np.int32)
        scores = np.zeros((len(known), MAX_PAIRS), np.float32)
        for place, (row, _) in enumerate(known):
            classes[place, : len(row.classes)] = row.classes
            scores[place, : len(row.scores)] = row.scores
        videos = np.array([video for _, video in known], np.int64)
        submitted[videos] = True
        metrics.update_lists(classes, scores, labels.padded(videos), [row.video_id for row, _ in known])
    if first_unknown is not None:
        raise InputError(
            f"{os.fspath(path)}, line {first_unknown.line}: video {first_unknown.video_id!r} is not in the labelled "
            f"data, and so {num_unknown} in all; give the data that was predicted"
        )
    missing = np.flatnonzero(~submitted)
    if len(missing):
        progress.message(
            f"{os.fspath(path)}: has no row for {len(missing)} of the {quantity(len(labels), 'labelled video')}; "
            "they count as without predictions"
        )
    for first in range(0, len(missing), ROWS_AT_ONCE):
        videos = missing[first : first + ROWS_AT_ONCE]
        nothing = np.empty((len(videos), 0), np.int32)
        metrics.update_lists(nothing, nothing.astype(np.float32), labels.padded(videos))
    return metrics


def score_segment_submission(
    path: str | os.PathLike,
    ratings: SegmentRatings,
    num_classes: int = DEFAULT_NUM_CLASSES,
    max_segments: int = DEFAULT_MAX_SEGMENTS,
    progress: Progress = SILENT,
) -> dict[str, float | int]:
    """Segment MAP: the `SegmentRankingMetrics.result` of `measure_segment_submission`, with the same arguments."""
    return measure_segment_submission(path, ratings, num_classes, max_segments, progress).result()


def measure_segment_submission(
    path: str | os.PathLike,
    ratings: SegmentRatings,
    num_classes: int = DEFAULT_NUM_CLASSES,
    max_segments: int = DEFAULT_MAX_SEGMENTS,
    progress: Progress = SILENT,
) -> SegmentRankingMetrics:
    """The metrics of a submission for the segment task.

    Args:
        path: the CSV file.
        ratings: the rated segments.
        num_classes: classes go from 0 to num_classes - 1.
        max_segments: the K of MAP@K. No class of the file may have more segments.
        progress: gets a line on classes with a positive but without a row, if there are any.

    Raises:
        InputError: the submission breaks a rule or shares no video with the ratings, or no rating is positive.
    """
    rated_videos = {video_id.encode() for video_id in ratings.video_ids}
    any_rated = False
    metrics = SegmentRankingMetrics(ratings, max_segments)
    for row in read_segment_submission(path, range(num_classes), max_segments):
        ids = row.ids.tolist()
        any_rated = any_rated or not rated_videos.isdisjoint(ids)
        metrics.add(row.class_id, zip(map(bytes.decode, ids), row.starts.tolist(), strict=True))
    if not any_rated:
        raise InputError(f"{os.fspath(path)}: none of its videos has a rated segment; give the data that was predicted")
    if remark := unranked_remark(os.fspath(path), metrics.per_class(), metrics.submitted_classes):
        progress.message(remark)
    return metrics


class _LabelTable:
    """The label ids of many videos, in a few bytes each."""

    def __init__(self, labelled_videos: Iterable[tuple[str | bytes, Iterable[int]]], num_classes: int):
        self.index: dict[str, int] = {}
        flat, offsets = array("i"), array("q", [0])
        for identifier, labels in labelled_videos:
            video_id = id_text(identifier)
            if video_id in self.index:
                raise InputError(f"video {video_id!r} occurs twice in the labelled data; give every file once")
            self.index[video_id] = len(self.index)
            for label in labels:
                if label == LABEL_PADDING:
                    continue
                if not 0 <= label < num_classes:
                    raise InputError(f"video {video_id!r} has label {label}; {say_classes(label, num_classes)}")
                flat.append(int(label))
            offsets.append(len(flat))
        self._flat, self._offsets = np.array(flat, np.int32), np.array(offsets, np.int64)

    def __len__(self) -> int:
        return len(self.index)

    def padded(self, videos: np.ndarray) -> np.ndarray:
        """The labels of some videos, int32 [N, L], padded with -1."""
        starts, counts = self._offsets[videos], np.diff(self._offsets)[videos]
        columns = np.arange(counts.max(initial=0))
        present = columns < counts[:, None]
        labels = np.full(present.shape, LABEL_PADDING, np.int32)
        labels[present] = self._flat[(starts[:, None] + columns)[present]]
        return labels
