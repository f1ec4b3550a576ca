"""`yt8m convert --engine beam`. Needs Beam."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np

from yt8m.cluster.options import BeamOptions
from yt8m.cluster.reading import DivideParts, ReadParts, parts_of
from yt8m.cluster.running import Deliver, FromList, run
from yt8m.cluster.staging import RemoteStaging, refuse_used
from yt8m.cluster.writing import Order, WriteRecords
from yt8m.conversion.converting import Engine, no_records
from yt8m.conversion.shards import Part, Shard
from yt8m.conversion.staging import Staging
from yt8m.conversion.work import ENDINGS, Work
from yt8m.data.access.file_access import is_remote
from yt8m.data.engine.pieces import Piece
from yt8m.data.engine.records import Record
from yt8m.data.features import Feature
from yt8m.errors import InputError
from yt8m.progress import Progress

_NOTES = "notes"
_COUNTS = "counts"

_Note = tuple[Mapping[str, tuple[int, int]], tuple[Feature, ...]]
"""What a record of arrays adds to the values that were clipped, and the features that were known then."""


class ConvertRecords(beam.PTransform):
    """Converts records and writes the new files.

    Args:
        work: what to do to each record.
        shards: the files to write.
        directory: where, on a disk that all workers share, or remote.
        scratch: see `WriteRecords`.
    """

    def __init__(self, work: Work, shards: Sequence[Shard], directory: str, scratch: str):
        super().__init__()
        self._work, self._shards, self._directory, self._scratch = work, shards, directory, scratch

    def expand(self, begin):
        """Pipeline -> the names of the files with their numbers of records, and notes on the arrays that were read."""
        parts = [
            ((shard.name, number, part.path), part) for shard in self._shards for number, part in enumerate(shard.parts)
        ]
        divide = parts_of if self._work.inputs.kind == "records" else _undivided
        converted = (
            begin
            | FromList(self._scratch, parts)
            | DivideParts(divide)
            | "Read" >> beam.ParDo(ReadParts(_Converting(self._work)))
        )
        notes = (
            converted | "Take notes" >> beam.Map(lambda each: each[2][1]) | beam.Filter(lambda note: note is not None)
        )
        records = converted | "Name" >> beam.Map(_named)
        return records | WriteRecords(self._directory, self._scratch, _Files(self._work)), notes


def _undivided(part: Part) -> list[Part]:
    return [part]


def _named(element: tuple[tuple[str, int, str], int, tuple[bytes, Any]]) -> tuple[str, Order, bytes]:
    (name, number, path), index, (content, _) = element
    return name, (number, index, path), content


class _Converting:
    """Reads a part and converts its records; see `yt8m.cluster.reading.Read`."""

    def __init__(self, work: Work):
        self._work = work

    def __call__(self, part: Part) -> Iterator[tuple[int, tuple[bytes, _Note | None]]]:
        work, is_stored = self._work, self._work.inputs.kind == "records"
        work.storing.forget_counts()
        for record, data in work.records(part):
            note = None if is_stored else (work.storing.clipped, work.storing.features)
            work.storing.forget_counts()
            content = work.apply(record, data)
            yield record.index, (content if isinstance(content, bytes) else content.tobytes(), note)


class _Files:
    """The new files, as `yt8m.cluster.writing.Form`."""

    def __init__(self, work: Work):
        self._work, self.ending = work, ENDINGS[work.to]

    @contextlib.contextmanager
    def open(self, path: Path) -> Iterator["_File"]:
        """See `Form`."""
        with self._work.open(path) as file:
            yield _File(file)


class _File:
    def __init__(self, file: Any):
        self._file = file

    def write(self, content: bytes, order: Order) -> None:
        """See `Writer`. The order names the record, for messages."""
        _, index, path = order
        self._file.write(content, Record(path, index, Piece(np.empty(0, np.uint8)), 0, 0))


class BeamConversion(Engine):
    """An engine of `yt8m.conversion.convert`: Apache Beam. The output may be behind an address.

    Args:
        how: where Beam runs.
    """

    def __init__(self, how: BeamOptions):
        self._how = how

    def check(self, out: str | os.PathLike) -> None:
        """See `Engine`."""
        if is_remote(os.fspath(out)):
            refuse_used(os.fspath(out))
        else:
            super().check(out)

    def staging(self, out: str | os.PathLike, work: Work, shards: Sequence[Shard]) -> Staging | RemoteStaging:
        """See `Engine`."""
        return (
            RemoteStaging(os.fspath(out), work, shards)
            if is_remote(os.fspath(out))
            else super().staging(out, work, shards)
        )

    def write(self, work: Work, shards: Sequence[Shard], directory: Path | str, progress: Progress) -> int:
        """See `Engine`. Raises InputError as `yt8m.cluster.running.run` does."""

        def build(pipeline: beam.Pipeline, scratch: str) -> None:
            counts, notes = pipeline | ConvertRecords(work, shards, str(directory), scratch)
            lists = (
                counts
                | "All counts" >> beam.combiners.ToList()
                | "Of counts" >> beam.Map(lambda all_: (_COUNTS, all_)),
                notes
                | "Sum notes" >> beam.CombineGlobally(_SumNotes())
                | "Of notes" >> beam.Map(lambda all_: (_NOTES, all_)),
            )
            lists | beam.Flatten() | Deliver(scratch)

        if not shards:
            return 0
        found = run(self._how, build, "converting", progress, str(directory))
        counts, (clipped, features) = dict(found[_COUNTS]), found[_NOTES]
        for shard in shards:
            if shard.name not in counts:
                raise no_records(shard)
        for name, ways in features.items():
            if len(ways) > 1:
                raise InputError(
                    f"videos have {name} as {' and as '.join(sorted(ways))}; give --features {name}:SIZE:TYPE, or convert "
                    "them apart"
                )
        work.storing.add_counts(clipped)
        return sum(counts.values())


class _SumNotes(beam.CombineFn):
    """Sums what was clipped, and gathers by name in which ways a feature was found."""

    def create_accumulator(self):
        return {}, {}

    def add_input(self, accumulator, note: _Note):
        clipped, features = note
        return self.merge_accumulators([accumulator, (clipped, {each.name: {each.text} for each in features})])

    def merge_accumulators(self, accumulators):
        sums: dict[str, tuple[int, int]] = {}
        ways: dict[str, set[str]] = {}
        for clipped, features in accumulators:
            for name, (count, total) in clipped.items():
                sums[name] = (sums.get(name, (0, 0))[0] + count, sums.get(name, (0, 0))[1] + total)
            for name, texts in features.items():
                ways[name] = ways.get(name, set()) | texts
        return sums, ways

    def extract_output(self, accumulator):
        return accumulator
