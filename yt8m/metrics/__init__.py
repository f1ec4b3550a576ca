"""Metrics of predictions, in NumPy alone: importing this loads no TensorFlow. Definitions: docs/metrics.md."""

from yt8m.metrics.per_class import PerClass
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
    "PerClass",
    "SegmentMetrics",
    "SegmentRankingMetrics",
    "SegmentRatings",
    "VideoMetrics",
    "average_precision",
    "global_average_precision",
    "hit_at_one",
    "mean_average_precision",
    "precision_at_equal_recall_rate",
    "segment_map",
    "top_k_predictions",
]
