"""What record files hold, and which records cannot be used: read in Python, one record in memory at a time.

The training pipeline is fast and says little when a record is broken. This module is thorough and says where.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from yt8m.data.checking import check_record, level_of, num_frames, parse, values_of
from yt8m.data.records import HEADER_BYTES, RawRecord, file_size, is_header, open_file, read_framing, read_record
from yt8m.data.schema import FEATURE_SIZES, Level, video_feature
from yt8m.data.survey import level_of_most
from yt8m.errors import RecordError


@dataclass(frozen=True)
class Problem:
    """A record, or a file, that cannot be used."""

    path: str
    record: int | None
    reason: str
    ends_file: bool = False
    """Whether what follows in the file is lost with it."""

    def as_error(self) -> RecordError:
        """The error that names it."""
        return RecordError(self.path, self.record, self.reason)


def _framing(path: str) -> Iterator[RawRecord | Problem]:
    """The records of a file, and what cannot be read of it."""
    index = None
    try:
        for raw in read_framing(path):
            index = raw.index + 1
            if raw.problem is None:
                yield raw
            else:
                error = raw.as_error(path)
                yield Problem(path, error.record, error.reason, raw.ends_file)
    except (OSError, tf.errors.OpError) as error:
        reason = str(getattr(error, "strerror", None) or getattr(error, "message", error)).splitlines()[0]
        yield Problem(path, index, f"cannot be read ({reason})", ends_file=True)


def locate(files: Sequence[str], expectations: Mapping[str, Any], byte_offset: int | None = None) -> RecordError | None:
    """The first record that cannot be used, as an error that names it; None if all can.

    Args:
        files: where to look, in this order.
        expectations: arguments of `check_record` beside the record.
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
            reason = check_record(raw.data, **expectations)
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


def usable_records(files: Sequence[str], expectations: Mapping[str, Any]) -> Usable:
    """Reads and checks every record; the arguments are those of `locate`."""
    result = Usable()
    for path in files:
        good, problems = [], []
        for raw in _framing(path):
            if isinstance(raw, Problem):
                problems.append(raw)
                continue
            reason = check_record(raw.data, **expectations)
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


def inspect(
    files: Sequence[str],
    visit: Callable[[str, tf.train.SequenceExample, Level | None], None] = lambda path, example, level: None,
) -> dict[str, Any]:
    """What some record files hold.

    Args:
        files: paths of files.
        visit: called with each record that can be used: its file, the record, and its level.

    Returns:
        `level` (of most of the records that are looked at first; `segment` if any record has ratings; None if nothing can be
        read),
        `num_files`, `num_records`, `num_frames` and `num_labels` (`min`, `mean`, `max`; None where there are none),
        `num_classes_seen`, `max_label`, `features` (name to size), `num_rated_segments`, and `corrupt_files`, a list of
        `path`, `record` (counted from 0; None for a whole file) and `reason`. Counts are of the usable records.
    """
    level = level_of_most(files)
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
            example = parse(raw.data)
            found = level_of(example)
            level = "segment" if "segment" in (level, found) else level or found
            num_records += 1
            visit(path, example, found)
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
                values = values_of(context["labels"])
                labels.add(len(values))
                classes.update(values)
            if found == "segment":
                rated += len(set(values_of(context["segment_start_times"])))
    return {
        "level": level if num_records else None,
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
