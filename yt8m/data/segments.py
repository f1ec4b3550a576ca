"""Frame-level records cut into five-second segments, rated or not, as TensorFlow graph code.

S = segments of a record, R = its ratings, L = label columns.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from yt8m.data.parsing import (
    Element,
    decode_batch,
    decode_rows,
    identifier_features,
    label_rows,
    parse_frames,
    pick,
    require,
    required_identifier,
)
from yt8m.data.sampling import uniform_rows
from yt8m.data.schema import (
    CONTEXT_PREFIX,
    FEATURE_SIZES,
    LABEL_PADDING,
    SEGMENT_FRAMES,
    SegmentContext,
    is_present,
    num_segments,
)

_RATINGS = {
    "segment_start_times": tf.io.RaggedFeature(tf.int64),
    "segment_labels": tf.io.RaggedFeature(tf.int64),
    "segment_scores": tf.io.RaggedFeature(tf.float32),
}
_END_TIMES = {"segment_end_times": tf.io.RaggedFeature(tf.int64)}
"""Which may be left out: they say nothing new."""


def segment_parser(
    features: Sequence[str],
    num_classes: int,
    max_labels: int,
    rated_only: bool,
    context: SegmentContext = 0,
    context_num_frames: int = 1,
    rated_classes: Sequence[int] | None = None,
) -> Callable[[tf.Tensor], Element]:
    """A function of a serialized SequenceExample string [] to its segments: every value has a leading dimension S.

    Args:
        features: which features to read.
        num_classes: ratings must be of classes below it.
        max_labels: L: the most classes one segment is rated for, and the most labels of a video.
        rated_only: only the segments with a rating, else every segment of the video (`num_segments`), rated or not; of a
            video without frames, one row without frames.
        context: frames on each side of a segment that come with it, as far as the video has them; or `video`: the video's
            own, sampled uniformly, under keys of their own.
        context_num_frames: how many of them.
        rated_classes: ratings must be of these classes; None = of any.
    """
    around = 0 if context == "video" else context
    length = SEGMENT_FRAMES + 2 * around
    allowed = None if rated_classes is None else tf.reduce_any(tf.one_hot(rated_classes, num_classes, True, False), 0)

    def segments_of(parsed: Element, num_frames: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Starts int32 [S], classes int32 [S, L], scores float32 [S, L]."""
        slots, labels, scores = _checked_ratings(parsed, num_frames, num_classes, allowed)
        order = tf.argsort(slots, stable=True)
        slots, labels, scores = (tf.gather(values, order) for values in (slots, labels, scores))
        if rated_only:
            slots, rows = tf.unique(slots)
        else:
            rows, slots = slots, tf.range(tf.maximum(num_segments(num_frames), 1))
        ragged = tf.RaggedTensor.from_value_rowids(labels, rows, tf.size(slots), validate=False)
        classes = label_rows(ragged, num_classes, max_labels)
        values = ragged.with_flat_values(scores).to_tensor(float(LABEL_PADDING), shape=[None, max_labels])
        return slots * SEGMENT_FRAMES, classes, values

    def parse(serialized: tf.Tensor) -> Element:
        keys = identifier_features() | _RATINGS | _END_TIMES
        parsed, streams, stored, count = parse_frames(serialized[None], features, keys)
        starts, classes, scores = segments_of(parsed, count[0])
        first = tf.maximum(starts - around, 0)
        rows = first[:, None] + tf.range(length)

        def inside(frames: tf.Tensor) -> tf.Tensor:
            """How many of each segment's frames, and those around it, are among so many of the video, int32 [S]."""
            return tf.maximum(tf.minimum(frames, starts + SEGMENT_FRAMES + around) - first, 0)

        def of_video(values: tf.Tensor) -> tf.Tensor:
            """What is true of the video, [1, ...], for each of its segments."""
            return tf.repeat(values, tf.size(starts), axis=0)

        element = {
            "id": of_video(required_identifier(parsed)),
            "segment_start": starts,
            "segment_frames": tf.clip_by_value(count - starts, 0, SEGMENT_FRAMES),
            "labels": classes,
            "label_scores": scores,
            "video_labels": of_video(label_rows(parsed["labels"], num_classes, max_labels)),
            "num_frames": inside(count),
        }
        for name, strings in streams.items():
            # Only the segments' frames are decoded: of a video with one rated segment 5 of 300.
            chosen = tf.reshape(pick(strings, tf.reshape(rows, [1, -1])), tf.shape(rows))
            chosen = tf.where(tf.sequence_mask(inside(stored[name]), length), chosen, "")
            element[name] = decode_batch(chosen, inside(stored[name]), inside(count), length, FEATURE_SIZES[name])
        if context == "video":
            chosen, shown = uniform_rows(count, context_num_frames)
            whole = decode_rows(streams, stored, chosen, shown, context_num_frames) | {"num_frames": shown}
            element |= {f"{CONTEXT_PREFIX}{key}": of_video(value) for key, value in whole.items()}
        return element

    return parse


