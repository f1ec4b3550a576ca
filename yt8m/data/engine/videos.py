"""Reads frame-level records: the id, the labels and the frames of a video, without parsing the frames.

Parsing turns a frame-level record into some 600 strings, which costs more than reading it from memory. But all frames of a
stream have equally many bytes, and protobuf writes the same bytes before each. So a stream is a matrix whose first columns
are the same in every row. If they are, the rows are the frames. If not, the record was written in an unusual way and is
parsed by protobuf, with the same result.

https://protobuf.dev/programming-guides/encoding/ describes the encoding. n = stored frames, b = bytes of a frame.
"""

import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from yt8m.data.checking import check_record, parse
from yt8m.data.engine.memory import Scratch
from yt8m.data.engine.records import Record
from yt8m.data.features import Feature, rows_of
from yt8m.data.layouts import FLOATS_ENDING
from yt8m.data.protos import Features, SequenceExample, varint
from yt8m.data.schema import ID_KEYS, MOST_CLASSES
from yt8m.data.source import Source

_CONTEXT, _FEATURE_LISTS = 1, 2
"""Field numbers of a `SequenceExample`."""
_KEY, _VALUE = 1, 2
"""Field numbers of an entry of a map."""
_LENGTH_DELIMITED = 2
_MOST_LENGTH_BITS = 35
"""Digits of the lengths that all of protobuf's libraries read: five of seven bits."""
_FLOATS_ENDING = FLOATS_ENDING.encode()
_BYTES_LIST, _FLOAT_LIST = 1, 2
"""Field numbers of a `Feature`."""


class Video(NamedTuple):
    """A usable frame-level record."""

    id: bytes
    labels: Sequence[int]
    """Class ids, as stored."""
    streams: dict[str, np.ndarray]
    """Stored frames by feature, uint8 [n, b]. Valid until the next record is read into the same memory. Features without frames
    are left out."""
    context: Any
    """What concerns the whole video: a `yt8m.data.protos.Features`."""

    @property
    def num_frames(self) -> int:
        """Frames that all present streams have. Streams may differ by one frame, the last."""
        return min([len(frames) for frames in self.streams.values()], default=0)

    def frames(self, features: Iterable[Feature]) -> dict[str, np.ndarray]:
        """The frames that all present streams have, by feature: [T, D] of the feature's type, as views of the streams."""
        count = self.num_frames
        return {
            each.name: self.streams[each.name][:count].view(each.dtype.newbyteorder("<"))
            for each in features
            if each.name in self.streams
        }


class _UnusualError(Exception):
    """The record is broken, or is not encoded the way protobuf's own libraries do it."""


def read_video(record: Record, source: Source, scratch: Scratch) -> Video:
    """Reads a frame-level record.

    Args:
        record: the record.
        source: what it must be like. Streams that are not among its features are not looked at.
        scratch: memory to read it into.

    Raises:
        RecordError: the record is damaged, or is not as the source says.
    """
    data = record.read(scratch)
    return video_of(data, source, record)


def video_of(data: np.ndarray, source: Source, record: Record) -> Video:
    """Reads a frame-level record's data, uint8 [bytes]. Arguments: see `read_video`."""
    try:
        video = _found(data, source)
    except (_UnusualError, IndexError):
        serialized = data.tobytes()
        problem = check_record(serialized, **source.expectations)
        if problem:
            raise record.error(problem) from None
        video = _parsed(serialized, source)
    if source.labels:
        return Video(video.id, source.labels_of(video.id), video.streams, video.context)
    return video


def finite_video_of(data: np.ndarray, source: Source, record: Record) -> Video:
    """Like `video_of`, but also raises RecordError for a float that is NaN or infinite."""
    video = video_of(data, source, record)
    floats = [each for each in source.features if not each.is_quantised]
    if floats and not all(np.isfinite(frames).all() for frames in video.frames(floats).values()):
        raise record.error(check_record(data.tobytes(), **source.expectations) or "has a value that is NaN or infinite")
    return video


def _found(data: np.ndarray, source: Source) -> Video:
    """Finds the parts of a record that is encoded in the usual way."""
    view = memoryview(data)
    keys = _keys(source.features)
    context = streams = None
    for number, start, end in _fields(view, 0, len(view)):
        if number == _CONTEXT and context is None:
            context = view[start:end]
        elif number == _FEATURE_LISTS and streams is None:
            streams = _streams(data, view, start, end, keys)
        else:
            raise _UnusualError
    streams = streams or {}
    counts = [len(frames) for frames in streams.values()]
    if context is None or (keys and (not counts or max(counts) - min(counts) > 1)):
        raise _UnusualError
    try:
        features = Features.FromString(bytes(context))
    except Exception:  # protobuf's DecodeError, whose class depends on the protobuf backend
        raise _UnusualError from None
    return Video(_id(features.feature), _labels(features.feature, source), streams, features)


def _id(features) -> bytes:
    for key in ID_KEYS:
        if key in features:
            values = features[key].bytes_list.value
            if len(values) == 1 and values[0]:
                return values[0]
            raise _UnusualError
    raise _UnusualError


def _labels(features, source: Source) -> list[int]:
    if "labels" not in features or source.labels:
        return []
    labels = list(features["labels"].int64_list.value)
    if not labels and features["labels"].WhichOneof("kind") not in ("int64_list", None):
        raise _UnusualError
    num_classes = MOST_CLASSES if source.num_classes is None else source.num_classes
    max_labels = len(labels) if source.max_labels is None else source.max_labels
    if labels and (len(labels) > max_labels or min(labels) < 0 or max(labels) >= num_classes):
        raise _UnusualError
    return labels


