"""Parses serialized records into batches with the shapes of `yt8m.data.schema`, as TensorFlow graph code.

Nothing here is dequantised: the model's first layer does that on the device. Sampled frames are chosen while they are
still strings, so the others are never decoded. Floats need no decoding.

`yt8m.data.graph.segments` uses the same parts to cut frame-level records into segments.

B = records, T = frames, D = values of a frame, L = label columns, n = frames or labels stored.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from yt8m.data.features import DEFAULT_FEATURES, Feature
from yt8m.data.graph.sampling import sample_rows
from yt8m.data.schema import (
    ID_KEYS,
    LABEL_PADDING,
    Sampling,
)

Element = dict[str, tf.Tensor]

# No graph code of records branches or loops on the value of a tensor in Python, and AutoGraph would take a second to read
# and rewrite the source of all that a parser calls.
not_converted = tf.autograph.experimental.do_not_convert


def id_features() -> dict[str, Any]:
    """The features that `identifier` needs: both names of the id."""
    # In 2017 the name was video_id. A record has one of the two; the missing one parses as the empty string.
    return {key: tf.io.FixedLenFeature([], tf.string, default_value="") for key in ID_KEYS}


def identifier_features() -> dict[str, Any]:
    """The features to parse from every record: both names of the id, and the labels."""
    return id_features() | {"labels": tf.io.RaggedFeature(tf.int64)}


def identifier(parsed: Element) -> tf.Tensor:
    """The ids under either name, string [B]."""
    current, former = (parsed[key] for key in ID_KEYS)
    return tf.where(tf.equal(current, ""), former, current)


def required_identifier(parsed: Element) -> tf.Tensor:
    """The ids, string [B]; fails if a record has none."""
    found = identifier(parsed)
    with tf.control_dependencies([require(tf.reduce_all(tf.not_equal(found, "")), "a record has no id")]):
        return tf.identity(found)


def require(condition: tf.Tensor, message: str) -> tf.Operation:
    """Raises InvalidArgumentError if a condition, bool [], is false.

    `tf.debugging.Assert` branches, and that costs more than the code it guards.
    """
    return tf.raw_ops.Assert(condition=condition, data=[tf.constant(message)])


def label_rows(labels: tf.RaggedTensor, num_classes: int, max_labels: int) -> tf.Tensor:
    """Pads labels int64 [B, (n)] to int32 [B, L]."""
    fits = require(tf.reduce_all(labels.row_lengths() <= max_labels), "more labels than max_labels")
    in_range = tf.reduce_all((labels.flat_values >= 0) & (labels.flat_values < num_classes))
    with tf.control_dependencies([fits, require(in_range, "a label is outside the vocabulary")]):
        return tf.cast(labels.to_tensor(LABEL_PADDING, shape=[None, max_labels]), tf.int32)


def _count_frames(stored: Sequence[tf.Tensor]) -> tf.Tensor:
    """Number of frames that all present streams have, int32 [B]. Streams may differ by one frame, the last."""
    counts = tf.stack(stored)
    longest = tf.reduce_max(counts, axis=0)
    shortest = tf.reduce_min(tf.where(counts == 0, longest, counts), axis=0)  # an empty stream is a missing one
    with tf.control_dependencies([require(tf.reduce_all(longest - shortest <= 1), "streams of unequal length")]):
        return tf.identity(shortest)


class Videos(NamedTuple):
    """Frame-level records with frames that are not decoded yet."""

    context: Element
    streams: Element
    """string [B, n] by feature, padded; float32 [B, n, D] of features that are stored as floats."""
    stored: Element
    """Number of frames of each stream, int32 [B] by feature."""
    count: tf.Tensor
    """Number of frames that all present streams have, int32 [B]."""


def _as_stored(feature: Feature) -> tf.io.FixedLenSequenceFeature:
    """How TensorFlow parses the frames of a feature."""
    if feature.storage == "float32":
        return tf.io.FixedLenSequenceFeature([feature.size], tf.float32, allow_missing=True)
    return tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True)


def parse_frames(serialized: tf.Tensor, features: Sequence[Feature], context: dict[str, Any]) -> Videos:
    """Parses the streams of serialized SequenceExamples, string [B], and the features that `context` names."""
    sequence = {each.name: _as_stored(each) for each in features}
    means = {each.video_name: tf.io.RaggedFeature(tf.float32) for each in features}
    parsed, streams, lengths = tf.io.parse_sequence_example(serialized, context | means, sequence)
    stored = {each.name: tf.cast(lengths[each.name], tf.int32) for each in features}
    count = _count_frames(list(stored.values()))
    # A video-level record has the same bytes as a frame-level one without frames. Only its means tell them apart.
    num_means = tf.add_n([parsed[key].row_lengths() for key in means])
    is_frame_level = tf.reduce_all((count > 0) | (num_means == 0))
    with tf.control_dependencies([require(is_frame_level, "a video-level record")]):
        return Videos(parsed, streams, stored, tf.identity(count))


def decode_batch(frames: tf.Tensor, stored: tf.Tensor, count: tf.Tensor, length: int, feature: Feature) -> tf.Tensor:
    """Decodes frames, string [B, n] or float32 [B, n, D], to [B, T, D] of the feature's type.

    Args:
        frames: as `Videos` has them; those past `stored` are empty, or 0.
        stored: number of frames stored in each row, int32 [B].
        count: number of frames that each row should have, int32 [B]. Frames past it become 0. Frames below it that are not
            stored become the value for zero.
        length: T, at least n.
        feature: the feature.
    """
    width = tf.shape(frames)[1]
    decoded = _decoded(frames, stored, width, feature)
    # Both branches copy the whole batch, and are rare: all videos are short; one stream is missing or longer.
    padding = [[0, 0], [0, length - width], [0, 0]]
    decoded = tf.cond(width < length, lambda: tf.pad(decoded, padding), lambda: decoded)
    there, wanted = tf.sequence_mask(stored, length), tf.sequence_mask(count, length)
    filling = (tf.cast(wanted, decoded.dtype) * tf.constant(feature.zero, decoded.dtype))[:, :, None]
    filled = tf.cond(
        tf.reduce_all(there == wanted),
        lambda: decoded,
        lambda: tf.where((there & wanted)[:, :, None], decoded, filling),
    )
    return tf.ensure_shape(filled, [None, length, feature.size])


def _decoded(frames: tf.Tensor, stored: tf.Tensor, width: tf.Tensor, feature: Feature) -> tf.Tensor:
    """Frames as numbers, [B, n, D]. Fails if their size is wrong, or a number is NaN or infinite."""
    if feature.storage == "float32":
        decoded = frames
    else:
        sizes = tf.where(tf.sequence_mask(stored, width), feature.frame_bytes, 0)
        right_size = tf.equal(tf.strings.length(frames), sizes)
        with tf.control_dependencies([require(tf.reduce_all(right_size), "a frame's vector has the wrong length")]):
            kind = tf.uint8 if feature.is_quantised else tf.uint16  # TensorFlow has no kernel that decodes halves
            decoded = tf.io.decode_raw(frames, kind, fixed_length=feature.frame_bytes)
        decoded = decoded if feature.is_quantised else tf.bitcast(decoded, tf.float16)
    if feature.is_quantised:
        return decoded
    with tf.control_dependencies([require(_are_finite(decoded), f"{feature.name} is NaN or infinite")]):
        return tf.identity(decoded)


def pick(frames: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Picks rows int32 [B, m] of string [B, n] or float32 [B, n, D].

    Past the end it picks the last one; without any, the empty string, or 0.
    """
    width = tf.shape(frames)[1]
    return tf.cond(
        width == 0,
        lambda: tf.zeros(tf.concat([tf.shape(rows), frames.shape[2:]], 0), frames.dtype),
        lambda: tf.gather(frames, tf.minimum(rows, width - 1), batch_dims=1),
    )


