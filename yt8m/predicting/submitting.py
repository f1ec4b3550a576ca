"""Writes predictions as a submission file."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from yt8m.errors import InputError
from yt8m.metrics import top_k_predictions
from yt8m.metrics.logits import probability
from yt8m.metrics.segments import DEFAULT_MAX_SEGMENTS
from yt8m.predicting.parts import Description, Part, Predictions
from yt8m.predicting.prior import Places, Prior
from yt8m.progress import SILENT, Progress
from yt8m.submission import SegmentRanking, VideoSubmissionWriter
from yt8m.submission.video import MAX_PAIRS


@dataclass(frozen=True)
class Submitted:
    """The rows that a submission was made from."""

    num_videos: int
    num_segments: int | None = None
    """Number of ranked segments; None in the video task."""


def write_submission(
    predictions: Predictions,
    out: str | os.PathLike,
    *,
    top_k: int = MAX_PAIRS,
    max_segments: int = DEFAULT_MAX_SEGMENTS,
    prior: Prior | None = None,
    places: Places | None = None,
    progress: Progress = SILENT,
) -> Submitted:
    """Writes a CSV for the task of the predictions.

    Args:
        predictions: predictions for videos, or for all segments of some videos.
        out: the file, which appears when it is complete.
        top_k: number of predictions per video.
        max_segments: largest number of segments per class.
        prior: predictions for whole videos to rank segments with.
        places: the segments to leave out.
        progress: counts the rows after each part.

    Raises:
        InputError: the file cannot be written; a video or segment occurs twice; there is no segment to rank.
    """
    if predictions.description.task == "video":
        return _write_videos(predictions, out, top_k, progress)
    return _write_segments(predictions, out, max_segments, prior, places or Places(), progress)


def _write_videos(predictions: Predictions, out, top_k: int, progress: Progress) -> Submitted:
    count = 0
    with VideoSubmissionWriter(out) as writer:
        for part in predictions.parts():
            scores, classes = part.logits.astype(np.float32), part.classes
            if classes is None:
                columns, scores = top_k_predictions(scores, top_k)
                classes = np.array(predictions.description.classes)[columns]
            for rows, kept in _alike(part.counts, len(part), top_k):
                writer.write(part.ids[rows].tolist(), classes[rows, :kept], probability(scores[rows, :kept]))
            count += len(part)
            progress.advance(len(part))
    return Submitted(count)


def _alike(counts: np.ndarray | None, num_rows: int, top_k: int) -> Iterator[tuple[slice, int]]:
    """Yields runs of rows with equal numbers of classes to write, at most `top_k`, and that number."""
    if counts is None:
        yield slice(num_rows), top_k
        return
    ends = np.flatnonzero(np.diff(counts, append=-1)) + 1
    for first, end in itertools.pairwise([0, *ends.tolist()]):
        yield slice(first, end), min(int(counts[first]), top_k)


def _write_segments(
    predictions: Predictions, out, max_segments: int, prior, places: Places, progress: Progress
) -> Submitted:
    class_ids, videos = ranked_class_ids(predictions), set()
    ranking = SegmentRanking(class_ids.tolist(), max_segments)
    for part in predictions.parts():
        kept, keys = ranked_keys(part, predictions.description, class_ids, prior, places)
        ranking.update(part.ids[kept], part.starts[kept], keys[kept])
        videos.update(part.ids.tolist())
        progress.advance(len(part))
    if not ranking.num_segments:
        raise nothing_to_rank(predictions)
    ranking.write(out)
    return Submitted(len(videos), ranking.num_segments)


def ranked_class_ids(predictions: Predictions) -> np.ndarray:
    """The classes that segments are ranked for, int [C]."""
    assert predictions.description.classes is not None, "segments have a column for each class"
    return np.array(predictions.description.classes)


def ranked_keys(
    part: Part, description: Description, class_ids: np.ndarray, prior: Prior | None, places: Places
) -> tuple[np.ndarray, np.ndarray]:
    """What the segments of a part are ranked by.

    Args:
        part: the segments; all of each video.
        description: of the predictions.
        class_ids: the ranked classes, [C].
        prior, places: see `write_submission`.

    Returns:
        Which segments are ranked, bool [N], and the keys of all, float32 [N, C], greatest first.
    """
    keys = part.dense(description, class_ids)
    return places.kept(part), prior.keys(part, keys) if prior else keys


def nothing_to_rank(predictions: Predictions) -> InputError:
    """The error if no segment is left."""
    return InputError(
        f"{predictions.name}: no video has a segment to rank: none has frames, or --skip-first-segments and "
        "--skip-last-segments leave all of them out"
    )
