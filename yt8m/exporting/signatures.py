"""A run's model as TensorFlow functions of dequantised frames or serialized records, for other programs.

Records are prepared as in `yt8m.scoring.scorer`: the same parsers, sampling and means. Dequantised frames are turned back into
the data set's bytes, because the model learned from these. B = videos, T = frames, F = 1152 (the features side by side, as in
MediaPipe), S = segments of all videos, k = classes in an answer.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from yt8m import models
from yt8m.config import RunConfig
from yt8m.data import parsing
from yt8m.data.sampling import sample_rows
from yt8m.data.schema import CONTEXT_PREFIX, FEATURE_SIZES, QUANTISATION_OFFSET, QUANTISATION_SCALE, SEGMENT_FRAMES
from yt8m.data.segments import segment_parser
from yt8m.exporting.half_precision import halved

RGB_AND_AUDIO = "rgb_and_audio"
_SERIALIZED = "example_bytes"
_Batch = dict[str, tf.Tensor]


def stored_bytes(frames: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Quantises frames float32 [B, T, F] to bytes, uint8 [B, T, F].

    Frames after the first `count`, int32 [B], of a video become 0, as in a batch. Values become the nearest byte, as when the
    data set was made.
    """
    levels = tf.clip_by_value(tf.round((frames - QUANTISATION_OFFSET) / QUANTISATION_SCALE), 0.0, 255.0)
    real = tf.sequence_mask(count, tf.shape(frames)[1])[:, :, None]
    return tf.cast(tf.where(real, levels, 0.0), tf.uint8)


def frames_shown(config: RunConfig) -> int:
    """The number of frames per video, or per segment with its context, that a run's model sees in prediction."""
    context = config.data.segment_context
    if not context:
        return config.data.max_frames
    return SEGMENT_FRAMES if context == "video" else SEGMENT_FRAMES + 2 * context


