"""One serialized record to one element of a batch, in the shapes of `yt8m.data.schema`, as TensorFlow graph code.

Nothing here is dequantised: that is the model's first layer's work, on the device. Frames that training samples are
chosen while they are still strings, so that the others are never decoded.

T = frames, D = a frame's bytes, L = label columns, S = segments, R = ratings of a record.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from yt8m.data.schema import FEATURE_SIZES, ID_KEYS, LABEL_PADDING, SEGMENT_FRAMES, ZERO_BYTE, video_feature

Element = dict[str, tf.Tensor]


def _identifier_features() -> dict[str, Any]:
    # 2017 named it video_id; a record has one of the two, and a missing one parses as the empty string.
    features = {key: tf.io.FixedLenFeature([], tf.string, default_value="") for key in ID_KEYS}
    return features | {"labels": tf.io.RaggedFeature(tf.int64)}


def _identifier(parsed: Element) -> tf.Tensor:
    current, former = (parsed[key] for key in ID_KEYS)
    return tf.where(tf.equal(current, ""), former, current)


def _check_labels(labels: tf.Tensor, num_classes: int) -> tf.Operation:
    in_range = tf.reduce_all((labels >= 0) & (labels < num_classes))
    return tf.debugging.Assert(in_range, ["a label is outside the vocabulary"])


def _label_row(labels: tf.Tensor, num_classes: int, max_labels: int) -> tf.Tensor:
    """int64 [n] to int32 [L], padded."""
    padding = max_labels - tf.size(labels)
    checks = [_check_labels(labels, num_classes), tf.debugging.Assert(padding >= 0, ["more labels than max_labels"])]
    with tf.control_dependencies(checks):
        padded = tf.pad(labels, [[0, padding]], constant_values=LABEL_PADDING)
    return tf.ensure_shape(tf.cast(padded, tf.int32), [max_labels])


def _decode(frames: tf.Tensor, size: int) -> tf.Tensor:
    """string [n] to uint8 [n, D]."""
    decoded = tf.io.decode_raw(frames, tf.uint8)  # fails where the frames differ in length
    right_size = (tf.shape(decoded)[1] == size) | (tf.shape(frames)[0] == 0)
    with tf.control_dependencies([tf.debugging.Assert(right_size, ["a frame's vector has the wrong length"])]):
        return tf.reshape(decoded, [-1, size])


def _count_frames(streams: Sequence[tf.Tensor]) -> tf.Tensor:
    """Frames that every stream present has; streams may differ by one frame, the last second's."""
    counts = tf.stack([tf.shape(stream)[0] for stream in streams])
    longest = tf.reduce_max(counts)
    shortest = tf.reduce_min(tf.where(counts == 0, longest, counts))  # an empty stream is a missing one
    with tf.control_dependencies([tf.debugging.Assert(longest - shortest <= 1, ["streams of unequal length"])]):
        return tf.identity(shortest)


def _parse_frames(
    serialized: tf.Tensor, features: Sequence[str], context: dict[str, Any]
) -> tuple[Element, Element, tf.Tensor]:
    """The context, the streams (string [n] each), and the number of frames."""
    sequence = {name: tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True) for name in features}
    means = {video_feature(name): tf.io.RaggedFeature(tf.float32) for name in features}
    parsed, streams = tf.io.parse_single_sequence_example(serialized, context | means, sequence)
    count = _count_frames(list(streams.values()))
    # A video-level record has the same bytes as a frame-level one without frames; only its means tell them apart.
    is_frame_level = (count > 0) | (tf.add_n([tf.size(parsed[key]) for key in means]) == 0)
    with tf.control_dependencies([tf.debugging.Assert(is_frame_level, ["a video-level record"])]):
        return parsed, streams, tf.identity(count)


def _missing(like: tf.Tensor, size: int) -> tf.Tensor:
    """A feature that the record lacks, as the byte that stands for zero: uint8 [len(like), D]."""
    return tf.fill([tf.shape(like)[0], size], tf.constant(ZERO_BYTE, tf.uint8))


def frame_parser(
    features: Sequence[str], num_classes: int, max_labels: int, max_frames: int, num_frames: int | None, seed: int
) -> Callable[[tf.Tensor, tf.Tensor], Element]:
    """A function of (position in the stream int64 [], serialized SequenceExample string []) for frame level.

    Args:
        features: which features to read.
        num_classes: labels must be below it.
        max_labels: L.
        max_frames: frames kept of a longer video; T, unless frames are sampled.
        num_frames: sample this many frames with replacement, T; None or 0 keeps all.
        seed: with the position in the stream it determines the frames sampled, whatever the number of threads.
    """

    def choose(frames: tf.Tensor, rows: tf.Tensor, size: int) -> tf.Tensor:
        stored = tf.shape(frames)[0] > 0
        return tf.cond(stored, lambda: _decode(tf.gather(frames, rows), size), lambda: _missing(rows, size))

    def parse(position: tf.Tensor, serialized: tf.Tensor) -> Element:
        context, streams, count = _parse_frames(serialized, features, _identifier_features())
        count = tf.minimum(count, max_frames)
        element = {"id": _identifier(context), "labels": _label_row(context["labels"], num_classes, max_labels)}
        length = num_frames or max_frames
        if num_frames:
            drawn = tf.random.stateless_uniform([num_frames], [seed, position], 0, tf.maximum(count, 1), tf.int32)
            rows = drawn[: num_frames * tf.minimum(count, 1)]  # none of a video without frames
        else:
            rows = tf.range(count)
        for name, frames in streams.items():
            size = FEATURE_SIZES[name]
            if num_frames:
                decoded = choose(frames, rows, size)
            else:
                stored = tf.shape(frames)[0] > 0
                whole = frames[:count]  # a slice of the first dimension copies nothing
                decoded = tf.cond(stored, lambda f=whole, d=size: _decode(f, d), lambda d=size: _missing(rows, d))
            padded = tf.pad(decoded, [[0, length - tf.shape(rows)[0]], [0, 0]])
            element[name] = tf.ensure_shape(padded, [length, size])
        element["num_frames"] = tf.shape(rows)[0]
        return element

    return parse


