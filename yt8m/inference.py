"""A trained model over records: one pass, scores out. What evaluation and prediction share."""

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from yt8m import models, runs
from yt8m.application import VIDEO_OF_ROW, apply_model, apply_once_a_video, padded, rows_by_video
from yt8m.config import RunConfig
from yt8m.data import pipeline, remarks, salvage
from yt8m.data.inspection import Counted
from yt8m.data.overlap import find_learned
from yt8m.data.pipeline import Source
from yt8m.data.schema import SEGMENT_FRAMES, Fold
from yt8m.data.sources import expand_paths
from yt8m.data.survey import survey
from yt8m.data.vocabulary import find_segment_classes, read_segment_class_ids
from yt8m.distribution.devices import Devices, alone
from yt8m.distribution.exhaustion import memory_errors
from yt8m.errors import InputError, quantity
from yt8m.layers.normalisation import synchronised_statistics
from yt8m.own_records import choose_paths
from yt8m.predictions.parts import probability
from yt8m.training.losses import video_losses
from yt8m.training.weights import load_weights

BATCH_SIZE = {"video": 1024, "frame": 64, "segment": 512}
"""Records a step at prediction, by level: about 20 MB of features each."""


@dataclass(frozen=True)
class Scored:
    """A batch of records and what the model says of them. N = records, C = classes, L = label columns."""

    ids: list[bytes]
    logits: np.ndarray
    """float32 [N, C]"""
    labels: np.ndarray
    """int32 [N, L], padded with -1."""
    losses: np.ndarray
    """Cross-entropy summed over the classes, float32 [N]."""
    segment_starts: np.ndarray | None = None
    """int32 [N], at segment level."""
    label_scores: np.ndarray | None = None
    """float32 [N, L], at segment level."""
    num_cut: int = 0
    """Videos among them with more frames than are kept."""
    num_short: int = 0
    """Segments among them that have fewer than five frames."""
    num_without_frames: int = 0
    """Videos that have no frames, so no segment, and are in no row; at segment level."""

    @property
    def scores(self) -> np.ndarray:
        """Probabilities, float32 [N, C]."""
        return probability(self.logits)


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
        return models.build_for_training(
            config.model, config.data.num_classes, config.data.features, config.data.segment_context == "video"
        )


def start_from(built: models.BuiltModel, config: RunConfig) -> None:
    """Gives a model the best weights of `--training.initial-run`, if it is named; with a context, both of its streams.

    Raises:
        InputError: there is no such run, it has no weights yet, or its model is another.
    """
    run = config.training.initial_run
    if not run:
        return
    initial = runs.load_config(run)
    difference = runs.model_difference(config, initial)
    if difference:
        raise InputError(f"--training.initial-run {run}: its {difference}; start from a run of the same model")
    with_context = initial.data.segment_context == "video"
    if with_context and config.data.segment_context != "video":
        raise InputError(
            f"--training.initial-run {run}: was trained with the whole video as context; add --data.segment-context video"
        )
    weights = best_weights(run)
    for model in [built.predicting] if with_context else models.streams_of(built.predicting):
        load_weights(model, weights)


def load_run(run: str | os.PathLike) -> keras.Model:
    """The best model of a run directory; the last one, if the run had no validation records.

    Raises:
        InputError: there is no run, or no model was saved yet, or it does not fit the configuration.
    """
    config = runs.load_config(run)
    weights = best_weights(run)
    model = build(config)
    load_weights(model, weights)
    return model


def best_weights(run: str | os.PathLike) -> Path:
    """The file of a run's best weights. Raises InputError if there is none yet."""
    directory = runs.RunDirectory(Path(run))
    weights = directory.best_weights
    if not weights.exists():
        name = weights.relative_to(run)
        if any(row["kind"] == "validation" for row in runs.read_metrics(directory)):
            there = any(directory.checkpoints.glob("*.index"))
            how = "the same `yt8m train` command restores it" if there else "train it anew"
            raise InputError(f"{run}: {name} is gone; {how}")
        raise InputError(f"{run}: has no {name} yet; let training reach its first validation, or its end")
    return weights


