"""Divides the batches of a stream of records among the workers of a cluster.

A processor's result for a row may depend in its last bit on the row's place in a batch: oneDNN computes the last rows of a matrix
by other instructions. So the workers score the very batches that one process makes of the records: a unit is some of them, and
what has to be read for these. It begins and ends anywhere in a file, or goes over several.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from yt8m.conversion.inputs import stored_records
from yt8m.conversion.shards import Part
from yt8m.data.access.contents import stored_compression
from yt8m.data.access.file_access import errors_of, file_size, is_remote
from yt8m.data.access.framing import FOOTER_BYTES, HEADER_BYTES
from yt8m.data.engine.files import open_records
from yt8m.data.engine.memory import Scratch
from yt8m.data.engine.stream import num_items
from yt8m.data.records import read_offsets
from yt8m.data.schema import Level
from yt8m.data.source import Source
from yt8m.data.sources import describe_error
from yt8m.errors import RecordError

BATCHES_A_UNIT: dict[Level, int] = {"video": 4, "frame": 2, "segment": 8}
"""About 30 MB of records."""


class Counted(NamedTuple):
    """The records of a file."""

    file_number: int
    offsets: np.ndarray
    """int64 [N]: where the header of each begins; 0 where a reader has to begin with the file."""
    items: list[np.ndarray]
    """For each source how many videos, or segments, each record gives: int64 [N]."""


class Stretch(NamedTuple):
    """Some records of one file."""

    file_number: int
    offset: int
    """Where the header of the first one begins; 0 if a reader has to begin with the file."""
    records: np.ndarray
    """Their numbers, ascending."""


@dataclass(frozen=True)
class Unit:
    """Some batches of one source."""

    source: int
    """The number of the source."""
    group: int
    """The number of the group of files whose batches these are."""
    stretches: tuple[Stretch, ...]
    skip: int
    """Segments of the first record that belong to the unit before."""
    number: int
    """Videos, or segments."""
    first_batch: int
    """The number of its first batch in the stream."""


def count(file_number: int, path: str, sources: Sequence[Source], segments: str) -> Counted:
    """Counts the records of a file and what they give. Reads headers alone, if every record gives one video.

    Args:
        file_number: the number of the file.
        path: the file.
        sources: the sources, which have the same level.
        segments: `rated` or `all`, at segment level.

    Raises:
        RecordError, InputError: the file cannot be read or is damaged.
    """
    try:
        can_seek = file_size(path) is not None and not stored_compression(path)
        simple = sources[0].level != "segment" and not any(source.fold for source in sources)
        if can_seek and simple and is_remote(path):
            offsets = np.array(list(read_offsets(path))[:-1] if file_size(path) else [], np.int64)
            return Counted(file_number, offsets, [np.ones(len(offsets), np.int64)] * len(sources))
    except errors_of(path) as error:
        raise RecordError(path, None, f"cannot be read ({describe_error(error)})") from error
    scratch, places, items, end = Scratch(), [], [[] for _ in sources], 0
    for record in open_records(path, "frame").records():
        places.append(end)
        end += HEADER_BYTES + record.size + FOOTER_BYTES
        for source, found in zip(sources, items, strict=True):
            found.append(num_items(record, source, segments, scratch))
    offsets = np.array(places, np.int64) * can_seek
    return Counted(file_number, offsets, [np.array(found, np.int64) for found in items])


def units_of(
    found: Iterable[Counted], groups: Sequence[Sequence[int]], batch_size: int, batches_a_unit: int
) -> Iterator[Unit]:
    """Divides streams of batches.

    Args:
        found: the files, in any order.
        groups: the numbers of the files of each stream, in order; a stream begins with a new batch.
        batch_size: videos, or segments, in a batch.
        batches_a_unit: batches in a unit.

    Yields:
        The units of each source and group, in order.
    """
    files = {each.file_number: each for each in found}
    step = batch_size * batches_a_unit
    num_sources = len(next(iter(files.values())).items) if files else 0
    for source in range(num_sources):
        for group, numbers in enumerate(groups):
            items = [files[number].items[source] for number in numbers]
            sizes = np.concatenate([np.empty(0, np.int64), *items])
            owners = np.repeat(np.array(numbers, np.int64), [len(each) for each in items])
            records = np.concatenate([np.empty(0, np.int64), *(np.arange(len(each)) for each in items)])
            there = sizes > 0
            ends, owners, records = np.cumsum(sizes[there]), owners[there], records[there]
            total = int(ends[-1]) if len(ends) else 0
            for begin in range(0, total, step):
                end = min(begin + step, total)
                first, last = np.searchsorted(ends, (begin + 1, end))
                skip = begin - (int(ends[first - 1]) if first else 0)
                chosen = slice(int(first), int(last) + 1)
                stretches = tuple(_stretches(files, owners[chosen], records[chosen]))
                yield Unit(source, group, stretches, skip, end - begin, begin // batch_size)


def _stretches(files: dict[int, Counted], owners: np.ndarray, records: np.ndarray) -> Iterator[Stretch]:
    borders = np.flatnonzero(np.diff(owners)) + 1
    for own, numbers in zip(np.split(owners, borders), np.split(records, borders), strict=True):
        yield Stretch(int(own[0]), int(files[int(own[0])].offsets[numbers[0]]), numbers)


def read(unit: Unit, files: Sequence[str]) -> Iterator[tuple[int, int, bytes]]:
    """Reads the records of a unit: the number of the file, the number of the record, and its bytes.

    Raises:
        RecordError, InputError: a file cannot be read or is damaged.
    """
    for number, offset, records in unit.stretches:
        first, wanted = int(records[0]), set(records.tolist())
        part = Part(files[number], first, offset, int(records[-1]) + 1 - first)
        for record, data in stored_records(part):
            if record.index in wanted:
                yield number, record.index, data.tobytes()
