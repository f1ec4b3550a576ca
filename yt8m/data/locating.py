"""Finds the file and record that cannot be used or comes twice. Reads in Python, with one record in memory at a time.

The training pipeline is fast, but says little about a broken record. This module is thorough and says where it is.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from yt8m.data.access.compression import DamagedStream
from yt8m.data.access.contents import open_content
from yt8m.data.access.file_access import errors_of
from yt8m.data.access.framing import HEADER_BYTES, is_header
from yt8m.data.checking import Look, look_at, parse, starts_of, video_id
from yt8m.data.protos import SequenceExample
from yt8m.data.records import RawRecord, read_framing, read_record
from yt8m.data.repeats import Once, RepeatError, say_what
from yt8m.errors import InputError, RecordError

_RECORDS_AT_ONCE, _BYTES_AT_ONCE = 256, 4 << 20
"""Most records that are checked together, and the bytes at which fewer are enough."""


Counted = Literal["videos", "segments"]
"""What may count only once: a video; or, among rated segments, a segment."""


@dataclass(frozen=True)
class Problem:
    """An unusable record or file."""

    path: str
    record: int | None
    reason: str
    ends_file: bool = False
    """Whether the rest of the file is lost too."""
    is_repeated: bool = False
    """Whether the record is sound, but repeats an earlier one."""

    def as_error(self) -> RecordError:
        """The problem as an error."""
        return RecordError(self.path, self.record, self.reason)


def framing(path: str, first: int = 0, offset: int = 0, count: int | None = None) -> Iterator[RawRecord | Problem]:
    """Yields a file's records, or some of them, and a problem for what cannot be read. Arguments: see `looks`."""
    index = first or None
    try:
        for raw in itertools.islice(read_framing(path, first, offset), count):
            index = raw.index + 1
            if raw.problem is None:
                yield raw
            else:
                error = raw.as_error(path)
                yield Problem(path, error.record, error.reason, raw.ends_file)
    except RecordError as error:
        yield Problem(path, index, error.reason, ends_file=True)
    except errors_of(path) as error:
        reason = str(getattr(error, "strerror", None) or getattr(error, "message", error)).splitlines()[0]
        yield Problem(path, index, f"cannot be read ({reason})", ends_file=True)


def looks(
    path: str, expectations: Mapping[str, Any], first: int = 0, offset: int = 0, count: int | None = None
) -> Iterator[tuple[RawRecord, Look] | Problem]:
    """Yields, in order, a file's records with a look at each, and a problem for what cannot be read.

    Args:
        path: the file.
        expectations: arguments of `check_record` beside the record.
        first: the record to begin with.
        offset: the byte of the file at which it begins.
        count: number of records; None = all to the end of the file.
    """
    batch: list[RawRecord] = []
    size = 0
    for raw in framing(path, first, offset, count):
        if isinstance(raw, RawRecord):
            batch.append(raw)
            size += len(raw.data)
            if len(batch) < _RECORDS_AT_ONCE and size < _BYTES_AT_ONCE:
                continue
        yield from zip(batch, look_at([each.data for each in batch], **expectations), strict=True)
        batch, size = [], 0
        if isinstance(raw, Problem):
            yield raw
    yield from zip(batch, look_at([each.data for each in batch], **expectations), strict=True)


def locate(files: Sequence[str], expectations: Mapping[str, Any], byte_offset: int | None = None) -> RecordError | None:
    """Finds the first unusable record, as an error that names it; None if there is none.

    Args:
        files: files to search, in this order.
        expectations: arguments of `check_record` beside the record.
        byte_offset: the number in TensorFlow's "corrupted record at 12345" or "truncated record at 12345", if it gave one.
            It is the byte at which the record, or its data, begins. Files with a broken record there are searched first, so
            the others need not be read.
    """
    if byte_offset is not None:
        suspects = [path for path in files if _is_broken_at(path, byte_offset)]
        files = [*suspects, *(path for path in files if path not in suspects)]
    for path in files:
        for found in looks(path, expectations):
            if isinstance(found, Problem):
                return found.as_error()
            raw, look = found
            if look.problem:
                return RecordError(path, raw.index, look.problem)
    return None


class _Holder(NamedTuple):
    """A record of the video that comes twice."""

    path: str
    record: int
    is_rated: bool
    """Whether it rates the segment that comes twice."""


