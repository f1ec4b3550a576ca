"""Metrics of predictions, in NumPy alone. Importing this loads no TensorFlow. Definitions: docs/metrics.md.

NumPy is loaded with the first public name. Commands that need only titles (`registry.py`) start without it.
"""

import importlib

_PUBLIC = {
    "Confusion": "confusions",
    "Confusions": "confusions",
    "PerClass": "per_class",
    "PrecisionRecall": "pooled",
    "Reliability": "pooled",
    "SegmentMetrics": "segments",
    "SegmentRankingMetrics": "segments",
    "SegmentRatings": "ratings",
    "VideoMetrics": "streaming",
    "average_precision": "ranking",
    "counts_at": "pooled",
    "enough_positives": "per_class",
    "global_average_precision": "ranking",
    "hit_at_one": "ranking",
    "mean_average_precision": "ranking",
    "precision_at_equal_recall_rate": "ranking",
    "precision_recall": "pooled",
    "reliability": "pooled",
    "segment_map": "segments",
    "top_k_predictions": "ranking",
}
"""The module of each public name."""

__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'yt8m.metrics' has no attribute {name!r}")
    return getattr(importlib.import_module(f"yt8m.metrics.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return __all__