def open_data(
    config: RunConfig,
    paths: str | Sequence[str],
    segments: bool | None = None,
    tell: Callable[[str], None] = lambda text: None,
    part: Literal["all", "training", "held out"] = "all",
    labels_for: str = "",
    counted: Counted | None = "segments",
) -> Source:
    """Records for a run's model: of its level, with its features and classes.

    A model of video level is given the means where the records have frames. `yt8m.data.survey` says what they are.

    Args:
        config: the run's.
        paths: files, directories or globs.
        segments: cut frame-level records into segments, or leave them whole; None = cut them where segments are rated.
        tell: gets a line on broken records that are left out (`--data.on-corrupt skip`), and those of `yt8m.data.remarks`.
        part: of the videos, where the run leaves a fold of them out (`--data.fold`).
        labels_for: what labels are needed for, `training` say; none = they are not.
        counted: what may be there once: whole videos, where segments are rated one of those, or anything as often as it likes
            (None). Of what comes twice the later record is left out as a broken one is, or else found by who reads it.

    Raises:
        InputError, RecordError: as `yt8m.data.pipeline.open_source`; no record can be used; whole videos for a model of
            segments with their videos.
    """
    data = config.data
    found = survey(expand_paths(paths))
    if segments is None:
        segments = found.level == "segment"
    as_means = config.model.level == "video" and found.level != "video"
    level = "segment" if segments else "frame" if as_means else config.model.level
    source = pipeline.source_of(found, level, data.features, data.num_classes, data.max_labels)
    if data.segment_context and not segments:
        raise InputError(
            f"{source.files[0]}: holds whole videos, and --data.segment-context, which this run has, is of rated segments; "
            "name records of those"
        )
    if part != "held out":  # training told of these records
        remarks.remark(found, source, data, labels_for, tell)
    if as_means and not segments:
        tell(
            f"{source.files[0]} ...: holds frames, of which {config.model.name} reads the means; video-level records are faster"
        )
    source = dataclasses.replace(
        source,
        as_means=as_means,
        context=data.segment_context,
        context_num_frames=data.context_num_frames,
        rated_classes=_rated_classes(source, tell) if segments else None,
        fold=None if part == "all" else Fold.parse(data.fold),
        held_out=part == "held out",
    )
    if counted == "segments" and source.level != "segment":
        counted = "videos"
    return salvage.usable_source(source, data.on_corrupt, tell, counted)


def _rated_classes(source: Source, tell: Callable[[str], None]) -> tuple[int, ...] | None:
    path = find_segment_classes(source.files[0], source.num_classes)
    if path is None:
        return None
    listed = read_segment_class_ids(path)
    known = tuple(class_id for class_id in listed if class_id < source.num_classes)
    if len(known) < len(listed):
        tell(
            f"{path}: {len(listed) - len(known)} of its {quantity(len(listed), 'class')} are not among the model's "
            f"{source.num_classes} and are left out; --data.num-classes in training says how many there are"
        )
    return known


def open_validation(
    run: str | os.PathLike,
    config: RunConfig,
    data: str | Sequence[str] = (),
    tell: Callable[[str], None] = lambda text: None,
) -> Source:
    """The records to evaluate a run on: those given, or else its own validation records; of folds, the one left out.

    Raises:
        InputError, RecordError: none are given, and the run has no validation split; as `open_data`.
    """
    part = "held out" if config.data.fold and not data else "all"
    source = open_data(
        config,
        choose_paths(run, config, data, "validate", tell),
        tell=tell,
        part=part,
        labels_for="evaluation" if data else "validation",
    )
    if data and (common := find_learned(config.data.train, data)):  # not before records are refused
        tell(f"{run}: learned from records that it is measured on here ({common}); it will do worse on others")
    return source


def _as_segments(scored: Scored, batch: dict[str, tf.Tensor]) -> Scored:
    """A batch of segments with what is known of them, less the rows of videos without frames."""
    frames = batch["segment_frames"].numpy()
    there = frames > 0
    return Scored(
        ids=list(itertools.compress(scored.ids, there)),
        logits=scored.logits[there],
        labels=scored.labels[there],
        losses=scored.losses[there],
        segment_starts=batch["segment_start"].numpy()[there],
        label_scores=batch["label_scores"].numpy()[there],
        num_short=int(np.count_nonzero(there & (frames < SEGMENT_FRAMES))),
        num_without_frames=int(np.count_nonzero(~there)),
    )


