"""Takes records apart into named values, and puts them together again, without loss.

What has no column of its own, such as user-defined keys, goes to one last column in serialized form. So every record comes back
as it was, except for the order of its keys.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from yt8m.conversion.video_level import deviation_feature
from yt8m.data import protos
from yt8m.data.checking import check_record, level_of, parse
from yt8m.data.engine.videos import stored_frames
from yt8m.data.features import DEFAULT_FEATURES, Feature
from yt8m.data.schema import ID_KEYS, Level

OTHER = "other"
"""The column for everything without a column."""
INTEGERS = ("labels", "segment_start_times", "segment_end_times", "segment_labels")
SCORES = "segment_scores"
SEGMENTS = (*INTEGERS[1:], SCORES)


def columns_for(
    serialized: bytes, level: Level | None = None, features: Sequence[Feature] = DEFAULT_FEATURES
) -> tuple[str, ...]:
    """The columns for records like this one. Other features go to the last column.

    Args:
        serialized: a usable record.
        level: the level of the data set; None = that of the record.
        features: the features with columns of their own.
    """
    example = parse(serialized, features)
    assert example is not None, "the record was checked"
    context = example.context.feature
    key = next((key for key in ID_KEYS if key in context), ID_KEYS[0])
    level = level or level_of(example, features)
    if level == "video":
        deviations = (deviation_feature(each.name) for each in features)
        values = (*(each.video_name for each in features), *(name for name in deviations if name in context))
    else:
        values = (*(SEGMENTS if level == "segment" else ()), *(each.name for each in features))
    return (key, "labels", *values, OTHER)


def to_row(serialized: bytes, columns: Sequence[str], features: Sequence[Feature] = DEFAULT_FEATURES) -> dict[str, Any]:
    """The values of a record's columns. A missing feature is None.

    Args:
        serialized: a usable record.
        columns: from `columns_for`.
        features: the features with columns of their own.

    Returns:
        The id as text, labels and the like as int64 [n] or float32 [n], frames as the bytes of all frames one after the other,
        the last column as bytes.
    """
    example = parse(serialized, features)
    assert example is not None, "the record was checked"
    rows = {each.name: each for each in features}
    context, lists = example.context.feature, example.feature_lists.feature_list
    row: dict[str, Any] = dict.fromkeys(columns)
    for column in columns:
        if column in rows and column in lists and _is_stored_so(lists[column].feature, rows[column]):
            row[column] = stored_frames(lists[column].feature, rows[column]).tobytes()
            del lists[column]
            if not lists:
                example.ClearField("feature_lists")
                lists = {}
        elif column in context:
            row[column] = _value(column, context[column])
            if row[column] is not None:
                del context[column]
    if not context:
        example.ClearField("context")
    row[OTHER] = example.SerializeToString(deterministic=True) or None
    return row


def _is_stored_so(frames: Sequence[protos.Feature], feature: Feature) -> bool:
    if feature.storage == "float32":
        return all(len(frame.float_list.value) == feature.size for frame in frames)
    values = (frame.bytes_list.value for frame in frames)
    return all(len(value) == 1 and len(value[0]) == feature.frame_bytes for value in values)


def _value(column: str, feature: protos.Feature) -> Any:
    """None if the column cannot hold the feature."""
    if column in ID_KEYS:
        with contextlib.suppress(UnicodeDecodeError):
            (value,) = feature.bytes_list.value
            return value.decode()
        return None
    wanted, kind = ("int64_list", np.int64) if column in INTEGERS else ("float_list", np.float32)
    return np.array(getattr(feature, wanted).value, kind) if feature.WhichOneof("kind") == wanted else None


def from_row(row: dict[str, Any], features: Sequence[Feature] = DEFAULT_FEATURES) -> bytes:
    """The record of a row, serialized with its keys in order. Arguments, errors: see `example_of`."""
    return example_of(row, features).SerializeToString(deterministic=True)


def example_of(row: dict[str, Any], features: Sequence[Feature] = DEFAULT_FEATURES) -> protos.SequenceExample:
    """The record of a row.

    Args:
        row: values as `to_row` returns them.
        features: the features with columns of their own.

    Raises:
        ValueError: a column does not hold a whole number of frames, or the last column does not hold a record.
    """
    example = protos.parse(protos.SequenceExample, row.get(OTHER) or b"")
    if example is None:
        raise ValueError(f"{OTHER} does not hold a serialized tf.train.SequenceExample")
    rows = {each.name: each for each in features}
    for column, value in row.items():
        if value is None or column == OTHER:
            continue
        if column in rows:
            size = rows[column].frame_bytes
            if len(value) % size:
                raise ValueError(f"{column} has {len(value)} bytes, not a whole number of frames of {size}")
            frames = np.frombuffer(value, rows[column].dtype.newbyteorder("<")).reshape(-1, rows[column].size)
            add_frames(example, rows[column], frames)
        elif column in ID_KEYS:
            example.context.feature[column].bytes_list.value.append(value.encode())
        else:
            kind = "int64_list" if column in INTEGERS else "float_list"
            values = getattr(example.context.feature[column], kind)
            values.SetInParent()  # an empty list is not the same as a missing one
            values.value.extend(value)
    return example


def problem_of(serialized: bytes, level: Level | None = None, features: Sequence[Feature] | None = None) -> str | None:
    """Why a record cannot be used, as `check_record` says it; None if it can. A video without frames fits any level."""
    problem = check_record(serialized, level, features)
    if problem and level is None and not check_record(serialized, "frame", features):
        return None
    return problem


def add_frames(example: protos.SequenceExample, feature: Feature, frames: np.ndarray) -> None:
    """Adds frames to a record: [T, D] of the feature's type."""
    stored = example.feature_lists.feature_list[feature.name]
    stored.SetInParent()
    for frame in frames:
        if feature.storage == "float32":
            stored.feature.add().float_list.value.extend(frame.tolist())
        else:
            stored.feature.add().bytes_list.value.append(
                frame.astype(frame.dtype.newbyteorder("<"), copy=False).tobytes()
            )
