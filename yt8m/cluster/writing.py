"""Writes files of records from the workers of a cluster, each in the right order, complete or absent. Needs Beam.

A worker puts the records that it has into a scratch file of its own, and tells where each lies. These places are grouped by
the file to write and put in order, and one worker copies the records together. So the records themselves are never sorted, and
never all in the memory of one place. What a failed attempt wrote is in files that nobody is told of.
"""

import contextlib
import itertools
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import apache_beam as beam

from yt8m.cluster.storage import create, joined, open_shared, token, upload, writing
from yt8m.data.access.file_access import is_remote
from yt8m.data.records import framed
from yt8m.files import NewFile

Order = tuple[Any, ...]
"""Where a record stands in its file: records are sorted by it. It begins with whole numbers, which no other record of the file
has."""


_Place = tuple[Order, str, int, int]
"""Where a record lies that waits for its file: its order, the path of a scratch file, the byte there, and its number of bytes."""


class Writer(Protocol):
    """An open new file."""

    def write(self, content: bytes, order: Order) -> None:
        """Appends a record."""


class Form(Protocol):
    """How files are written."""

    ending: str
    """Ending of the files' names."""

    def open(self, path: Path) -> contextlib.AbstractContextManager[Writer]:
        """A new local file, which appears when its block ends well."""


class Tfrecord:
    """TFRecord files."""

    ending = ".tfrecord"

    def open(self, path: Path) -> "_TfrecordFile":
        """See `Form`."""
        return _TfrecordFile(path)


class _TfrecordFile(NewFile):
    def write(self, content: bytes, order: Order | None = None) -> None:
        super().write(framed(content))


class WriteRecords(beam.PTransform):
    """Writes records to files.

    Each element is (name of a file without its ending, order, content), where the order is a tuple that begins with whole numbers
    which no other record of the file has. Records are written in its order, whatever the runner does. Files appear complete.

    Args:
        directory: where: local, on a disk that all workers share, or remote.
        scratch: a directory for temporary files, which all workers share; made if it is missing. The caller removes it.
        form: the form of the files; None = TFRecord.
    """

    def __init__(self, directory: str, scratch: str, form: Form | None = None):
        super().__init__()
        self._directory, self._scratch, self._form = directory, scratch, form or Tfrecord()

    def expand(self, records):
        """PCollection of (str, tuple, bytes) -> PCollection of (str, int): the files' names and numbers of records."""
        return (
            records
            | "Keep" >> beam.ParDo(_Keep(self._scratch))
            | "By file" >> beam.GroupByKey()
            | "Write" >> beam.ParDo(_Write(self._directory, self._form))
        )


class _Keep(beam.DoFn):
    """Puts records into a scratch file a bundle, and yields the name of each one's file with its place."""

    def __init__(self, scratch: str):
        super().__init__()
        self._scratch = scratch
        self._file: BinaryIO | None = None

    def start_bundle(self):
        self._close()  # of a bundle that failed
        self._path, self._offset = joined(self._scratch, f"{token()}.records"), 0

    def process(self, element: tuple[str, Order, bytes]) -> Iterator[tuple[str, _Place]]:
        name, order, content = element
        if self._file is None:
            self._file = create(self._path)
        with writing(self._path):
            self._file.write(content)
        yield name, (order, self._path, self._offset, len(content))
        self._offset += len(content)

    def finish_bundle(self):
        if self._file is not None:
            with writing(self._path):
                self._file.close()
            self._file = None

    def teardown(self):
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(Exception):
                self._file.close()
            self._file = None


class _Write(beam.DoFn):
    """Writes a file of the records whose places it gets."""

    def __init__(self, directory: str, form: Form):
        super().__init__()
        self._directory, self._form = directory, form

    def process(self, element: tuple[str, Iterable[_Place]]) -> Iterator[tuple[str, int]]:
        name, places = element[0], sorted(element[1])
        twice = [order for (order, *_), (after, *_) in itertools.pairwise(places) if order == after]
        assert not twice, f"{name}: two records have the order {twice[0]}"
        path = f"{name}{self._form.ending}"
        if not is_remote(self._directory):
            self._copy(Path(self._directory) / path, places)
        else:
            with tempfile.TemporaryDirectory() as local:
                self._copy(Path(local) / path, places)
                for each in sorted(Path(local).rglob("*")):
                    if each.is_file():
                        upload(each, joined(self._directory, each.relative_to(local).as_posix()))
        yield name, len(places)

    def _copy(self, path: Path, places: Sequence[_Place]) -> None:
        with self._form.open(path) as writer:
            # Records that one worker read lie in one file, one after the other.
            for scratch, group in itertools.groupby(places, lambda place: place[1]):
                with open_shared(scratch) as file:
                    for order, _, offset, num_bytes in group:
                        file.seek(offset)
                        writer.write(file.read(num_bytes), order)
