"""The frames of a serialized record as arrays, without parsing it.

Parsing a frame-level record makes some 600 strings of it, in TensorFlow as in Python, which costs more than reading it from
memory. But every frame of a stream has the same number of bytes, and so has what protobuf writes before each: the stream is a
matrix whose first columns are the same in every row. Where they are, the rows are the frames; where they are not, whoever wrote
the record did it in an unusual way, and it is parsed.

https://protobuf.dev/programming-guides/encoding/ describes the encoding. T = frames, D = a frame's bytes.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from yt8m.data.checking import check_record, parse
from yt8m.data.schema import FEATURE_SIZES
from yt8m.errors import RecordError

_CONTEXT, _FEATURE_LISTS = 1, 2
"""Fields of a `tf.train.SequenceExample`."""
_LENGTH_DELIMITED = 2
_TAG_OF_FIRST = bytes([1 << 3 | _LENGTH_DELIMITED])


@dataclass(frozen=True)
class FrameRecord:
    """A frame-level record that can be used."""

    context: tf.train.Features
    streams: dict[str, np.ndarray]
    """By feature name, uint8 [T, D]; those without frames are left out, and all have the same T."""


class _UnusualError(Exception):
    """The record is not written as protobuf's own libraries write it, or is not right."""


def read_frames(serialized: bytes, path: str, index: int) -> FrameRecord:
    """The frames of a record.

    Args:
        serialized: a `tf.train.SequenceExample`.
        path: its file, for messages.
        index: its place in the file.

    Raises:
        RecordError: the record cannot be used, or is of video level.
    """
    try:
        record, identity = _found(serialized)
    except (_UnusualError, IndexError):
        record, identity = _parsed(serialized), serialized
    problem = check_record(identity, "frame")
    if problem:
        raise RecordError(path, index, problem)
    return FrameRecord(record.context, shortened(record.streams))


def shortened(streams: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The streams that have frames, less the last second of those that are longer than others."""
    present = {name: streams[name] for name in FEATURE_SIZES if name in streams and len(streams[name])}
    length = min(map(len, present.values()), default=0)
    return {name: frames[:length] for name, frames in present.items()}


def _parsed(serialized: bytes) -> FrameRecord:
    example = parse(serialized) or tf.train.SequenceExample()
    lists = example.feature_lists.feature_list
    streams = {}
    for name, size in FEATURE_SIZES.items():
        values = [b"".join(frame.bytes_list.value) for frame in lists[name].feature] if name in lists else []
        if all(len(value) == size for value in values):  # else the check says what is wrong
            streams[name] = np.frombuffer(b"".join(values), np.uint8).reshape(-1, size)
    return FrameRecord(example.context, streams)


def _found(serialized: bytes) -> tuple[FrameRecord, bytes]:
    """The record, and what of it is still to be checked: all but the frames."""
    contexts, streams = [], {}
    for number, start, end in _fields(serialized, 0, len(serialized)):
        if number == _CONTEXT:
            contexts.append((start, end))
        elif number == _FEATURE_LISTS:
            streams |= _streams(serialized, start, end)
    counts = [len(frames) for frames in streams.values() if len(frames)]
    if len(contexts) != 1 or not counts or max(counts) - min(counts) > 1:
        raise _UnusualError
    try:
        context = tf.train.Features.FromString(serialized[slice(*contexts[0])])
    except Exception:  # protobuf's DecodeError, whose class depends on the protobuf backend
        raise _UnusualError from None
    # Means in the context of a frame-level record say nothing of its level, and are not used.
    identity = tf.train.SequenceExample()
    for key in ("id", "video_id", "labels"):
        if key in context.feature:
            identity.context.feature[key].CopyFrom(context.feature[key])
    return FrameRecord(context, streams), identity.SerializeToString()


def _streams(serialized: bytes, start: int, end: int) -> dict[str, np.ndarray]:
    streams = {}
    for _, *entry in _fields(serialized, start, end):  # a map is a list of pairs of key and value
        pair = {number: place for number, *place in _fields(serialized, *entry)}
        if set(pair) != {1, 2}:
            raise _UnusualError
        name = serialized[slice(*pair[1])].decode(errors="replace")
        if name not in FEATURE_SIZES:
            continue
        if name in streams:
            raise _UnusualError
        streams[name] = _matrix(serialized, *pair[2], FEATURE_SIZES[name])
    return streams


def _matrix(serialized: bytes, start: int, end: int, size: int) -> np.ndarray:
    """A `tf.train.FeatureList` of frames of one size, uint8 [T, D]; a view."""
    before = _before_frame(size)
    width = len(before) + size
    if (end - start) % width:
        raise _UnusualError
    rows = np.frombuffer(serialized, np.uint8, end - start, start).reshape(-1, width)
    if rows[:, : len(before)].tobytes() != before * len(rows):
        raise _UnusualError
    return rows[:, len(before) :]


@functools.cache
def _before_frame(size: int) -> bytes:
    """What stands before each frame: that it is a feature, of a list of bytes, of one string of this size."""
    value = _TAG_OF_FIRST + varint(size)
    values = _TAG_OF_FIRST + varint(len(value) + size) + value
    return _TAG_OF_FIRST + varint(len(values) + size) + values


def varint(number: int) -> bytes:
    """A number as protobuf writes it: seven bits a byte, the lowest first."""
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])


def _fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a message: number, and from where to where in the data its value goes."""
    while start < end:
        tag, start = _read_varint(data, start)
        length, start = _read_varint(data, start)
        if tag & 7 != _LENGTH_DELIMITED or start + length > end:
            raise _UnusualError
        yield tag >> 3, start, start + length
        start += length


def _read_varint(data: bytes, start: int) -> tuple[int, int]:
    """The number that begins there, and where it ends."""
    number, shift = 0, 0
    while True:
        digit = data[start]
        number |= (digit & 127) << shift
        start, shift = start + 1, shift + 7
        if digit < 128:
            return number, start