class ExportedModel(tf.Module):
    """The functions, with their own weights.

    Args:
        model: the model of the run.
        config: the configuration of the run.
        top_k: k of `top_classes`, at most the number of classes.
        num_frames: frames that the model uses of those it gets; None = as in prediction.
        half: store the weights as float16. Computation uses float32.
    """

    def __init__(
        self, model: keras.Model, config: RunConfig, top_k: int, num_frames: int | None = None, half: bool = False
    ):
        super().__init__()
        self._data, self._top_k = config.data, min(top_k, config.data.num_classes)
        self.num_frames = num_frames or frames_shown(config)
        self._as_means = config.model.level == "video"
        self._sees_video = models.has_context(model)

        def stored(variables: list) -> list[tf.Variable]:
            values = [variable.numpy() for variable in variables]
            return [tf.Variable(halved(value) if half else value, trainable=False) for value in values]

        self._trained, self._other = stored(model.trainable_variables), stored(model.non_trainable_variables)
        keys = list(model.input)

        def logits(batch: _Batch) -> tf.Tensor:
            weights = [
                [tf.cast(each, original.dtype) for each, original in zip(kept, originals, strict=True)]
                for kept, originals in (
                    (self._trained, model.trainable_variables),
                    (self._other, model.non_trainable_variables),
                )
            ]
            return model.stateless_call(*weights, {key: batch[key] for key in keys}, training=False)[0]

        # In a closure, because the weights of an attribute would be saved, too.
        self._logits = logits

    def predictions(self, *inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Probabilities of all classes: float32 [B, C].

        Args:
            inputs: float32 [B, T, F] and int32 [B] or [B, 1], the frames and the number of real ones. A model with context
                also gets these two for the whole video.
        """
        batch = self._framed(*inputs[:2])
        if self._sees_video:
            batch |= self._framed(*inputs[2:], prefix=CONTEXT_PREFIX)
        return {"predictions": tf.sigmoid(self._logits(batch))}

    def top_classes(self, batch: _Batch) -> dict[str, tf.Tensor]:
        """The most probable classes of a batch, int32 [B, k], their probabilities, float32 [B, k], and the ids."""
        found = tf.math.top_k(tf.sigmoid(self._logits(batch)), self._top_k)
        return {"video_id": batch["id"], "class_indexes": found.indices, "predictions": found.values}

    def _framed(self, frames: tf.Tensor, num_frames: tf.Tensor, prefix: str = "") -> _Batch:
        """The model's inputs from dequantised frames. Their number may differ from what the model uses."""
        data = self._data
        longest = data.context_num_frames if prefix else self.num_frames
        given: int | tf.Tensor = longest
        if frames.shape[1] != longest:  # a fixed number, as in prediction: some models cannot be traced without it
            frames = frames[:, :longest]
            given = tf.shape(frames)[1]
            frames = tf.pad(frames, [[0, 0], [0, longest - given], [0, 0]])
            frames = tf.ensure_shape(frames, [None, longest, frames.shape[2]])
        count = tf.minimum(tf.reshape(num_frames, [-1]), given)  # padding is never a frame, whatever `num_frames` says
        if data.prediction_num_frames and not data.segment_context:
            rows, count = sample_rows(
                data.prediction_sampling, count, data.prediction_num_frames, longest, 0, tf.constant(0, tf.int64)
            )
            frames = tf.gather(frames, tf.minimum(rows, longest - 1), batch_dims=1)
        stored, start, batch = stored_bytes(frames, count), 0, {f"{prefix}num_frames": count}
        for name, size in FEATURE_SIZES.items():
            if name in data.features:
                batch[f"{prefix}{name}"] = stored[:, :, start : start + size]
            start += size
        return parsing.means_of_frames(data.features, prefix)(batch) if self._as_means else batch

    def _parse_videos(self, serialized: tf.Tensor) -> _Batch:
        """A batch from SequenceExamples with frames, string [B]."""
        data = self._data
        parse = parsing.frame_batch_parser(
            *(data.features, data.num_classes, data.max_labels, data.max_frames),
            *(data.prediction_num_frames or None, data.prediction_sampling, 0),
        )
        batch = parse(tf.constant(0, tf.int64), serialized)
        return parsing.means_of_frames(data.features)(batch) if self._as_means else batch

    def _parse_segments(self, serialized: tf.Tensor) -> _Batch:
        """A batch of all segments of some SequenceExamples with frames, string [B]."""
        data = self._data
        arguments = data.features, data.num_classes, data.max_labels, False, data.segment_context
        parse = segment_parser(*arguments, data.context_num_frames)
        shapes = tf.function(parse).get_concrete_function(tf.TensorSpec([], tf.string)).structured_outputs
        kinds = {
            key: tf.RaggedTensorSpec([None, *each.shape[1:]], each.dtype, ragged_rank=0) for key, each in shapes.items()
        }
        rows = {key: each.flat_values for key, each in tf.map_fn(parse, serialized, fn_output_signature=kinds).items()}
        # An empty batch has rows without a shape.
        batch = {key: tf.reshape(each, [tf.shape(each)[0], *shapes[key].shape[1:]]) for key, each in rows.items()}
        there = batch["segment_frames"] > 0  # a video without frames has no segment
        batch = {key: tf.boolean_mask(each, there) for key, each in batch.items()}
        if self._as_means:
            batch = parsing.means_of_frames(data.features)(batch)
            if self._sees_video:
                batch = parsing.means_of_frames(data.features, CONTEXT_PREFIX)(batch)
        return batch

    def frames_function(self, for_one: bool = False) -> Callable:
        """`predictions` as a traced function with named inputs: `rgb_and_audio`, `num_frames`, and those of the context.

        Args:
            for_one: for one video with exactly the frames that the model uses, so that all shapes are fixed.
        """
        width = sum(FEATURE_SIZES.values())
        specifications = []
        for prefix, longest in (("", self.num_frames), (CONTEXT_PREFIX, self._data.context_num_frames)):
            frames, counts = ([1, longest, width], [1]) if for_one else ([None, None, width], None)
            specifications += [
                tf.TensorSpec(frames, tf.float32, f"{prefix}{RGB_AND_AUDIO}"),
                tf.TensorSpec(counts, tf.int32, f"{prefix}num_frames"),
            ]
        specifications = specifications if self._sees_video else specifications[:2]
        return tf.function(self.predictions).get_concrete_function(*specifications)

    def record_functions(self) -> dict[str, Callable]:
        """`top_classes` as traced functions of serialized records, string [B], by the name of the signature."""
        parsers = {"segments": self._parse_segments}
        if not self._data.segment_context:
            parsers["sequence_examples"] = self._parse_videos
            if self._as_means:
                data = self._data
                parsers["examples"] = parsing.video_batch_parser(data.features, data.num_classes, data.max_labels)
        return {name: self._of_records(parse) for name, parse in parsers.items()}

    def _of_records(self, parse: Callable[[tf.Tensor], _Batch]):
        def function(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
            batch = parse(serialized)
            starts = {"segment_start": batch["segment_start"]} if "segment_start" in batch else {}
            return self.top_classes(batch) | starts

        return tf.function(function).get_concrete_function(tf.TensorSpec([None], tf.string, _SERIALIZED))