class Scorer:
    """Applies a model to records; made once a model, so that its graph is traced once.

    Every batch has the same size, whatever the records and the number of devices: the last ones are filled up with rows of
    zeros. So there is one compilation, and a row's logits are the same, bit for bit, on one device and on several of its kind.

    Args:
        model: from features to logits; made in the scope of the devices' strategy.
        devices: where to compute; None = where TensorFlow puts it. Each of several workers scores its share of the records.
    """

    def __init__(self, model: keras.Model, devices: Devices | None = None):
        self.devices = devices or alone()
        self._by_video = models.has_context(model) and not self.devices.static_shapes
        apply = apply_once_a_video if self._by_video else apply_model

        def step(batch):
            logits = apply(model, batch)
            return logits, video_losses(logits, batch)

        self._step = tf.function(step, reduce_retracing=True)

    def scores(
        self,
        source: Source,
        config: RunConfig,
        segments: str = "rated",
        batch_size: int | None = None,
        shard: tuple[int, int] | None = None,
    ) -> Iterator[Scored]:
        """Scores all records, or segments, in the order of the files.

        Args:
            source: what to read.
            config: the run's.
            segments: `rated` or `all`, at segment level.
            batch_size: records a step of each device; None = one that suits the level.
            shard: (index, count), the share of the records to score; None = this worker's.

        Raises:
            InputError, RecordError: a record cannot be used, or memory does not suffice.
        """
        size = batch_size or BATCH_SIZE[source.level]
        dataset = pipeline.make_dataset(
            source,
            size,
            num_frames=config.data.prediction_num_frames or None,
            sampling=config.data.prediction_sampling,
            max_frames=config.data.max_frames,
            segments=segments,
            shard=shard or self.devices.shard,
        )
        work = f"scoring {quantity(size, 'segment' if source.level == 'segment' else 'video')} at a time"
        with pipeline.record_errors(source), memory_errors(work):
            batches = iter(dataset)
            while some := list(itertools.islice(batches, self.devices.num_local_replicas)):
                yield from self._score(some, size)

    def _score(self, batches: list[dict[str, tf.Tensor]], size: int) -> Iterator[Scored]:
        """Scores up to one batch for each device of this worker."""
        ids = [batch.pop("id") for batch in batches]
        inputs = [self._inputs(names, batch, size) for names, batch in zip(ids, batches, strict=True)]
        for names, batch, (logits, losses) in zip(ids, batches, self._compute(inputs), strict=True):
            rows = slice(names.shape[0])
            scored = Scored(names.numpy().tolist(), logits.numpy()[rows], batch["labels"].numpy(), losses.numpy()[rows])
            if "cut_frames" in batch:
                scored = dataclasses.replace(scored, num_cut=int(np.count_nonzero(batch["cut_frames"])))
            yield _as_segments(scored, batch) if "segment_start" in batch else scored

    def _inputs(self, ids: tf.Tensor, batch: dict[str, tf.Tensor], size: int) -> dict[str, tf.Tensor]:
        """What the step of one device is given: no strings."""
        filled = padded(batch, size)
        if not self._by_video:
            return filled
        rows = rows_by_video(ids)
        # The rows that fill up belong to the first video.
        return filled | rows | padded({VIDEO_OF_ROW: rows[VIDEO_OF_ROW]}, size)

    def _compute(self, inputs: list[dict[str, tf.Tensor]]) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Logits and losses of a batch for each device; devices that get none repeat the last one."""
        if self.devices.num_local_replicas == 1:
            return [self._step(each) for each in inputs]
        strategy, first = self.devices.strategy, self.devices.worker * self.devices.num_local_replicas

        def of_device(context):
            return inputs[min(context.replica_id_in_sync_group - first, len(inputs) - 1)]

        found = strategy.run(self._step, args=(strategy.experimental_distribute_values_from_function(of_device),))
        columns = [strategy.experimental_local_results(each) for each in found]
        return list(zip(*columns, strict=True))[: len(inputs)]
