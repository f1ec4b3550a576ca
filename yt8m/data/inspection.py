"""What record files hold, and which records cannot be used: read in Python, one record in memory at a time.

The training pipeline is fast and says little when a record is broken. This module is thorough and says where.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from yt8m.data.records import HEADER_BYTES, RawRecord, file_size, is_header, open_file, read_framing, read_record
from yt8m.data.schema import FEATURE_SIZES, ID_KEYS, SEGMENT_FRAMES, Level, video_feature
from yt8m.errors import RecordError

_RATING_KINDS = {
    "segment_start_times": "int64_list",
    "segment_end_times": "int64_list",
    "segment_labels": "int64_list",
    "segment_scores": "float_list",
}
_OPTIONAL_RATING_KEYS = {"segment_end_times"}
"""Nothing reads it: a segment ends five seconds after its start."""


def _parse(serialized: bytes) -> tf.train.SequenceExample | None:
    try:
        return tf.train.SequenceExample.FromString(serialized)
    except Exception:  # protobuf's DecodeError, whose class depends on the protobuf backend
        return None


def _values(feature: tf.train.Feature) -> Sequence[Any]:
    kind = feature.WhichOneof("kind")
    return getattr(feature, kind).value if kind else ()


def level_of(example: tf.train.SequenceExample) -> Level | None:
    """The level of a record; None if it holds no features of this data set."""
    lists, context = example.feature_lists.feature_list, example.context.feature
    if any(name in lists for name in FEATURE_SIZES):
        return "segment" if any(key in context for key in _RATING_KINDS) else "frame"
    return "video" if any(video_feature(name) in context for name in FEATURE_SIZES) else None


def check_record(
    serialized: bytes,
    level: Level | None = None,
    features: Sequence[str] = tuple(FEATURE_SIZES),
    num_classes: int | None = None,
) -> str | None:
    """Why a record cannot be used; None if it can.

    Args:
        serialized: a `tf.train.Example` or `SequenceExample`.
        level: what is expected; None takes any. Segment-level records are frame-level records with ratings, so each of
            these two passes for the other.
        features: those that are read, as named at frame level.
        num_classes: labels must be below it; None takes any.

    Returns:
        A clause without a full stop.
    """
    example = _parse(serialized)
    if example is None:
        return "is no tf.train.Example or SequenceExample"
    found = level_of(example)
    if found is None and level in (None, "video"):
        return "holds neither rgb or audio frames nor mean_rgb or mean_audio"
    found = found or "frame"  # a video without frames may lack the lists of frames altogether
    if level is not None and (found == "video") != (level == "video"):
        return f"is a {found}-level record, {level}-level was expected"
    context = example.context.feature
    problem = _check_id(context)
    if problem:
        return problem
    if found == "video":
        return _check_labels(context, num_classes) or _check_means(context, features)
    lists = example.feature_lists.feature_list
    problem = _check_labels(context, num_classes) or _check_frames(lists, features)
    if problem or found != "segment":
        return problem
    return _check_ratings(context, num_frames(example), num_classes)


def _check_id(context) -> str | None:
    for key in ID_KEYS:
        if key not in context or not _values(context[key]):
            continue
        values = context[key].bytes_list.value
        if len(values) != 1 or not values[0]:
            return f"has an unusable {key}; it must be one text that is not empty"
        return None
    return f"has no id (neither {' nor '.join(ID_KEYS)})"


def _check_labels(context, num_classes: int | None) -> str | None:
    if "labels" not in context:
        return None
    if context["labels"].WhichOneof("kind") not in ("int64_list", None):
        return "labels are not integers"
    return _check_classes("label", _values(context["labels"]), num_classes)


def _check_classes(what: str, classes: Sequence[int], num_classes: int | None) -> str | None:
    for each in classes:
        if each < 0 or (num_classes is not None and each >= num_classes):
            return f"{what} {each} is out of range; with --data.num-classes {num_classes} classes go to {(num_classes or 0) - 1}"
    return None


def _check_means(context, features: Sequence[str]) -> str | None:
    for name in features:
        key = video_feature(name)
        if key not in context:
            continue
        if context[key].WhichOneof("kind") != "float_list":
            return f"{key} is no list of floats"
        values = context[key].float_list.value
        if len(values) != FEATURE_SIZES[name]:
            return f"{key} has {len(values)} values, not {FEATURE_SIZES[name]}"
        if not np.isfinite(values).all():
            return f"{key} has a value that is NaN or infinite"
    return None


def _check_frames(lists, features: Sequence[str]) -> str | None:
    counts = {}
    for name in features:
        frames = lists[name].feature if name in lists else ()
        if not frames:
            continue
        counts[name] = len(frames)
        sizes = {_frame_size(frame) for frame in frames}
        if sizes == {FEATURE_SIZES[name]}:
            continue
        index = next(index for index, frame in enumerate(frames) if _frame_size(frame) != FEATURE_SIZES[name])
        size = _frame_size(frames[index])
        if size is None:
            kind = (frames[index].WhichOneof("kind") or "nothing").replace("_list", "s")
            return f"{name} holds {kind}; frame-level features are one bytes value a second"
        return f"{name} frame {index} has {size} bytes, not {FEATURE_SIZES[name]}"
    if counts and max(counts.values()) - min(counts.values()) > 1:
        return " and ".join(f"{count} {name}" for name, count in counts.items()) + " frames; they may differ by one"
    return None


def _frame_size(frame: tf.train.Feature) -> int | None:
    values = frame.bytes_list.value
    return len(values[0]) if len(values) == 1 else None


def num_frames(example: tf.train.SequenceExample) -> int:
    """Frames that all streams present have."""
    lists = example.feature_lists.feature_list
    counts = [len(lists[name].feature) for name in FEATURE_SIZES if name in lists]
    return min((count for count in counts if count), default=0)


def _check_ratings(context, length: int, num_classes: int | None) -> str | None:
    for key, kind in _RATING_KINDS.items():
        if key in context and context[key].WhichOneof("kind") not in (kind, None):
            return f"{key} are not {'integers' if kind == 'int64_list' else 'floats'}"
    columns = {
        key: list(_values(context[key])) if key in context else []
        for key in _RATING_KINDS
        if key in context or key not in _OPTIONAL_RATING_KEYS
    }
    if len({len(column) for column in columns.values()}) > 1:
        return "has segment lists of different lengths: " + ", ".join(f"{len(v)} {key}" for key, v in columns.items())
    starts, labels, scores = (columns[key] for key in _RATING_KINDS if key not in _OPTIONAL_RATING_KEYS)
    ends = columns.get("segment_end_times", [start + SEGMENT_FRAMES for start in starts])
    ratings: dict[tuple[int, int], float] = {}
    for start, end, label, score in zip(starts, ends, labels, scores, strict=True):
        if start % SEGMENT_FRAMES or start < 0:
            return f"has a segment at {start} s; segments start at multiples of {SEGMENT_FRAMES} s"
        if start >= length:
            return f"has a segment at {start} s, past the end of its {length} frames"
        if end != start + SEGMENT_FRAMES:
            return f"has a segment from {start} to {end} s; segments last {SEGMENT_FRAMES} s"
        if not 0 <= score <= 1:
            return f"rates class {label} in the segment at {start} s with {score:g}; scores go from 0 to 1"
        if ratings.setdefault((start, label), score) != score:
            return f"rates class {label} in the segment at {start} s both present and absent"
    return _check_classes("segment label", labels, num_classes)


@dataclass(frozen=True)
class Problem:
    """A record, or a file, that cannot be used."""

    path: str
    record: int | None
    reason: str

    def as_error(self) -> RecordError:
        """The error that names it."""
        return RecordError(self.path, self.record, self.reason)


def _framing(path: str) -> Iterator[RawRecord | Problem]:
    """The records of a file, and what cannot be read of it."""
    try:
        for raw in read_framing(path):
            yield raw if raw.problem is None else Problem(path, _index_to_name(raw), raw.problem)
    except (OSError, tf.errors.OpError) as error:
        reason = str(getattr(error, "strerror", None) or getattr(error, "message", error)).splitlines()[0]
        yield Problem(path, None, f"cannot be read ({reason})")


def _index_to_name(raw: RawRecord) -> int | None:
    return None if raw.problem and raw.problem.startswith("the file is") and raw.index == 0 else raw.index


def locate(
    files: Sequence[str],
    *,
    level: Level,
    features: Sequence[str],
    num_classes: int,
    byte_offset: int | None = None,
) -> RecordError | None:
    """The first record that cannot be used, as an error that names it; None if all can.

    Args:
        files: where to look, in this order.
        level, features, num_classes: what is expected of a record; see `check_record`.
        byte_offset: the number in TensorFlow's "corrupted record at 12345" or "truncated record at 12345", if it gave
            one: where in its file the record begins, or its data. Files with a broken record there are searched first,
            so that the others need not be read.
    """
    if byte_offset is not None:
        suspects = [path for path in files if _is_broken_at(path, byte_offset)]
        files = [*suspects, *(path for path in files if path not in suspects)]
    for path in files:
        for raw in _framing(path):
            if isinstance(raw, Problem):
                return raw.as_error()
            reason = check_record(raw.data, level, features, num_classes)
            if reason:
                return RecordError(path, raw.index, reason)
    return None


def _is_broken_at(path: str, byte_offset: int) -> bool:
    """Whether a record begins at the offset, or one header before it, and is broken; takes one or two short reads.

    In most files the offset lies amid a record, where nothing looks like a header. That of a damaged header does not
    either, so its file is found this way only if it is the first one of the file.
    """
    try:
        size = file_size(path)
        with open_file(path) as file:
            for offset in (byte_offset, byte_offset - HEADER_BYTES):
                if not 0 <= offset < size:
                    continue
                file.seek(offset)
                header = file.read(HEADER_BYTES)
                if offset == 0 or is_header(header):
                    file.seek(offset)
                    if read_record(file, offset, size)[1] is not None:
                        return True
    except (OSError, tf.errors.OpError):
        return True
    return False


@dataclass
class Usable:
    """Which records of some files can be used."""

    whole: list[str] = field(default_factory=list)
    """Files all of whose records can be used."""
    partial: dict[str, list[int]] = field(default_factory=dict)
    """For each other file, the indices of the records that can."""
    problems: list[Problem] = field(default_factory=list)
    """What cannot be used. Of a file that breaks off, only the first lost record is known."""


def usable_records(files: Sequence[str], *, level: Level, features: Sequence[str], num_classes: int) -> Usable:
    """Reads and checks every record; see `check_record` for the arguments."""
    result = Usable()
    for path in files:
        good, problems = [], []
        for raw in _framing(path):
            if isinstance(raw, Problem):
                problems.append(raw)
                continue
            reason = check_record(raw.data, level, features, num_classes)
            if reason:
                problems.append(Problem(path, raw.index, reason))
            else:
                good.append(raw.index)
        if problems:
            result.partial[path] = good
        else:
            result.whole.append(path)
        result.problems += problems
    return result


class _Range:
    """Least, mean and greatest of counts."""

    def __init__(self):
        self._counts: list[int] = []

    def add(self, count: int) -> None:
        self._counts.append(count)

    def summary(self) -> dict[str, float] | None:
        counts = self._counts
        return {"min": min(counts), "mean": sum(counts) / len(counts), "max": max(counts)} if counts else None


def inspect(files: Sequence[str]) -> dict[str, Any]:
    """What some record files hold.

    Args:
        files: paths of files.

    Returns:
        `level` (of most of the first records; `segment` if any record has ratings; None if nothing can be read),
        `num_files`, `num_records`, `num_frames` and `num_labels` (`min`, `mean`, `max`; None where there are none),
        `num_classes_seen`, `max_label`, `features` (name to size), `num_rated_segments`, and `corrupt_files`, a list of
        `path`, `record` (counted from 0; None for a whole file) and `reason`. Counts are of the usable records.
    """
    level: Level | None = None
    frames, labels, classes, features, rated = _Range(), _Range(), set(), {}, 0
    problems, num_records = [], 0
    for path in files:
        for raw in _framing(path):
            if isinstance(raw, Problem):
                problems.append(raw)
                continue
            reason = check_record(raw.data, level)
            if reason:
                problems.append(Problem(path, raw.index, reason))
                continue
            example = _parse(raw.data)
            found = level_of(example)
            level = "segment" if "segment" in (level, found) else found
            num_records += 1
            context, lists = example.context.feature, example.feature_lists.feature_list
            if found == "video":
                keys = [video_feature(name) for name in FEATURE_SIZES if video_feature(name) in context]
                features |= {key: len(context[key].float_list.value) for key in keys}
            else:
                frames.add(num_frames(example))
                features |= {
                    name: FEATURE_SIZES[name] for name in FEATURE_SIZES if name in lists and lists[name].feature
                }
            if "labels" in context:
                values = _values(context["labels"])
                labels.add(len(values))
                classes.update(values)
            if found == "segment":
                rated += len(set(_values(context["segment_start_times"])))
    return {
        "level": level,
        "num_files": len(files),
        "num_records": num_records,
        "num_frames": frames.summary(),
        "num_labels": labels.summary(),
        "num_classes_seen": len(classes),
        "max_label": max(classes, default=None),
        "features": features,
        "num_rated_segments": rated,
        "corrupt_files": [{"path": each.path, "record": each.record, "reason": each.reason} for each in problems],
    }
