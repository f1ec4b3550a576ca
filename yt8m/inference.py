"""A trained model over records: one pass, scores out. What evaluation and prediction share."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from yt8m import models, runs
from yt8m.config import RunConfig
from yt8m.data import pipeline, salvage
from yt8m.data.pipeline import Source
from yt8m.errors import InputError
from yt8m.layers.normalisation import synchronised_statistics
from yt8m.training.losses import video_losses
from yt8m.training.weights import load_weights

BATCH_SIZE = {"video": 1024, "frame": 64, "segment": 512}
"""Records a step at prediction, by level: about 20 MB of features each."""


@dataclass(frozen=True)
class Scored:
    """A batch of records and what the model says of them. N = records, C = classes, L = label columns."""

    ids: list[bytes]
    scores: np.ndarray
    """Probabilities, float32 [N, C]."""
    labels: np.ndarray
    """int32 [N, L], padded with -1."""
    losses: np.ndarray
    """Cross-entropy summed over the classes, float32 [N]."""
    segment_starts: np.ndarray | None = None
    """int32 [N], at segment level."""
    label_scores: np.ndarray | None = None
    """float32 [N, L], at segment level."""


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Layers made in the block compute in this precision (`float32` or `mixed_bfloat16`)."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def build(config: RunConfig) -> keras.Model:
    """The model of a run, with fresh weights."""
    return build_for_training(config).predicting


def build_for_training(config: RunConfig) -> models.BuiltModel:
    """The model of a run, with fresh weights and all the outputs that training looks at."""
    assert config.data.features, "the features are resolved before a model is built"
    synchronised = config.training.synchronised_batch_normalisation
    with precision(config.training.precision), synchronised_statistics(synchronised):
        return models.build_for_training(config.model, config.data.num_classes, config.data.features)


def load_run(run: str | os.PathLike) -> keras.Model:
    """The best model of a run directory; the last one, if the run had no validation records.

    Raises:
        InputError: there is no run, or no model was saved yet, or it does not fit the configuration.
    """
    config = runs.load_config(run)
    weights = runs.RunDirectory(Path(run)).best_weights
    if not weights.exists():
        name = weights.relative_to(run)
        raise InputError(f"{run}: has no {name} yet; let training reach its first validation, or its end")
    model = build(config)
    load_weights(model, weights)
    return model


def choose_paths(
    run: str | os.PathLike, config: RunConfig, data: str | Sequence[str], split: Literal["validate", "test"]
) -> list[str]:
    """The records to work on: those given, or else the run's own split.

    Raises:
        InputError: none are given, and the run has no such split.
    """
    paths = [data] if isinstance(data, str | os.PathLike) else list(data) or list(getattr(config.data, split))
    if not paths:
        raise InputError(f"{run}: was trained without a {split} split; name the records with --data")
    return paths


def open_data(
    config: RunConfig,
    paths: str | Sequence[str],
    segments: bool | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Source:
    """Records for a run's model: of its level, with its features and classes.

    Args:
        config: the run's.
        paths: files, directories or globs.
        segments: cut frame-level records into segments, or leave them whole; None = cut them where segments are rated.
        tell: gets a line on the broken records that are left out, if the run is to skip them (`--data.on-corrupt skip`).

    Raises:
        InputError, RecordError: as `yt8m.data.pipeline.open_source`; no record can be used.
    """
    if segments is None:
        segments = config.model.level == "frame" and pipeline.open_source(paths).level == "segment"
    source = pipeline.open_source(
        paths,
        level="segment" if segments else config.model.level,
        features=config.data.features,
        num_classes=config.data.num_classes,
        max_labels=config.data.max_labels,
    )
    return salvage.usable_source(source, config.data.on_corrupt, tell)


class Scorer:
    """Applies a model to records; made once a model, so that its graph is traced once.

    Args:
        model: from features to logits.
    """

    def __init__(self, model: keras.Model):
        self._feature_keys = list(model.input)

        @tf.function(reduce_retracing=True)
        def step(batch):
            logits = model({key: batch[key] for key in self._feature_keys}, training=False)
            return tf.sigmoid(logits), video_losses(logits, batch)

        self._step = step

    def scores(
        self, source: Source, config: RunConfig, segments: str = "rated", batch_size: int | None = None
    ) -> Iterator[Scored]:
        """Scores all records, or segments, in the order of the files.

        Args:
            source: what to read.
            config: the run's.
            segments: `rated` or `all`, at segment level.
            batch_size: records a step; None = one that suits the level.

        Raises:
            RecordError: a record cannot be used.
        """
        dataset = pipeline.make_dataset(
            source,
            batch_size or BATCH_SIZE[source.level],
            num_frames=config.data.prediction_num_frames or None,
            sampling=config.data.prediction_sampling,
            max_frames=config.data.max_frames,
            segments=segments,
        )
        with pipeline.record_errors(source):
            for batch in dataset:
                ids = batch.pop("id")
                probabilities, losses = self._step(batch)
                yield Scored(
                    ids=ids.numpy().tolist(),
                    scores=probabilities.numpy(),
                    labels=batch["labels"].numpy(),
                    losses=losses.numpy(),
                    segment_starts=batch["segment_start"].numpy() if "segment_start" in batch else None,
                    label_scores=batch["label_scores"].numpy() if "label_scores" in batch else None,
                )