def with_rated_segments(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Serialized SequenceExamples string [] to those with a rated segment, each with how many it has, int64 [].

    Their frames are not parsed.
    """

    def count(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        key = "segment_start_times"
        starts = tf.io.parse_single_sequence_example(serialized, {key: tf.io.VarLenFeature(tf.int64)})[0][key].values
        return serialized, tf.size(tf.unique(starts // SEGMENT_FRAMES)[0], tf.int64)

    return dataset.map(count, num_parallel_calls=tf.data.AUTOTUNE).filter(lambda serialized, count: count > 0)


def skip_segments(dataset: tf.data.Dataset, skipped: int) -> tf.data.Dataset:
    """Leaves out the first rated segments of all, without parsing their records.

    Args:
        dataset: what `with_rated_segments` gives.
        skipped: how many.

    Returns:
        The records that are left, each with how many of its segments, the first ones, are still to be left out, int64 [].
    """

    def step(left: tf.Tensor, element: tuple[tf.Tensor, tf.Tensor]):
        serialized, count = element
        return tf.maximum(left - count, 0), (serialized, left, count)

    scanned = dataset.scan(tf.constant(skipped, tf.int64), step)
    return scanned.filter(lambda serialized, left, count: left < count).map(
        lambda serialized, left, count: (serialized, left)
    )


def rest_of_segments(parse: Callable[[tf.Tensor], Element]) -> Callable[[tf.Tensor, tf.Tensor], Element]:
    """A `segment_parser` that leaves out the first segments of a record: a function of it and their number."""

    def parse_rest(serialized: tf.Tensor, first: tf.Tensor) -> Element:
        return {key: value[first:] for key, value in parse(serialized).items()}

    return parse_rest


def _checked_ratings(
    parsed: Element, num_frames: tf.Tensor, num_classes: int, allowed: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """A record's ratings: which segment of the video int32 [R], which class int64 [R], the score float32 [R].

    Args:
        parsed: the context of one record.
        num_frames: of the video, int32 [].
        num_classes: labels are checked against it elsewhere.
        allowed: bool [C], which classes may be rated; None = all.
    """
    starts, labels, scores = (parsed[key].flat_values for key in _RATINGS)
    (ends,) = (parsed[key].flat_values for key in _END_TIMES)
    ends = tf.cond(tf.size(ends) > 0, lambda: ends, lambda: starts + SEGMENT_FRAMES)
    same_length = tf.reduce_all(tf.equal(tf.stack([tf.size(each) for each in (labels, scores, ends)]), tf.size(starts)))
    with tf.control_dependencies([require(same_length, "segment lists of different lengths")]):
        ends = tf.identity(ends)
    checks = [
        tf.reduce_all(ends == starts + SEGMENT_FRAMES),
        tf.reduce_all((starts >= 0) & (starts < tf.cast(num_frames, tf.int64))),
        tf.reduce_all(starts % SEGMENT_FRAMES == 0),
        tf.reduce_all((scores >= 0) & (scores <= 1)),
    ]
    if allowed is not None:
        known = tf.gather(allowed, tf.clip_by_value(labels, 0, num_classes - 1))
        checks.append(tf.reduce_all(known))
    with tf.control_dependencies([require(check, "segment ratings") for check in checks]):
        slots = tf.cast(tf.identity(starts) // SEGMENT_FRAMES, tf.int32)
    # A class rated twice in a segment must be rated alike: there both times, or absent both times.
    present = is_present(scores)
    keys = tf.cast(slots, tf.int64) * num_classes + labels
    contradictory = (keys[:, None] == keys) & (present[:, None] != present)
    with tf.control_dependencies([require(~tf.reduce_any(contradictory), "contradictory ratings")]):
        return tf.identity(slots), labels, scores
