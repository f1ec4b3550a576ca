"""Finds sound records that TensorFlow's parsers refuse. A data service reads with these.

They are stricter than protobuf. An unknown field, or the two halves of a map's entry in the other order, ends such a stream.
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from yt8m.data.graph.reading import make_parser
from yt8m.data.options import ALL_FRAMES
from yt8m.data.records import RawRecord, read_framing
from yt8m.data.schema import Level
from yt8m.data.source import Source
from yt8m.errors import RecordError

_RECORDS_AT_ONCE, _BYTES_AT_ONCE = 256, 4 << 20
"""Most records that are tried together, and the bytes at which fewer are enough."""


def find_refused(files: Sequence[str], expectations: Mapping[str, Any]) -> RecordError | None:
    """Finds the first record that the parser refuses, as an error that names it; None if there is none.

    Args:
        files: files of which `yt8m.data.locating.locate` finds no fault.
        expectations: see `yt8m.data.source.Source.expectations`.
    """
    ask = functools.partial(_refusal, Source((), **expectations))
    for path in files:
        for batch in _batches(path):
            if ask([raw.data for raw in batch]) is None:  # much faster than one by one
                continue
            for raw in batch:
                reason = ask([raw.data])
                if reason:
                    return RecordError(path, raw.index, reason)
    return None


def _batches(path: str) -> Iterator[list[RawRecord]]:
    batch: list[RawRecord] = []
    size = 0
    for raw in read_framing(path):
        batch.append(raw)
        size += len(raw.data)
        if len(batch) == _RECORDS_AT_ONCE or size >= _BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _refusal(source: Source, records: Sequence[bytes]) -> str | None:
    """Says why the parser refuses any of these records, as a clause."""
    try:
        with tf.device("CPU"):
            _parser(source)(tf.constant(records, tf.string))
    except (tf.errors.InvalidArgumentError, UnicodeDecodeError) as error:
        return _describe(error_message(error), source.level)
    return None


@functools.lru_cache(maxsize=16)
def _parser(source: Source) -> Callable[[tf.Tensor], object]:
    parse = make_parser(source, ALL_FRAMES, seed=0)

    def parse_all(serialized: tf.Tensor) -> object:
        if source.level == "frame":
            return parse(tf.constant(0, tf.int64), serialized)
        if source.level == "video":
            return parse(serialized)
        return tf.map_fn(lambda record: tf.size(parse(record)["id"]), serialized, fn_output_signature=tf.int32)

    return tf.function(parse_all, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


def error_message(error: tf.errors.OpError | UnicodeDecodeError) -> str:
    """TensorFlow's message. If it quotes bytes that are not text, Python raises UnicodeDecodeError in its place."""
    return error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error.message)


def _describe(message: str, level: Level) -> str:
    requirement = re.search(r"assertion failed: \[(.*?)\]", message)
    key = re.search(r"(?:Key|Feature)(?: \(.*?\))?: ([\w-]+)", message)
    kind = "Example" if level == "video" else "SequenceExample"
    what = requirement[1] if requirement else f"its {key[1]}" if key else f"not a tf.train.{kind} to it"
    return f"cannot be read by TensorFlow's parser, which a data service uses ({what}); read it without --data.service"