def locate_repeat(files: Sequence[str], error: RepeatError) -> InputError:
    """Finds both records of what comes twice, as an error that names them; the given error if they are not found."""
    found: list[_Holder] = []
    for path in files:
        for raw in framing(path):
            if isinstance(raw, Problem) or error.video_id not in raw.data:  # saves parsing most records
                continue
            example = parse(raw.data)
            if example is not None and video_id(example) == error.video_id:
                found.append(_Holder(path, raw.index, error.start in starts_of(example.context)))
    rated = [each for each in found if each.is_rated]
    both = rated if len(rated) > 1 else found  # predictions also cover unrated segments
    if len(both) < 2:
        return error
    first, again = both[:2]
    reason = _say_repeat(error.video_id, Seen(first.path, first.record, error.start))
    return RecordError(again.path, again.record, f"{reason}; each may be there once, so leave one of the two out")


def _say_repeat(name: bytes, seen: "Seen") -> str:
    return f"holds {say_what(name, seen.start)} again, which {seen.path}, record {seen.record}, holds"


class Seen(NamedTuple):
    """An earlier record of the same video or segment."""

    path: str
    record: int
    start: int | None
    """The segment's first second; None = a whole video."""


class SeenRecords:
    """Tells which records repeat videos, or segments, of earlier records."""

    def __init__(self, files: Sequence[str], counted: Counted):
        self._files, self._counted, self._once = files, counted, Once()

    def first(self, number: int, index: int, example: SequenceExample) -> Seen | None:
        """Adds a record, given by its file's number and its index in the file.

        Returns:
            The earlier record of the same video or of one of its segments; None if there is none.
        """
        starts = set(starts_of(example.context)) if self._counted == "segments" else None
        return self.first_of(number, index, video_id(example), starts)

    def first_of(self, number: int, index: int, name: bytes, starts: Collection[int] | None) -> Seen | None:
        """As `first`, of the id of a video, and the first seconds of its segments if these count."""
        found = self._once.first(name, starts, number << 32 | index)
        if not found:
            return None
        return Seen(self._files[found.place >> 32], found.place & 0xFFFFFFFF, found.start)


def _is_broken_at(path: str, byte_offset: int) -> bool:
    """Whether a broken record begins at the offset, or one header before it. Takes one or two short reads.

    In most files the offset lies amid a record, where nothing looks like a header. A damaged header does not look like one
    either, so this finds its file only if the header is the first one there.
    """
    try:
        with open_content(path) as (file, size):
            for offset in (byte_offset, byte_offset - HEADER_BYTES):
                if offset < 0 or (size is not None and offset >= size):
                    continue
                file.seek(offset)
                header = file.read(HEADER_BYTES)
                if offset == 0 or is_header(header):
                    file.seek(offset)
                    if read_record(file, offset, size).problem is not None:
                        return True
    except (*errors_of(path), RecordError, DamagedStream):
        return True
    return False


@dataclass
class Usable:
    """The usable records of some files."""

    whole: list[str] = field(default_factory=list)
    """Files with only usable records."""
    partial: dict[str, list[int]] = field(default_factory=dict)
    """Indices of the usable records of each other file."""
    problems: list[Problem] = field(default_factory=list)
    """Unusable records and files. If a file breaks off, only its first lost record is known."""


def usable_records(files: Sequence[str], expectations: Mapping[str, Any], counted: Counted | None = None) -> Usable:
    """Reads and checks every record.

    Args:
        files, expectations: see `locate`.
        counted: what may count only once: later records of it are unusable. None = anything may repeat.
    """
    result, records = Usable(), counted and SeenRecords(files, counted)
    for number, path in enumerate(files):
        good, problems = [], []
        for found in looks(path, expectations):
            if isinstance(found, Problem):
                problems.append(found)
                continue
            raw, look = found
            if look.problem:
                problems.append(Problem(path, raw.index, look.problem))
            elif records and (first := records.first(number, raw.index, look.example)):
                reason = _say_repeat(video_id(look.example), first)
                problems.append(Problem(path, raw.index, reason, is_repeated=True))
            else:
                good.append(raw.index)
        if problems:
            result.partial[path] = good
        else:
            result.whole.append(path)
        result.problems += problems
    return result
