"""`yt8m inspect --engine beam`. Needs Beam."""

from collections.abc import Sequence
from typing import Any

import apache_beam as beam

from yt8m.cluster.options import BeamOptions
from yt8m.cluster.reading import DivideFiles
from yt8m.cluster.running import Deliver, run
from yt8m.conversion.shards import Part
from yt8m.data.tools.inspection import Expected, Held, Inspection, expect, inspect_part
from yt8m.progress import SILENT, Progress


class InspectRecords(beam.PTransform):
    """What parts of files hold, each as (number of the file, number of the first record, `yt8m.data.tools.inspection.Held`).

    Args:
        files: paths of files.
        expected: what to expect of their records.
    """

    def __init__(self, files: Sequence[str], expected: Expected):
        super().__init__()
        self._files, self._expected = files, expected

    def expand(self, begin):
        """Pipeline -> PCollection of (int, int, Held)."""
        expected = self._expected
        return begin | DivideFiles(self._files) | beam.Map(lambda each: _inspected(each, expected))


def _inspected(element: tuple[int, Part], expected: Expected) -> tuple[int, int, Held]:
    number, part = element
    held = inspect_part(part.path, expected, first=part.first, offset=part.offset, count=part.count)
    return number, part.first, held


def inspect_on_beam(files: Sequence[str], how: BeamOptions, progress: Progress = SILENT) -> dict[str, Any]:
    """As `yt8m.data.tools.inspection.inspect`: the same result.

    Args:
        files: paths of files.
        how: where Beam runs.
        progress: gets a line that says where.

    Raises:
        InputError: see `yt8m.cluster.running.run`.
    """
    expected, found = expect(files), Inspection(files)

    def build(pipeline: beam.Pipeline, scratch: str) -> None:
        held = pipeline | InspectRecords(files, expected)
        held | "Name" >> beam.Map(lambda each: (f"{each[0]:09d}-{each[1]:012d}", (each[0], each[2]))) | Deliver(scratch)

    for number, held in run(how, build, "inspecting", progress).values():
        found.take(number, held)
    return found.summary(expected)
