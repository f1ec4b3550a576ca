"""`yt8m split --engine beam`. Needs Beam."""

from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import numpy as np

from yt8m.cluster.options import BeamOptions
from yt8m.cluster.reading import DivideFiles, ReadParts, ReadRecords
from yt8m.cluster.running import Deliver, run
from yt8m.cluster.storage import GIVEN, put_value, value_in
from yt8m.cluster.writing import Order, WriteRecords
from yt8m.conversion.inputs import stored_records
from yt8m.conversion.shards import Part
from yt8m.data.engine.memory import Scratch
from yt8m.data.source import Source
from yt8m.data.tools.splitting import Copies, Described, describe
from yt8m.progress import Progress


class DescribeRecords(beam.PTransform):
    """The ids and classes of records, each as (number of the file, number of the record, (id, classes)), in no order.

    Args:
        source: the records.
    """

    def __init__(self, source: Source):
        super().__init__()
        self._source = source

    def expand(self, begin):
        """Pipeline -> PCollection of (int, int, (bytes, list of int))."""
        return begin | DivideFiles(self._source.files) | "Read" >> beam.ParDo(ReadParts(_Describing(self._source)))


class _Describing:
    """Reads a part and describes its records; see `yt8m.cluster.reading.Read`."""

    def __init__(self, source: Source):
        self._source = source

    def __call__(self, part: Part) -> Iterator[tuple[int, Described]]:
        scratch = Scratch()
        for record, _ in stored_records(part):
            yield record.index, describe(record, self._source, scratch)


class _Assign(beam.DoFn):
    """Gives each record the name of its new file, and its place there.

    Args:
        scratch: where the assignment of each file's records is.
    """

    def __init__(self, scratch: str):
        super().__init__()
        self._scratch = scratch
        self._known: tuple[int, list[str]] = (-1, [])

    def process(self, element: tuple[int, int, bytes]) -> Iterator[tuple[str, Order, bytes]]:
        number, index, content = element
        if self._known[0] != number:
            self._known = number, value_in(self._scratch, _assignment_of(number), GIVEN)
        yield self._known[1][index], (number, index), content


def _assignment_of(number: int) -> str:
    return f"file-{number}"


class BeamSplitting:
    """An engine of `yt8m.data.tools.splitting.split`: Apache Beam.

    Args:
        how: where Beam runs.
    """

    def __init__(self, how: BeamOptions):
        self._how = how
        self._counts: list[int] = []

    def described(self, source: Source, progress: Progress) -> Iterator[Described]:
        """See `yt8m.data.tools.splitting.Engine`. Raises InputError as `yt8m.cluster.running.run` does."""

        def build(pipeline: beam.Pipeline, scratch: str) -> None:
            (
                pipeline
                | DescribeRecords(source)
                | "By file" >> beam.Map(lambda each: (f"{each[0]:09d}", (each[1], each[2])))
                | beam.GroupByKey()
                | "In order" >> beam.MapTuple(lambda name, found: (name, [each for _, each in sorted(found)]))
                | Deliver(scratch)
            )

        found = run(self._how, build, "reading ids and labels", progress)
        self._counts = [len(found.get(f"{number:09d}", ())) for number in range(len(source.files))]
        for described in found.values():
            yield from described

    def copy(self, source: Source, copies: Copies, directory: Path, shown: Path, progress: Progress) -> None:
        """See `yt8m.data.tools.splitting.Engine`. Raises InputError as `yt8m.cluster.running.run` does."""
        ends = np.cumsum(self._counts)[:-1]

        def build(pipeline: beam.Pipeline, scratch: str) -> None:
            for number, places in enumerate(np.split(copies.of_records, ends)):
                put_value(scratch, _assignment_of(number), [copies.names[place] for place in places], GIVEN)
            written = (
                pipeline
                | ReadRecords(source.files)
                | "Assign" >> beam.ParDo(_Assign(scratch))
                | WriteRecords(str(directory), scratch)
            )
            written | beam.combiners.ToList() | beam.Map(lambda all_: ("counts", all_)) | Deliver(scratch)

        counts = dict(run(self._how, build, "copying", progress, str(directory))["counts"])
        wanted = dict(zip(copies.names, np.bincount(copies.of_records).tolist(), strict=True))
        assert counts == wanted, "records came or went while they were copied"