def _streams(
    data: np.ndarray, view: memoryview, start: int, end: int, keys: dict[bytes, Feature]
) -> dict[str, np.ndarray]:
    """The frames of each feature in a `FeatureLists`, without features that have none."""
    streams: dict[str, np.ndarray] = {}
    found = set()
    for number, *entry in _fields(view, start, end):  # a map is a list of pairs of key and value
        pair = list(_fields(view, *entry))
        if number != 1 or [field for field, _, _ in pair] != [_KEY, _VALUE]:
            raise _UnusualError
        (_, key_start, key_end), (_, value_start, value_end) = pair
        key = bytes(view[key_start:key_end])
        feature = keys.get(key)
        if feature is None:
            if key.endswith(_FLOATS_ENDING):  # a feature of ours in another layout
                raise _UnusualError
            _pass_over(data, view, key, value_start, value_end)
        if feature is None:
            continue
        if feature.name in found:
            raise _UnusualError
        found.add(feature.name)
        if value_start < value_end:
            streams[feature.name] = _matrix(data, value_start, value_end, feature)
    return streams


def _pass_over(data: np.ndarray, view: memoryview, key: bytes, start: int, end: int) -> None:
    """Makes sure that protobuf, too, would read a stream that is not asked for: damage may have changed its name."""
    try:
        key.decode()
    except UnicodeDecodeError:
        raise _UnusualError from None
    if start == end:
        return
    number, inner, stop = next(_fields(view, start, end))
    fields = [number]
    for _ in range(2):  # in a frame's feature, a list; in the list, the first value
        number, inner, inner_stop = next(_fields(view, inner, stop), (0, 0, 0))
        fields.append(number if inner_stop == stop else 0)
    is_frame = fields == [1, _BYTES_LIST, 1] or (fields == [1, _FLOAT_LIST, 1] and (stop - inner) % 4 == 0)
    if not is_frame:
        raise _UnusualError
    _rows(data, start, end, bytes(view[start:inner]), stop - inner)


@functools.lru_cache(maxsize=64)
def _keys(features: tuple) -> dict[bytes, Feature]:
    """Features by the keys of their frames."""
    rows = rows_of(features)
    others = {key.encode(): row for row in rows for key in row.frame_keys}
    return others | {row.name.encode(): row for row in rows}


def _matrix(data: np.ndarray, start: int, end: int, feature: Feature) -> np.ndarray:
    """The frames of a `FeatureList`, uint8 [n, b], as a view."""
    return _rows(
        data, start, end, _before_frame(feature.frame_bytes, feature.storage == "float32"), feature.frame_bytes
    )


def _rows(data: np.ndarray, start: int, end: int, before: bytes, size: int) -> np.ndarray:
    """The values of frames that lie one after the other, uint8 [n, size], as a view. The same bytes lie before each."""
    width = len(before) + size
    if (end - start) % width:
        raise _UnusualError
    count = (end - start) // width
    found = np.ndarray((count,), _item(len(before)), data, start, (width,))
    if found.tobytes() != before * count:
        raise _UnusualError
    return data[start:end].reshape(-1, width)[:, len(before) :]


@functools.cache
def _item(size: int) -> np.dtype:
    """Bytes as one item, which NumPy copies six times as fast as a row of bytes."""
    return np.dtype((np.void, size))


@functools.cache
def _before_frame(size: int, as_floats: bool) -> bytes:
    """The bytes before each frame. They say: a feature, a list of bytes or floats, and how many bytes follow."""
    first = 1 << 3 | _LENGTH_DELIMITED
    kind = (_FLOAT_LIST if as_floats else _BYTES_LIST) << 3 | _LENGTH_DELIMITED
    value = bytes([first]) + varint(size)
    values = bytes([kind]) + varint(len(value) + size) + value
    return bytes([first]) + varint(len(values) + size) + values


def _fields(view: memoryview, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a message: number, and start and end of the value."""
    while start < end:
        tag = view[start]
        if tag & 7 != _LENGTH_DELIMITED or not 8 <= tag < 128:
            raise _UnusualError
        length, shift, start = 0, 0, start + 1
        while True:
            digit = view[start]
            length |= (digit & 127) << shift
            start, shift = start + 1, shift + 7
            if digit < 128:
                break
        if start + length > end or shift > _MOST_LENGTH_BITS:
            raise _UnusualError
        yield tag >> 3, start, start + length
        start += length


def _parsed(serialized: bytes, source: Source) -> Video:
    """Reads a sound record by protobuf."""
    example = parse(serialized, source.features) or SequenceExample()
    lists, context = example.feature_lists.feature_list, example.context.feature
    streams = {}
    for feature in rows_of(source.features):
        if feature.name in lists and lists[feature.name].feature:
            streams[feature.name] = stored_frames(lists[feature.name].feature, feature)
    values = (context[key].bytes_list.value for key in ID_KEYS if key in context)
    name = next((value[0] for value in values if value and value[0]), b"")
    labels = list(context["labels"].int64_list.value) if "labels" in context else []
    return Video(name, labels, streams, example.context)


def stored_frames(frames: Iterable[Any], feature: Feature) -> np.ndarray:
    """Frames that protobuf has parsed, and that are sound: uint8 [n, b]."""
    return np.frombuffer(b"".join(_frame(each, feature) for each in frames), np.uint8).reshape(-1, feature.frame_bytes)


def _frame(frame, feature: Feature) -> bytes:
    if feature.storage == "float32":
        return np.asarray(frame.float_list.value, "<f4").tobytes()
    return frame.bytes_list.value[0]
