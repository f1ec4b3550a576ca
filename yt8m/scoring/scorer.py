"""Runs a trained model over records in one pass, and gives scores."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from yt8m import models
from yt8m.config import RunConfig
from yt8m.data import failures, pipeline
from yt8m.data.engine.records import Record
from yt8m.data.engine.stream import batches_of
from yt8m.data.options import Frames, Portion
from yt8m.data.schema import SEGMENT_FRAMES, Share
from yt8m.data.source import Source
from yt8m.distribution.devices import Devices, alone
from yt8m.distribution.exhaustion import memory_errors
from yt8m.errors import quantity
from yt8m.metrics.logits import probability
from yt8m.scoring.application import (
    VIDEO_OF_ROW,
    apply_model,
    apply_once_a_video,
    padded,
    rows_by_video,
)
from yt8m.scoring.calibration import Calibration
from yt8m.scoring.cross_entropy import video_losses
from yt8m.traced_gradients import owned_gradients

BATCH_SIZE = {"video": 1024, "frame": 64, "segment": 512}
"""Records in each step at prediction, by level: about 20 MB of features."""


@dataclass(frozen=True)
class Scored:
    """A batch of records with the model's results. N = records, C = classes, L = label columns."""

    ids: list[bytes]
    logits: np.ndarray
    """float32 [N, C]."""
    labels: np.ndarray
    """int32 [N, L], padded with -1."""
    losses: np.ndarray
    """Cross-entropy of each record, summed over the classes: float32 [N]."""
    segment_starts: np.ndarray | None = None
    """int32 [N], at segment level."""
    label_scores: np.ndarray | None = None
    """float32 [N, L], at segment level."""
    num_cut: int = 0
    """Number of videos with more frames than are kept."""
    num_short: int = 0
    """Number of segments with fewer than five frames."""
    num_without_frames: int = 0
    """Number of videos without frames, at segment level. They have no segments, so no rows."""

    @property
    def scores(self) -> np.ndarray:
        """Probabilities, float32 [N, C]."""
        return probability(self.logits)


def _as_segments(scored: Scored, batch: dict[str, tf.Tensor]) -> Scored:
    """Adds the segments' data to a batch, and leaves out the rows of videos without frames."""
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


def frames_of(config: RunConfig, segments: str) -> Frames:
    """The frames that a run's model gets of each video, or segment, at prediction."""
    return Frames(
        num_frames=config.data.prediction_num_frames or None,
        sampling=config.data.prediction_sampling,
        max_frames=config.data.max_frames,
        segments=segments,
    )


