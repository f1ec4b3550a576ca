"""Transforms of Apache Beam for one's own pipelines (docs/clusters.md). Beam is loaded when one is first used."""

import importlib

_PUBLIC = {
    "BeamOptions": "yt8m.cluster.options",
    "ConvertRecords": "yt8m.cluster.convert",
    "DescribeRecords": "yt8m.cluster.split",
    "EvaluateRun": "yt8m.cluster.evaluate",
    "ExtractVideos": "yt8m.cluster.extract",
    "InspectRecords": "yt8m.cluster.inspect",
    "PredictRun": "yt8m.cluster.predict",
    "RankSegments": "yt8m.cluster.ensemble",
    "ReadRecords": "yt8m.cluster.reading",
    "WriteRecords": "yt8m.cluster.writing",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'yt8m.beam' has no attribute {name!r}")
    from yt8m.cluster.options import load_beam

    load_beam()
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