def video_batch_parser(features: Sequence[str], num_classes: int, max_labels: int) -> Callable[[tf.Tensor], Element]:
    """A function of serialized Examples string [B] for video level. Parsing whole batches is several times faster."""

    def parse(serialized: tf.Tensor) -> Element:
        specification = _identifier_features()
        for name in features:
            size = FEATURE_SIZES[name]
            specification[video_feature(name)] = tf.io.FixedLenFeature([size], tf.float32, default_value=[0.0] * size)
        parsed = tf.io.parse_example(serialized, specification)
        labels = parsed["labels"]
        fits = tf.debugging.Assert(tf.reduce_all(labels.row_lengths() <= max_labels), ["more labels than max_labels"])
        with tf.control_dependencies([_check_labels(labels.flat_values, num_classes), fits]):
            rows = labels.to_tensor(LABEL_PADDING, shape=[None, max_labels])
        element = {"id": _identifier(parsed), "labels": tf.cast(rows, tf.int32)}
        return element | {video_feature(name): parsed[video_feature(name)] for name in features}

    return parse


def segment_parser(
    features: Sequence[str], num_classes: int, max_labels: int, rated_only: bool
) -> Callable[[tf.Tensor], Element]:
    """A function of a serialized SequenceExample string [] to its segments: every value has a leading dimension S.

    Args:
        features: which features to read.
        num_classes: ratings must be of classes below it.
        max_labels: L, here the most classes one segment is rated for.
        rated_only: only the segments with a rating, else every whole segment of the video, rated or not.
    """
    ratings = {
        "segment_start_times": tf.io.RaggedFeature(tf.int64),
        "segment_labels": tf.io.RaggedFeature(tf.int64),
        "segment_scores": tf.io.RaggedFeature(tf.float32),
    }

    def rating_rows(context: Element, num_frames: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Starts int32 [S], classes int32 [S, L], scores float32 [S, L]."""
        starts, labels, scores = (context[key] for key in ratings)
        same = (tf.size(starts) == tf.size(labels)) & (tf.size(starts) == tf.size(scores))
        within = tf.reduce_all((starts >= 0) & (starts < tf.cast(num_frames, tf.int64)))
        aligned = tf.reduce_all(starts % SEGMENT_FRAMES == 0)
        checks = [tf.debugging.Assert(check, ["segment lists"]) for check in (same, within, aligned)]
        with tf.control_dependencies([*checks, _check_labels(labels, num_classes)]):
            slots = tf.cast(starts // SEGMENT_FRAMES, tf.int32)
        order = tf.argsort(slots, stable=True)
        slots, labels, scores = (tf.gather(values, order) for values in (slots, labels, scores))
        if rated_only:
            slots, rows = tf.unique(slots)
        else:
            rows, slots = slots, tf.range(tf.maximum(num_frames // SEGMENT_FRAMES, tf.reduce_max(slots, axis=0) + 1))
        ragged = tf.RaggedTensor.from_value_rowids(tf.cast(labels, tf.int32), rows, tf.size(slots), validate=False)
        fits = tf.debugging.Assert(tf.reduce_all(ragged.row_lengths() <= max_labels), ["more labels than max_labels"])
        with tf.control_dependencies([fits]):
            classes = ragged.to_tensor(LABEL_PADDING, shape=[None, max_labels])
        values = ragged.with_flat_values(scores).to_tensor(float(LABEL_PADDING), shape=[None, max_labels])
        return slots * SEGMENT_FRAMES, classes, values

    def parse(serialized: tf.Tensor) -> Element:
        context, streams, count = _parse_frames(serialized, features, _identifier_features() | ratings)
        starts, classes, scores = rating_rows(context, count)
        rows = starts[:, None] + tf.range(SEGMENT_FRAMES)
        inside = rows < count
        element = {
            "id": tf.fill(tf.shape(starts), _identifier(context)),
            "segment_start": starts,
            "labels": classes,
            "label_scores": scores,
            "num_frames": tf.reduce_sum(tf.cast(inside, tf.int32), axis=1),
        }
        for name, frames in streams.items():
            size = FEATURE_SIZES[name]
            stored = tf.shape(frames)[0] > 0
            all_frames = tf.cond(
                stored, lambda f=frames, d=size: _decode(f, d), lambda d=size: _missing(tf.range(count), d)
            )
            chosen = tf.gather(all_frames, tf.minimum(rows, tf.maximum(count - 1, 0)))
            chosen = tf.where(inside[:, :, None], chosen, tf.constant(0, tf.uint8))
            element[name] = tf.ensure_shape(chosen, [None, SEGMENT_FRAMES, size])
        return element

    return parse
