"""Metrics of predictions, in NumPy alone: importing this loads no TensorFlow. Definitions: docs/metrics.md."""

from yt8m.metrics.confusions import Confusion, Confusions
from yt8m.metrics.per_class import PerClass, enough_positives
from yt8m.metrics.pooled import PrecisionRecall, Reliability, counts_at, precision_recall, reliability
from yt8m.metrics.ranking import (
    average_precision,
    global_average_precision,
    hit_at_one,
    mean_average_precision,
    precision_at_equal_recall_rate,
    top_k_predictions,
)
from yt8m.metrics.ratings import SegmentRatings
from yt8m.metrics.segments import SegmentMetrics, SegmentRankingMetrics, segment_map
from yt8m.metrics.streaming import VideoMetrics

__all__ = [
    "Confusion",
    "Confusions",
    "PerClass",
    "PrecisionRecall",
    "Reliability",
    "SegmentMetrics",
    "SegmentRankingMetrics",
    "SegmentRatings",
    "VideoMetrics",
    "average_precision",
    "counts_at",
    "enough_positives",
    "global_average_precision",
    "hit_at_one",
    "mean_average_precision",
    "precision_at_equal_recall_rate",
    "precision_recall",
    "reliability",
    "segment_map",
    "top_k_predictions",
]
