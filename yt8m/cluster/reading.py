"""Reads records on the workers of a cluster. Needs Beam.

What a worker reads is a part of a file, some megabytes of it. A part that takes long can be divided while it is read: the
runner takes the records that are left, and gives them to another worker.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker

from yt8m.cluster.plan import PIECE_BYTES, plan_file
from yt8m.conversion.inputs import stored_records
from yt8m.conversion.shards import Part
from yt8m.data.access.file_access import is_remote
from yt8m.data.engine.records import LocalFile
from yt8m.data.locating import Problem, framing
from yt8m.errors import InputError, RecordError, unknown_name

_NO_END = sys.maxsize
"""For a part that goes on to the end of its file, whose number of records is unknown."""

_BYTES_OF_A_RECORD = 1 << 18

_LEFT_OUT = beam.metrics.Metrics.counter("yt8m", "left_out")


class _Ranges(beam.transforms.core.RestrictionProvider):
    """The records of a part, by their numbers."""

    def initial_restriction(self, element: tuple[Any, Part]) -> OffsetRange:
        part = element[1]
        return OffsetRange(part.first, _NO_END if part.count is None else part.first + part.count)

    def create_tracker(self, restriction: OffsetRange) -> OffsetRestrictionTracker:
        return OffsetRestrictionTracker(restriction)

    def split(self, element: tuple[Any, Part], restriction: OffsetRange) -> Iterator[OffsetRange]:
        yield restriction  # parts are small already

    def restriction_size(self, element: tuple[Any, Part], restriction: OffsetRange) -> int:
        if restriction.stop == _NO_END:
            return PIECE_BYTES
        return restriction.size() * _BYTES_OF_A_RECORD


_RANGE = beam.DoFn.RestrictionParam(_Ranges())

Read = Callable[[Part], Iterator[tuple[int, Any]]]
"""Reads a part: the number of each record in its file, and what is made of it, in order."""


class ReadParts(beam.DoFn):
    """Reads parts of files.

    Elements are pairs of any key and a `Part`. It yields the key with what the function yields.

    Args:
        read: reads a part.
    """

    def __init__(self, read: Read):
        super().__init__()
        self._read = read

    def process(self, element: tuple[Any, Part], tracker=_RANGE):
        """See the class."""
        key, part = element
        start = tracker.current_restriction().start
        for index, value in self._read(part):
            if index < start:
                continue  # where the records lie that another worker has left is unknown, so those before them are passed over
            if not tracker.try_claim(index):
                return
            yield key, index, value
        tracker.try_claim(_NO_END)


def parts_of(part: Part) -> list[Part]:
    """Divides a part of a TFRecord file into parts of about `PIECE_BYTES`. One that cannot be read stays whole for its reader."""
    stop = _NO_END if part.count is None else part.first + part.count
    try:
        pieces = plan_file(part.path)
    except InputError:
        return [part]
    found = []
    for piece in pieces:
        piece_stop = _NO_END if piece.records is None else piece.first_record + piece.records
        first, last = max(part.first, piece.first_record), min(stop, piece_stop)
        if first < last:
            offset = piece.offset if first == piece.first_record else part.offset
            count = last - first if last != _NO_END else _count_from(part.path, first, offset)
            found.append(Part(part.path, first, offset, count))
    return found


def _count_from(path: str, first: int, offset: int) -> int | None:
    """Records from a place to the end of a file; None if it is not local and sound, which its reader will tell.

    Only of a part whose end is known can the rest be taken over.
    """
    if is_remote(path):
        return None
    with contextlib.suppress(RecordError):
        num_records = sum(1 for _ in LocalFile(path).records_from(first, offset))
        return num_records or None  # the reader says that a file is empty
    return None


class DivideParts(beam.PTransform):
    """Divides parts of files, and gives the smaller ones to all workers.

    Args:
        divide: divides a part.
    """

    def __init__(self, divide: Callable[[Part], list[Part]] = parts_of):
        super().__init__()
        self._divide = divide

    def expand(self, parts):
        """PCollection of (key, Part) -> the same."""
        divide = self._divide
        return (
            parts
            | "Spread files" >> beam.Reshuffle()
            | "Divide" >> beam.FlatMap(lambda each: [(each[0], part) for part in divide(each[1])])
            | "Spread parts" >> beam.Reshuffle()
        )


class DivideFiles(beam.PTransform):
    """Divides whole files into parts, each with the number of its file.

    Args:
        files: their paths, as every worker can open them.
    """

    def __init__(self, files: Iterable[str]):
        super().__init__()
        self._parts = [(number, Part(path)) for number, path in enumerate(files)]

    def expand(self, begin):
        """Pipeline -> PCollection of (int, Part)."""
        return begin | beam.Create(self._parts) | DivideParts()


class ReadRecords(beam.PTransform):
    """The records of TFRecord files, each as (number of the file, number of the record, bytes), in no order.

    Files may be local, remote or compressed. Their checksums are checked.

    Args:
        files: their paths, as every worker can open them.
        on_corrupt: `stop` ends the job with an error that names the broken record. `skip` leaves out records that are broken, and
            what follows in a file that cannot be read any further. It says nothing of their contents. The job's counter
            `yt8m/left_out` has the number of such places.
    """

    def __init__(self, files: Iterable[str], on_corrupt: Literal["stop", "skip"] = "stop"):
        super().__init__()
        if on_corrupt not in ("stop", "skip"):
            raise InputError(unknown_name("on_corrupt", on_corrupt, ("stop", "skip")))
        self._files, self._read = list(files), _contents if on_corrupt == "stop" else _sound_contents

    def expand(self, begin):
        """Pipeline -> PCollection of (int, int, bytes)."""
        return begin | DivideFiles(self._files) | "Read" >> beam.ParDo(ReadParts(self._read))


def _contents(part: Part) -> Iterator[tuple[int, bytes]]:
    for record, data in stored_records(part):
        yield record.index, data.tobytes()


def _sound_contents(part: Part) -> Iterator[tuple[int, bytes]]:
    for found in framing(part.path, part.first, part.offset, part.count):
        if isinstance(found, Problem):
            _LEFT_OUT.inc()
        else:
            yield found.index, found.data
