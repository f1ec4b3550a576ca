"""Run directories of small models with random weights, without any training."""

from pathlib import Path

import numpy as np
from small_models import SMALL, randomise

from yt8m import runs
from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.models import make_architecture
from yt8m.runs.model import build, load_run
from yt8m.runs.records import open_data
from yt8m.runs.weights import save_weights
from yt8m.scoring.scorer import Scorer

NUM_CLASSES = 12
"""Of the sample data."""
MAX_FRAMES = 9
"""Few, for speed."""


def make_run(
    path: Path, model: str, precision: str = "float32", hyperparameters: dict | None = None, **data
) -> RunConfig:
    """Makes a run directory and returns its configuration."""
    data = {"num_classes": NUM_CLASSES, "max_frames": MAX_FRAMES, "features": ("rgb", "audio")} | data
    config = RunConfig(
        run=str(path),
        model=make_architecture(model, **SMALL[model] | (hyperparameters or {})),
        data=DataConfig(**data),
        training=TrainingConfig(precision=precision),
    )
    built = build(config)
    randomise(built, seed=3)
    with runs.opened_run(config) as directory:
        save_weights(built, directory.best_weights)
    return config


def scored(config: RunConfig, records, segments: str | None = None) -> dict[str, np.ndarray]:
    """What the run itself says of records: `ids`, `starts` of segments, and `scores` [N, C]."""
    source = open_data(config, str(records), segments=bool(segments))
    batches = list(Scorer(load_run(config.run)).scores(source, config, segments or "rated"))
    found = {
        "ids": [name for batch in batches for name in batch.ids],
        "scores": np.concatenate([b.scores for b in batches]),
    }
    if segments:
        found["starts"] = np.concatenate([batch.segment_starts for batch in batches])
    return found


def frames_of(config: RunConfig, records, max_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Dequantised frames of records as MediaPipe has them, float32 [N, T, 1152], and their numbers, int32 [N]."""
    from yt8m.data.pipeline import read_records
    from yt8m.data.quantisation import dequantise

    rows = list(read_records(str(records), max_frames=max_frames, level="frame", num_classes=config.data.num_classes))
    frames = [np.concatenate([dequantise(row[name].numpy()) for name in ("rgb", "audio")], axis=2) for row in rows]
    return np.concatenate(frames), np.concatenate([row["num_frames"].numpy() for row in rows])
