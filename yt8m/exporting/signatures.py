"""A run's model as TensorFlow functions of dequantised frames or serialized records, for other programs.

Records are prepared as in `yt8m.scoring.scorer`: the same parsers, sampling and means. Dequantised frames are turned back into
the data set's bytes, because the model learned from these. B = videos, T = frames, F = 1152 (the features side by side, as in
MediaPipe), S = segments of all videos, k = classes in an answer. Frames of other features come one by one, each under the
name of its feature.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf

from yt8m import models
from yt8m.config import RunConfig
from yt8m.data.features import KNOWN, Feature, in_order, parse_features
from yt8m.data.graph import parsing
from yt8m.data.graph.sampling import sample_rows
from yt8m.data.graph.segments import segment_parser
from yt8m.data.schema import CONTEXT_PREFIX, SEGMENT_FRAMES
from yt8m.exporting.half_precision import halved
from yt8m.exporting.recurrent_loops import recurrences

RGB_AND_AUDIO = "rgb_and_audio"
_OF_MEDIAPIPE = ("rgb", "audio")
_SERIALIZED = "example_bytes"
_Batch = dict[str, tf.Tensor]


def stored_values(frames: tf.Tensor, count: tf.Tensor, feature: Feature) -> tf.Tensor:
    """Turns frames float32 [B, T, D] into values as records store them, [B, T, D] of the feature's type.

    Frames after the first `count`, int32 [B], of a video become 0, as in a batch. Values of a feature that is stored as bytes
    become the nearest byte, as when the data set was made.
    """
    real = tf.sequence_mask(count, tf.shape(frames)[1])[:, :, None]
    if feature.is_quantised:
        frames = tf.clip_by_value(tf.round((frames - feature.offset) / feature.scale), 0.0, 255.0)
    return tf.cast(tf.where(real, frames, 0.0), tf.as_dtype(feature.dtype))


def frame_inputs(features: Sequence[Feature]) -> dict[str, tuple[Feature, ...]]:
    """The features in each input of frames, side by side, by the input's name.

    A model of rgb, audio or both gets both in one input, as MediaPipe has them, whatever it uses of them.
    """
    if all(each == KNOWN.get(each.name) and each.name in _OF_MEDIAPIPE for each in features):
        return {RGB_AND_AUDIO: tuple(KNOWN[name] for name in _OF_MEDIAPIPE)}
    return {each.name: (each,) for each in features}


def _fixed(frames: tf.Tensor, longest: int) -> tf.Tensor:
    """Frames [B, n, D] as [B, longest, D]: cut, or padded with 0."""
    frames = frames[:, :longest]
    frames = tf.pad(frames, [[0, 0], [0, longest - tf.shape(frames)[1]], [0, 0]])
    return tf.ensure_shape(frames, [None, longest, frames.shape[2]])


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
        # In a closure, because TensorFlow would wrap the tuples of an attribute.
        features = in_order(parse_features(config.data.features))
        self._features = lambda: features
        self.num_frames = num_frames or frames_shown(config)
        self.as_means = config.model.level == "video"
        self.rounding = config.model.rounding
        self._sees_video = models.has_context(model)

        def stored(variables: list) -> list[tf.Variable]:
            values = [variable.numpy() for variable in variables]
            return [tf.Variable(halved(value) if half else value, trainable=False) for value in values]

        self._trained, self._other = stored(model.trainable_variables), stored(model.non_trainable_variables)
        keys = list(model.input)
        shapes = {key: each.shape for key, each in model.input.items()}
        # In a closure, as above.
        self._shapes = lambda: shapes

        self._values = lambda: self.weights

        def logits(batch: _Batch) -> tf.Tensor:
            originals = [*model.trainable_variables, *model.non_trainable_variables]
            values = [tf.cast(each, like.dtype) for each, like in zip(self._values(), originals, strict=True)]
            weights = values[: len(self._trained)], values[len(self._trained) :]
            return model.stateless_call(*weights, {key: batch[key] for key in keys}, training=False)[0]

        # In a closure, because the weights of an attribute would be saved, too.
        self._logits, self.recurrences = logits, lambda: recurrences(model)

    @property
    def weights(self) -> list[tf.Variable]:
        """All weights."""
        return [*self._trained, *self._other]

    @contextlib.contextmanager
    def given(self, weights: Sequence[tf.Tensor]) -> Iterator[None]:
        """Lets functions that are traced in the block compute with tensors in place of `weights`."""
        kept, self._values = self._values, lambda: weights
        try:
            yield
        finally:
            self._values = kept

    def predictions(self, *inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Probabilities of all classes: float32 [B, C].

        Args:
            inputs: the frames, float32 [B, T, F] or [B, T, D] each (`frame_inputs`), and the number of real ones, int32 [B] or
                [B, 1]. A model with context also gets these for the whole video.
        """
        each = len(frame_inputs(self._features())) + 1
        batch = self._framed(inputs[: each - 1], inputs[each - 1])
        if self._sees_video:
            batch |= self._framed(inputs[each:-1], inputs[-1], prefix=CONTEXT_PREFIX)
        return {"predictions": tf.sigmoid(self._logits(batch))}

    def predictions_of_means(self, *inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """Probabilities of all classes, float32 [B, C], by a video-level model, from the means of its features, [B, D] each."""
        return {"predictions": tf.sigmoid(self._logits(dict(zip(self._shapes(), inputs, strict=True))))}

    def top_classes(self, batch: _Batch) -> dict[str, tf.Tensor]:
        """The most probable classes of a batch, int32 [B, k], their probabilities, float32 [B, k], and the ids."""
        found = tf.math.top_k(tf.sigmoid(self._logits(batch)), self._top_k)
        return {"video_id": batch["id"], "class_indexes": found.indices, "predictions": found.values}

    def _framed(self, inputs: Sequence[tf.Tensor], num_frames: tf.Tensor, prefix: str = "") -> _Batch:
        """The model's inputs from dequantised frames. Their number may differ from what the model uses."""
        data, features = self._data, self._features()
        longest = data.context_num_frames if prefix else self.num_frames
        given: int | tf.Tensor = longest
        if inputs[0].shape[1] != longest:  # a fixed number, as in prediction: some models cannot be traced without it
            given = tf.reduce_min([tf.minimum(tf.shape(each)[1], longest) for each in inputs])
            inputs = [_fixed(each, longest) for each in inputs]
        count = tf.minimum(tf.reshape(num_frames, [-1]), given)  # padding is never a frame, whatever `num_frames` says
        if data.prediction_num_frames and not data.segment_context:
            rows, count = sample_rows(
                data.prediction_sampling, count, data.prediction_num_frames, longest, 0, tf.constant(0, tf.int64)
            )
            inputs = [tf.gather(each, tf.minimum(rows, longest - 1), batch_dims=1) for each in inputs]
        batch = {f"{prefix}num_frames": count}
        for frames, inside in zip(inputs, frame_inputs(features).values(), strict=True):
            start = 0
            for feature in inside:
                if feature in features:
                    own = frames[:, :, start : start + feature.size]
                    batch[f"{prefix}{feature.name}"] = stored_values(own, count, feature)
                start += feature.size
        return parsing.means_of_frames(features, prefix)(batch) if self.as_means else batch

    def _parse_videos(self, serialized: tf.Tensor) -> _Batch:
        """A batch from SequenceExamples with frames, string [B]."""
        data = self._data
        parse = parsing.frame_batch_parser(
            *(self._features(), data.num_classes, data.max_labels, data.max_frames),
            *(data.prediction_num_frames or None, data.prediction_sampling, 0),
        )
        batch = parse(tf.constant(0, tf.int64), serialized)
        return parsing.means_of_frames(self._features())(batch) if self.as_means else batch

    def _parse_segments(self, serialized: tf.Tensor) -> _Batch:
        """A batch of all segments of some SequenceExamples with frames, string [B]."""
        data = self._data
        arguments = self._features(), data.num_classes, data.max_labels, False, data.segment_context
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
        if self.as_means:
            batch = parsing.means_of_frames(self._features())(batch)
            if self._sees_video:
                batch = parsing.means_of_frames(self._features(), CONTEXT_PREFIX)(batch)
        return batch

    def frames_function(self, for_one: bool = False) -> Callable:
        """`predictions` as a traced function with named inputs: frames (`frame_inputs`), `num_frames`, and those of the context.

        Args:
            for_one: for one video with exactly the frames that the model uses, so that all shapes are fixed.
        """
        inputs, specifications = frame_inputs(self._features()), []
        for prefix, longest in (("", self.num_frames), (CONTEXT_PREFIX, self._data.context_num_frames)):
            for name, inside in inputs.items():
                width = sum(each.size for each in inside)
                shape = [1, longest, width] if for_one else [None, None, width]
                specifications.append(tf.TensorSpec(shape, tf.float32, f"{prefix}{name}"))
            specifications.append(tf.TensorSpec([1] if for_one else None, tf.int32, f"{prefix}num_frames"))
        specifications = specifications if self._sees_video else specifications[: len(inputs) + 1]
        return tf.function(self.predictions, autograph=False).get_concrete_function(*specifications)

    def means_function(self) -> Callable:
        """`predictions_of_means` as a traced function with inputs named as in records."""
        specifications = [tf.TensorSpec(shape, tf.float32, key) for key, shape in self._shapes().items()]
        return tf.function(self.predictions_of_means, autograph=False).get_concrete_function(*specifications)

    def record_functions(self) -> dict[str, Callable]:
        """`top_classes` as traced functions of serialized records, string [B], by the name of the signature."""
        parsers = {"segments": self._parse_segments}
        if not self._data.segment_context:
            parsers["sequence_examples"] = self._parse_videos
            if self.as_means:
                data = self._data
                parsers["examples"] = parsing.video_batch_parser(self._features(), data.num_classes, data.max_labels)
        return {name: self._of_records(parse) for name, parse in parsers.items()}

    def _of_records(self, parse: Callable[[tf.Tensor], _Batch]):
        def function(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
            batch = parse(serialized)
            starts = {"segment_start": batch["segment_start"]} if "segment_start" in batch else {}
            return self.top_classes(batch) | starts

        return tf.function(function, autograph=False).get_concrete_function(
            tf.TensorSpec([None], tf.string, _SERIALIZED)
        )
