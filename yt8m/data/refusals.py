"""Asks TensorFlow's parsers, which training reads with, whether they take a record.

They are stricter than protobuf. An unknown field, or the two halves of a map's entry in the other order, ends a training.
"""

import functools
import re
from collections.abc import Callable, Sequence

import tensorflow as tf

from yt8m.data.options import ALL_FRAMES
from yt8m.data.reading import Source, make_parser
from yt8m.data.schema import DEFAULT_MAX_LABELS, MOST_CLASSES, Level


def refusals(
    records: Sequence[bytes],
    level: Level,
    features: Sequence[str],
    num_classes: int | None = None,
    max_labels: int = DEFAULT_MAX_LABELS,
    rated_classes: Sequence[int] | None = None,
) -> list[str | None]:
    """Says for each record why the training parser refuses it.

    Args:
        records: serialized, all of one level.
        level, features, num_classes, max_labels, rated_classes: see `yt8m.data.reading.Source`. `num_classes` None allows
            any class.

    Returns:
        Clauses without a full stop; None for a record that the parser takes.
    """
    rated = None if rated_classes is None else tuple(rated_classes)
    parse = _parser(level, tuple(features), num_classes or MOST_CLASSES, max_labels, rated)

    def ask(some: Sequence[bytes]) -> str | None:
        try:
            with tf.device("CPU"):
                parse(tf.constant(some, tf.string))
        except (tf.errors.InvalidArgumentError, UnicodeDecodeError) as error:
            return _describe(error_message(error), level)
        return None

    if len(records) > 1 and ask(records) is None:  # nearly always true, and much faster than one by one
        return [None] * len(records)
    return [ask([record]) for record in records]


@functools.lru_cache(maxsize=16)
def _parser(
    level: Level, features: tuple[str, ...], num_classes: int, max_labels: int, rated_classes: tuple[int, ...] | None
) -> Callable[[tf.Tensor], object]:
    source = Source((), level, features, num_classes, max_labels, rated_classes)
    parse = make_parser(source, ALL_FRAMES, seed=0)

    def parse_all(serialized: tf.Tensor) -> object:
        if level == "frame":
            return parse(tf.constant(0, tf.int64), serialized)
        if level == "video":
            return parse(serialized)
        return tf.map_fn(lambda record: tf.size(parse(record)["id"]), serialized, fn_output_signature=tf.int32)

    return tf.function(parse_all, input_signature=[tf.TensorSpec([None], tf.string)])


def error_message(error: tf.errors.OpError | UnicodeDecodeError) -> str:
    """TensorFlow's message. If it quotes bytes that are not text, Python raises UnicodeDecodeError in its place."""
    return error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error.message)


def _describe(message: str, level: Level) -> str:
    requirement = re.search(r"assertion failed: \[(.*?)\]", message)
    if requirement:
        return f"cannot be parsed: {requirement[1]}"
    key = re.search(r"(?:Key|Feature)(?: \(.*?\))?: (\w+)", message)
    kind = "Example" if level == "video" else "SequenceExample"
    what = key[1] if key else f"it as a tf.train.{kind}"
    return f"is damaged: TensorFlow's parser cannot read {what}"
