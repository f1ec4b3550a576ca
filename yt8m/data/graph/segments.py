"""Cuts frame-level records into five-second segments, rated or not, as TensorFlow graph code.

S = segments of a record, R = ratings of a record, L = label columns.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from yt8m.data.features import Feature
from yt8m.data.graph.parsing import (
    Element,
    Videos,
    decode_batch,
    decode_rows,
    identifier_features,
    label_rows,
    not_converted,
    only_first,
    parse_frames,
    pick,
    require,
    required_identifier,
)
from yt8m.data.graph.sampling import uniform_rows
from yt8m.data.schema import (
    CONTEXT_PREFIX,
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
"""Optional, as the starts say the same."""


def segment_parser(
    features: Sequence[Feature],
    num_classes: int,
    max_labels: int,
    rated_only: bool,
    context: SegmentContext = 0,
    context_num_frames: int = 1,
    rated_classes: Sequence[int] | None = None,
) -> Callable[[tf.Tensor], Element]:
    """Makes a function from a serialized SequenceExample, string [], to its segments: values with leading dimension S.

    Args:
        features: features to read.
        num_classes: rated classes must be below it.
        max_labels: L, the most classes that a segment may be rated for, and the most labels of a video.
        rated_only: True gives only rated segments. False gives every segment of the video (`num_segments`), and one row
            without frames for a video without frames.
        context: frames on each side that come with a segment, as far as the video has them. `video` gives frames of the
            whole video instead, sampled uniformly, under separate keys.
        context_num_frames: number of frames to sample with `video`.
        rated_classes: classes that may be rated; None = all.
    """
    around = 0 if context == "video" else context
    allowed = None if rated_classes is None else tf.reduce_any(tf.one_hot(rated_classes, num_classes, True, False), 0)

    @not_converted
    def parse(serialized: tf.Tensor) -> Element:
        video = parse_frames(serialized[None], features, identifier_features() | _RATINGS | _END_TIMES)
        ratings = _checked_ratings(video.context, video.count[0], num_classes, allowed)
        if rated_only:
            segments = _rated_segments(ratings, num_classes, max_labels)
        else:
            segments = _all_segments(ratings, video.count[0], num_classes, max_labels)

        def of_video(values: tf.Tensor) -> tf.Tensor:
            """Repeats a value of the video, [1, ...], for each segment."""
            return tf.repeat(values, tf.size(segments.starts), axis=0)

        element = {
            "id": of_video(required_identifier(video.context)),
            "segment_start": segments.starts,
            "segment_frames": tf.clip_by_value(video.count - segments.starts, 0, SEGMENT_FRAMES),
            "labels": segments.classes,
            "label_scores": segments.scores,
            "video_labels": of_video(label_rows(video.context["labels"], num_classes, max_labels)),
            **_frames_around(features, video, segments.starts, around),
        }
        if context == "video":
            chosen, shown = uniform_rows(video.count, context_num_frames)
            whole = decode_rows(features, video.streams, video.stored, chosen, shown, context_num_frames)
            whole |= {"num_frames": shown}
            element |= {f"{CONTEXT_PREFIX}{key}": of_video(value) for key, value in whole.items()}
        return element

    return parse


class _Segments(NamedTuple):
    """Segments of a record, with the classes they were rated for."""

    starts: tf.Tensor
    """First seconds, int32 [S]."""
    classes: tf.Tensor
    """int32 [S, L]."""
    scores: tf.Tensor
    """float32 [S, L]."""


def _rated_segments(ratings: "_Ratings", num_classes: int, max_labels: int) -> _Segments:
    ratings = _in_order(ratings)
    slots, rows = tf.unique(ratings.slots)
    return _as_rows(ratings, slots, rows, num_classes, max_labels)


def _all_segments(ratings: "_Ratings", num_frames: tf.Tensor, num_classes: int, max_labels: int) -> _Segments:
    """Every segment of a video with this many frames, int32 []; one segment if it has none."""
    ratings = _in_order(ratings)
    slots = tf.range(tf.maximum(num_segments(num_frames), 1))
    return _as_rows(ratings, slots, ratings.slots, num_classes, max_labels)


def _in_order(ratings: "_Ratings") -> "_Ratings":
    """Sorts ratings by segment."""
    order = tf.argsort(ratings.slots, stable=True)
    return _Ratings(*(tf.gather(values, order) for values in ratings))


def _as_rows(ratings: "_Ratings", slots: tf.Tensor, rows: tf.Tensor, num_classes: int, max_labels: int) -> _Segments:
    """Puts sorted ratings into rows of segments.

    Args:
        ratings: sorted by segment.
        slots: the segments, int32 [S].
        rows: the row of each rating, int32 [R].
        num_classes, max_labels: see `segment_parser`.
    """
    ragged = tf.RaggedTensor.from_value_rowids(ratings.classes, rows, tf.size(slots), validate=False)
    classes = label_rows(ragged, num_classes, max_labels)
    scores = ragged.with_flat_values(ratings.scores).to_tensor(float(LABEL_PADDING), shape=[None, max_labels])
    return _Segments(slots * SEGMENT_FRAMES, classes, scores)


def _frames_around(features: Sequence[Feature], video: Videos, starts: tf.Tensor, around: int) -> Element:
    """Decodes the frames of segments, and frames on each side as far as the video has them: [S, T, D] by feature.

    Also gives their number. Other frames are not decoded: for one rated segment, 5 of 300 are.

    Args:
        features: the features of the video's streams.
        video: one record.
        starts: first seconds of the segments, int32 [S].
        around: frames on each side. T is `SEGMENT_FRAMES` plus twice this number.
    """
    length = SEGMENT_FRAMES + 2 * around
    first = tf.maximum(starts - around, 0)
    rows = first[:, None] + tf.range(length)

    def inside(frames: tf.Tensor) -> tf.Tensor:
        """How many frames in and around each segment are among the first `frames` of the video, int32 [S]."""
        return tf.maximum(tf.minimum(frames, starts + SEGMENT_FRAMES + around) - first, 0)

    element = {"num_frames": inside(video.count)}
    for feature in features:
        frames, stored = video.streams[feature.name], inside(video.stored[feature.name])
        chosen = pick(frames, tf.reshape(rows, [1, -1]))
        chosen = tf.reshape(chosen, tf.concat([tf.shape(rows), frames.shape[2:]], 0))
        element[feature.name] = decode_batch(only_first(chosen, stored), stored, inside(video.count), length, feature)
    return element


class _Ratings(NamedTuple):
    """Ratings of a record's segments."""

    slots: tf.Tensor
    """Number of the segment in the video, int32 [R]."""
    classes: tf.Tensor
    """int64 [R]."""
    scores: tf.Tensor
    """float32 [R]."""


def _checked_ratings(parsed: Element, num_frames: tf.Tensor, num_classes: int, allowed: tf.Tensor | None) -> _Ratings:
    """Reads a record's ratings. Fails if they contradict the video or each other.

    Args:
        parsed: the context of one record.
        num_frames: the video's frames, int32 [].
        num_classes: number of classes. Labels are checked against it elsewhere.
        allowed: classes that may be rated, bool [C]; None = all.
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
    # A class rated twice in a segment must be present both times, or absent both times.
    present = is_present(scores)
    keys = tf.cast(slots, tf.int64) * num_classes + labels
    contradictory = (keys[:, None] == keys) & (present[:, None] != present)
    with tf.control_dependencies([require(~tf.reduce_any(contradictory), "contradictory ratings")]):
        return _Ratings(tf.identity(slots), labels, scores)