class Scorer:
    """Applies a model to records. Make one for each model, so its graph is traced once.

    Every batch has the same size for any records and any number of devices: the last ones are filled up with rows of zeros.
    So there is one compilation, and a row has the same logits, bit for bit, on one device and on several of its kind.

    Args:
        model: maps features to logits; made in the scope of the devices' strategy.
        devices: devices to use; None = TensorFlow chooses. Each of several workers scores its share of the records.
        calibration: applied to the logits; None = leave them as they are.
    """

    def __init__(self, model: keras.Model, devices: Devices | None = None, calibration: Calibration | None = None):
        self.devices, self._calibration = devices or alone(), calibration
        self._by_video = models.has_context(model) and not self.devices.static_shapes
        apply = apply_once_a_video if self._by_video else apply_model

        def step(batch):
            with owned_gradients(model):
                logits = apply(model, batch)
            return logits, video_losses(logits, batch)

        # Nothing here branches on the value of a tensor, and AutoGraph would take half a second to read and rewrite the source.
        # Only numbers of videos change from batch to batch. Recurrent layers do not take an unknown number of frames.
        self._step = tf.function(step, reduce_retracing=self._by_video, autograph=False)

    def scores(
        self,
        source: Source,
        config: RunConfig,
        segments: str = "rated",
        batch_size: int | None = None,
        shard: Share | None = None,
    ) -> Iterator[Scored]:
        """Scores all records, or segments, in the order of the files.

        Args:
            source: the records.
            config: the run's configuration.
            segments: `rated` or `all`, at segment level.
            batch_size: records in a step of each device; None = `BATCH_SIZE` of the level.
            shard: the share of the records to score; None = this worker's.

        Raises:
            InputError, RecordError: a record cannot be used, or there is too little memory.
        """
        size = batch_size or BATCH_SIZE[source.level]
        portion = Portion(shard=shard or self.devices.shard, processes=config.data.processes)
        dataset = pipeline.make_dataset(source, size, frames_of(config, segments), portion=portion)
        yield from self._score_all(iter(dataset), source, size)

    def scores_of(
        self,
        records: Iterable[Record],
        source: Source,
        config: RunConfig,
        segments: str = "rated",
        skip: int = 0,
        number: int | None = None,
        first: int = 0,
    ) -> Iterator[Scored]:
        """Scores given records, or their segments, in order.

        Args:
            records, skip, number, first: see `yt8m.data.engine.stream.batches_of`.
            source, config, segments: see `scores`.

        Raises:
            InputError, RecordError: see `scores`.
        """
        size = BATCH_SIZE[source.level]
        batches = batches_of(records, source, size, frames_of(config, segments), skip, number, first)
        tensors = ({name: tf.convert_to_tensor(value) for name, value in batch.items()} for batch in batches)
        yield from self._score_all(tensors, source, size)

    def _score_all(self, batches: Iterator[dict[str, tf.Tensor]], source: Source, size: int) -> Iterator[Scored]:
        work = f"scoring {quantity(size, 'segment' if source.level == 'segment' else 'video')} at a time"
        with failures.record_errors(source), memory_errors(work):
            while some := list(itertools.islice(batches, self.devices.num_local_replicas)):
                yield from self._score(some, size)

    def _score(self, batches: list[dict[str, tf.Tensor]], size: int) -> Iterator[Scored]:
        """Scores up to one batch for each device of this worker."""
        ids = [batch.pop("id") for batch in batches]
        inputs = [self._inputs(names, batch, size) for names, batch in zip(ids, batches, strict=True)]
        for names, batch, (logits, losses) in zip(ids, batches, self._compute(inputs), strict=True):
            rows = slice(names.shape[0])
            scored = Scored(names.numpy().tolist(), logits.numpy()[rows], batch["labels"].numpy(), losses.numpy()[rows])
            if self._calibration:
                calibrated = self._calibration(scored.logits)
                scored = dataclasses.replace(scored, logits=calibrated, losses=video_losses(calibrated, batch).numpy())
            if "cut_frames" in batch:
                scored = dataclasses.replace(scored, num_cut=int(np.count_nonzero(batch["cut_frames"])))
            yield _as_segments(scored, batch) if "segment_start" in batch else scored

    def _inputs(self, ids: tf.Tensor, batch: dict[str, tf.Tensor], size: int) -> dict[str, tf.Tensor]:
        """Makes the input of one device's step, without strings."""
        filled = padded(batch, size)
        if not self._by_video:
            return filled
        rows = rows_by_video(ids)
        # Padding rows belong to the first video.
        return filled | rows | padded({VIDEO_OF_ROW: rows[VIDEO_OF_ROW]}, size)

    def _compute(self, inputs: list[dict[str, tf.Tensor]]) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Computes logits and losses of a batch on each device. Devices without a batch repeat the last one."""
        if self.devices.num_local_replicas == 1:
            return [self._step(each) for each in inputs]
        strategy, first = self.devices.strategy, self.devices.worker * self.devices.num_local_replicas

        def of_device(context):
            return inputs[min(context.replica_id_in_sync_group - first, len(inputs) - 1)]

        found = strategy.run(self._step, args=(strategy.experimental_distribute_values_from_function(of_device),))
        columns = [strategy.experimental_local_results(each) for each in found]
        return list(zip(*columns, strict=True))[: len(inputs)]