def only_first(frames: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Replaces frames string [N, n] or float32 [N, n, D] after the first `count`, int32 [N], by the empty string, or by 0."""
    there = tf.sequence_mask(count, tf.shape(frames)[1])
    there = there if frames.dtype == tf.string else there[:, :, None]
    return tf.where(there, frames, tf.zeros([], frames.dtype))


def decode_rows(
    features: Sequence[Feature], streams: Element, stored: Element, rows: tf.Tensor, count: tf.Tensor, length: int
) -> Element:
    """Decodes the chosen rows of each stream: [B, m, D] by feature, of its type.

    Args:
        features: the features of the streams.
        streams, stored: see `Videos`.
        rows: frames to decode, int32 [B, m].
        count: how many of the rows count in each video, int32 [B].
        length: m.
    """
    decoded = {}
    for feature in features:
        present = count * tf.minimum(stored[feature.name], 1)
        chosen = only_first(pick(streams[feature.name], rows), present)
        decoded[feature.name] = decode_batch(chosen, present, count, length, feature)
    return decoded


def frame_batch_parser(
    features: Sequence[Feature],
    num_classes: int,
    max_labels: int,
    max_frames: int,
    num_frames: int | None,
    sampling: Sampling,
    seed: int,
) -> Callable[[tf.Tensor, tf.Tensor], Element]:
    """Makes a parser of frame-level batches: from batch number int64 [] and serialized SequenceExamples string [B].

    Args:
        features: features to read.
        num_classes: labels must be below it.
        max_labels: L.
        max_frames: frames kept of a longer video; T, unless frames are sampled.
        num_frames: frames to sample, T; None or 0 keeps all.
        sampling: the way to sample.
        seed: determines the sampled frames together with the batch's number, for any number of threads.
    """

    @not_converted
    def parse(number: tf.Tensor, serialized: tf.Tensor) -> Element:
        parsed, streams, stored, count = parse_frames(serialized, features, identifier_features())
        cut = tf.maximum(count - max_frames, 0)
        count = tf.minimum(count, max_frames)
        if num_frames:
            rows, count = sample_rows(sampling, count, num_frames, max_frames, seed, number)
        element = {
            "id": required_identifier(parsed),
            "labels": label_rows(parsed["labels"], num_classes, max_labels),
            "num_frames": count,
            "cut_frames": cut,
        }
        if num_frames:
            return element | decode_rows(features, streams, stored, rows, count, num_frames)
        for feature in features:
            present = tf.minimum(stored[feature.name], max_frames)
            frames = streams[feature.name][:, :max_frames]
            element[feature.name] = decode_batch(frames, present, count, max_frames, feature)
        return element

    return parse


_MISSING = np.array(0x7FC0_0A8C, np.uint32).view(np.float32)
"""Marks a feature that a record lacks: a NaN that no arithmetic makes."""


def _are_finite(values: tf.Tensor) -> tf.Tensor:
    """Whether all numbers are finite, bool []."""
    # A number that is not finite makes the sum not finite. A sum costs a fifth of a look at every number.
    finite = tf.math.is_finite(tf.reduce_sum(tf.cast(values, tf.float32)))
    return tf.cond(finite, lambda: True, lambda: tf.reduce_all(tf.math.is_finite(values)))


def _means(stored: Element) -> Element:
    """Replaces features that a record lacks by zeros; float32 [B, D] by key.

    Fails if a record has no feature at all, or a number that is NaN or infinite.
    """
    lacking = {
        key: tf.equal(tf.bitcast(values[:, :1], tf.int32), _MISSING.view(np.int32)) for key, values in stored.items()
    }
    checks = []
    if {
        each.video_name for each in DEFAULT_FEATURES
    } <= stored.keys():  # otherwise it may have features that are not read
        lacks_all = tf.reduce_all(tf.concat(list(lacking.values()), axis=1), axis=1)
        checks.append(require(~tf.reduce_any(lacks_all), "a record has no feature"))
    for key, lacks in lacking.items():
        # This copies the whole batch, and is rare.
        stored[key] = tf.cond(
            tf.reduce_any(lacks),
            lambda values=stored[key], lacks=lacks: tf.where(lacks, 0.0, values),
            lambda values=stored[key]: values,
        )
        checks.append(require(_are_finite(stored[key]), f"{key} is NaN or infinite"))
    with tf.control_dependencies(checks):
        return {key: tf.identity(values) for key, values in stored.items()}


def video_batch_parser(
    features: Sequence[Feature], num_classes: int, max_labels: int
) -> Callable[[tf.Tensor], Element]:
    """Makes a parser of serialized Examples string [B], for video level. Whole batches parse several times faster."""
    keys = {each.video_name: each.size for each in features}

    @not_converted
    def parse(serialized: tf.Tensor) -> Element:
        missing = {
            key: tf.io.FixedLenFeature([size], tf.float32, default_value=np.full(size, _MISSING))
            for key, size in keys.items()
        }
        parsed = tf.io.parse_example(serialized, identifier_features() | missing)
        element = {"id": required_identifier(parsed), "labels": label_rows(parsed["labels"], num_classes, max_labels)}
        return element | _means({key: parsed[key] for key in keys})

    return parse


def means_of_frames(features: Sequence[Feature], prefix: str = "") -> Callable[[Element], Element]:
    """Makes a function that replaces the frames of a batch by their means, for video-level models.

    Args:
        features: the features of the batch.
        prefix: prefix of the keys; keys without it stay.
    """

    @not_converted
    def replace(batch: Element) -> Element:
        batch = dict(batch)
        count = batch.pop(f"{prefix}num_frames")
        for feature in features:
            frames = batch.pop(f"{prefix}{feature.name}")
            # Frames past the end are 0. Sums of whole numbers are exact; those of floats are taken in float64.
            kind = tf.int32 if feature.is_quantised else tf.float64
            sums = tf.cast(tf.reduce_sum(tf.cast(frames, kind), axis=1), tf.float32)
            means = sums / tf.cast(tf.maximum(count, 1), tf.float32)[:, None]
            values = means * feature.scale + feature.offset if feature.is_quantised else means
            batch[f"{prefix}{feature.video_name}"] = tf.where(count[:, None] > 0, values, 0.0)
        return batch

    return replace
