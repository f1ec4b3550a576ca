"""Reads the frames of a serialized record as arrays, without parsing it.

Parsing turns a frame-level record into some 600 strings, which costs more than reading it from memory. But all frames of a
stream have equally many bytes, and protobuf writes the same bytes before each. So a stream is a matrix whose first columns
are the same in every row. If they are, the rows are the frames. If not, the record was written in an unusual way and is
parsed.

https://protobuf.dev/programming-guides/encoding/ describes the encoding. T = frames, D = values of a frame.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from yt8m.data.checking import check_record, parse
from yt8m.data.features import DEFAULT_FEATURES, Feature
from yt8m.data.protos import Features, SequenceExample
from yt8m.errors import RecordError

_CONTEXT, _FEATURE_LISTS = 1, 2
"""Field numbers of a `tf.train.SequenceExample`."""
_LENGTH_DELIMITED = 2
_BYTES_LIST, _FLOAT_LIST = 1, 2
"""Field numbers of a `tf.train.Feature`."""
_TAG_OF_FIRST = bytes([1 << 3 | _LENGTH_DELIMITED])


@dataclass(frozen=True)
class FrameRecord:
    """A usable frame-level record."""

    context: Features
    streams: dict[str, np.ndarray]
    """Frames by feature, [T, D] of its type, with the same T for all. Features without frames are left out."""


class _UnusualError(Exception):
    """The record is broken, or is not encoded the way protobuf's own libraries do it."""


def read_frames(
    serialized: bytes, path: str, index: int, features: Sequence[Feature] = DEFAULT_FEATURES
) -> FrameRecord:
    """Reads the frames of a record.

    Args:
        serialized: a `tf.train.SequenceExample`.
        path: the file of the record, for messages.
        index: the number of the record in the file.
        features: the features to read.

    Raises:
        RecordError: the record is unusable, or is a video-level record.
    """
    try:
        record, identity = _found(serialized, features)
    except (_UnusualError, IndexError):
        record, identity = _parsed(serialized, features), serialized
    problem = check_record(identity, "frame", features)
    if problem:
        raise RecordError(path, index, problem)
    return FrameRecord(record.context, shortened(record.streams, features))


def shortened(streams: dict[str, np.ndarray], features: Sequence[Feature] = DEFAULT_FEATURES) -> dict[str, np.ndarray]:
    """The streams that have frames, cut to the length of the shortest."""
    present = {each.name: streams[each.name] for each in features if len(streams.get(each.name, ()))}
    length = min(map(len, present.values()), default=0)
    return {name: frames[:length] for name, frames in present.items()}


def stored_frames(example: SequenceExample, feature: Feature) -> np.ndarray:
    """The frames of a feature in a parsed record, [T, D] of its type; none if they do not have its size."""
    lists, as_floats = example.feature_lists.feature_list, feature.storage == "float32"
    frames = lists[feature.name].feature if feature.name in lists else ()
    if as_floats:
        values = [np.array(frame.float_list.value, "<f4").tobytes() for frame in frames]
    else:
        values = [b"".join(frame.bytes_list.value) for frame in frames]
    if any(len(value) != feature.frame_bytes for value in values):
        values = []
    return np.frombuffer(b"".join(values), feature.dtype.newbyteorder("<")).reshape(-1, feature.size)


def _parsed(serialized: bytes, features: Sequence[Feature]) -> FrameRecord:
    example = parse(serialized) or SequenceExample()
    # Where frames have another size, the check says so.
    return FrameRecord(example.context, {each.name: stored_frames(example, each) for each in features})


def _found(serialized: bytes, features: Sequence[Feature]) -> tuple[FrameRecord, bytes]:
    """The record, and the rest of its bytes, without the frames, for the check."""
    contexts, streams, rows = [], {}, {each.name: each for each in features}
    for number, start, end in _fields(serialized, 0, len(serialized)):
        if number == _CONTEXT:
            contexts.append((start, end))
        elif number == _FEATURE_LISTS:
            streams |= _streams(serialized, start, end, rows)
    counts = [len(frames) for frames in streams.values() if len(frames)]
    if len(contexts) != 1 or not counts or max(counts) - min(counts) > 1:
        raise _UnusualError
    try:
        context = Features.FromString(serialized[slice(*contexts[0])])
    except Exception:  # protobuf's DecodeError, whose class depends on the protobuf backend
        raise _UnusualError from None
    # Means in the context of a frame-level record do not change its level. They are ignored.
    identity = SequenceExample()
    for key in ("id", "video_id", "labels"):
        if key in context.feature:
            identity.context.feature[key].CopyFrom(context.feature[key])
    return FrameRecord(context, streams), identity.SerializeToString()


def _streams(serialized: bytes, start: int, end: int, rows: dict[str, Feature]) -> dict[str, np.ndarray]:
    streams = {}
    for _, *entry in _fields(serialized, start, end):  # a map is a list of pairs of key and value
        pair = {number: place for number, *place in _fields(serialized, *entry)}
        if set(pair) != {1, 2}:
            raise _UnusualError
        name = serialized[slice(*pair[1])].decode(errors="replace")
        if name not in rows:
            continue
        if name in streams:
            raise _UnusualError
        streams[name] = _matrix(serialized, *pair[2], rows[name])
    return streams


def _matrix(serialized: bytes, start: int, end: int, feature: Feature) -> np.ndarray:
    """The frames of a `tf.train.FeatureList`, [T, D] of the feature's type, as a view."""
    before = _before_frame(feature.frame_bytes, feature.storage == "float32")
    width = len(before) + feature.frame_bytes
    if (end - start) % width:
        raise _UnusualError
    rows = np.frombuffer(serialized, np.uint8, end - start, start).reshape(-1, width)
    if rows[:, : len(before)].tobytes() != before * len(rows):
        raise _UnusualError
    frames = rows[:, len(before) :].view(feature.dtype.newbyteorder("<"))
    if not feature.is_quantised and not np.isfinite(frames).all():
        raise _UnusualError  # the check says which frame it is
    return frames


@functools.cache
def _before_frame(size: int, as_floats: bool) -> bytes:
    """The bytes before each frame. They say: a feature, a list of bytes or floats, and how many bytes follow."""
    kind = (_FLOAT_LIST if as_floats else _BYTES_LIST) << 3 | _LENGTH_DELIMITED
    value = _TAG_OF_FIRST + varint(size)
    values = bytes([kind]) + varint(len(value) + size) + value
    return _TAG_OF_FIRST + varint(len(values) + size) + values


def varint(number: int) -> bytes:
    """A number in protobuf's encoding: seven bits per byte, the lowest first."""
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])


def _fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a message: number, and start and end of the value in the data."""
    while start < end:
        tag, start = _read_varint(data, start)
        length, start = _read_varint(data, start)
        if tag & 7 != _LENGTH_DELIMITED or start + length > end:
            raise _UnusualError
        yield tag >> 3, start, start + length
        start += length


def _read_varint(data: bytes, start: int) -> tuple[int, int]:
    """The number at `start`, and its end."""
    number, shift = 0, 0
    while True:
        digit = data[start]
        number |= (digit & 127) << shift
        start, shift = start + 1, shift + 7
        if digit < 128:
            return number, start
