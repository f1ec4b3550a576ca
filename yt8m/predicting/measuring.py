"""Computes the metrics of predictions against labels in memory. Definitions: docs/metrics.md."""

from collections.abc import Mapping, Sequence

import numpy as np

from yt8m.data.schema import LABEL_PADDING
from yt8m.errors import InputError
from yt8m.metrics import SegmentMetrics, SegmentRatings, VideoMetrics
from yt8m.metrics.logits import probability
from yt8m.predicting.parts import Predictions
from yt8m.progress import SILENT, Progress
from yt8m.submission.coverage import unranked_remark
from yt8m.submission.video import MAX_PAIRS

_LAST = -1e6
"""Below every logit. A class that segments are not ranked for gets this value and counts 0."""


def measure_segments(predictions: Predictions, ratings: SegmentRatings, progress: Progress = SILENT) -> SegmentMetrics:
    """Computes segment MAP and other metrics for all rated segments. A class without a column counts 0.

    Args:
        predictions: predictions for segments.
        ratings: the rated segments.
        progress: gets a line if classes with a positive have no column.

    Raises:
        InputError: the predictions lack a rated segment, or are for whole videos.
    """
    description = predictions.description
    if description.task != "segment":
        raise InputError(f"{predictions.name}: is of whole videos; make predictions of segments to rank those")
    class_ids = np.array(description.classes)
    rated = ratings.by_segment()
    metrics = SegmentMetrics(description.num_classes, description.classes)
    for part in predictions.parts():
        segments = list(zip(map(bytes.decode, part.ids.tolist()), part.starts.tolist(), strict=True))
        rows = [row for row, segment in enumerate(segments) if segment in rated]
        of_rows = [rated.pop(segments[row]) for row in rows]
        width = max(map(len, of_rows), default=0)
        labels, scores = np.full((len(rows), width), LABEL_PADDING), np.full((len(rows), width), -1.0)
        for row, pairs in enumerate(of_rows):
            labels[row, : len(pairs)] = [class_id for class_id, _ in pairs]
            scores[row, : len(pairs)] = [positive for _, positive in pairs]
        logits = np.full((len(rows), description.num_classes), _LAST, np.float32)
        logits[:, class_ids] = part.dense(description, class_ids)[rows]
        metrics.update(logits, part.ids[rows].tolist(), part.starts[rows], labels, scores)
    if rated:
        video, start = min(rated)
        raise InputError(
            f"{predictions.name}: has no segment '{video}:{start}', which is rated, and so {len(rated)} in all; "
            "give the records that were predicted"
        )
    if remark := unranked_remark(predictions.name, metrics.per_class(), description.classes or ()):
        progress.message(remark)
    return metrics


def measure_videos(predictions: Predictions, labels: Mapping[str, Sequence[int]]) -> VideoMetrics:
    """Computes GAP, MAP, Hit@1 and PERR for all labelled videos, from the 20 most probable classes of each.

    Args:
        predictions: predictions for videos.
        labels: the labels of each video, by its id.

    Raises:
        InputError: a labelled video has no prediction, a predicted video has no labels, or the predictions are for segments.
    """
    description = predictions.description
    if description.task != "video":
        raise InputError(f"{predictions.name}: is of segments; give records with rated segments")
    metrics, missing = VideoMetrics(description.num_classes, MAX_PAIRS), dict(labels)
    every = np.arange(description.num_classes) if description.classes is None else np.array(description.classes)
    for part in predictions.parts():
        names = part.names()
        unknown = next((name for name in names if name not in missing), None)
        if unknown is not None:
            raise InputError(
                f"{predictions.name}: video {unknown!r} is not in the labelled data; give what was predicted"
            )
        logits, classes = part.logits.astype(np.float32), part.classes
        if classes is None:
            columns = np.argsort(-logits, axis=1, kind="stable")[:, :MAX_PAIRS]
            classes, logits = every[columns], np.take_along_axis(logits, columns, axis=1)
        rows = [missing.pop(name) for name in names]
        padded = np.full((len(rows), max(map(len, rows), default=0)), LABEL_PADDING, np.int32)
        for row, own in enumerate(rows):
            padded[row, : len(own)] = own
        metrics.update_lists(classes[:, :MAX_PAIRS].astype(np.int32), probability(logits[:, :MAX_PAIRS]), padded, names)
    if missing:
        raise InputError(
            f"{predictions.name}: has no video {min(missing)!r}, which is labelled, and so {len(missing)} in all; "
            "give the records that were predicted"
        )
    return metrics
