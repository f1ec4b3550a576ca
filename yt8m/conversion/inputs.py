"""The files that `yt8m convert` reads: records, tables or arrays."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from yt8m.conversion.arrays import NPY, NPZ, ArrayFiles
from yt8m.conversion.parquet import MAGIC, count_rows, load_pyarrow, read_rows
from yt8m.conversion.shards import Part, refuse_broken_ends
from yt8m.conversion.storing import Storing
from yt8m.data.access.file_access import errors_of, is_remote, open_file
from yt8m.data.engine.files import open_records
from yt8m.data.engine.memory import Scratch
from yt8m.data.engine.pieces import Piece
from yt8m.data.engine.records import LocalFile, Record
from yt8m.data.records import EMPTY, read_framing, read_offsets
from yt8m.data.sources import BARE, RECORDS, describe_error
from yt8m.errors import InputError, RecordError

ENDINGS = (RECORDS, BARE, ".parquet", NPZ, NPY)
"""Files of a directory to read: those with the first of these endings that any has."""

_KINDS = {"records": "a file of records", "table": "a Parquet file", NPZ: "an .npz file", NPY: "an .npy file"}

Item = tuple[Record, np.ndarray]
"""A record, and its data, uint8 [bytes]: valid until the next item."""


class Inputs(Protocol):
    """Files that hold records, or from which records are made."""

    kind: str
    """`records`, `table` or `arrays`."""
    files: Sequence[str]

    def places(self) -> Iterator[Part]:
        """All records, each a part of its own. Raises RecordError if a file is broken."""

    def records(self, part: Part) -> Iterator[Item]:
        """Reads the records of a part. Raises RecordError or InputError for one that cannot be read."""


class Stored:
    """TFRecord files."""

    kind = "records"

    def __init__(self, files: Sequence[str]):
        refuse_broken_ends(files)
        self.files = files

    def places(self) -> Iterator[Part]:
        """See `Inputs`."""
        for path in self.files:
            *offsets, _ = read_offsets(path)
            yield from (Part(path, index, offset, count=1) for index, offset in enumerate(offsets))

    def records(self, part: Part) -> Iterator[Item]:
        """See `Inputs`."""
        return stored_records(part)


def stored_records(part: Part) -> Iterator[Item]:
    """Reads the records of a part of a TFRecord file. Raises RecordError or InputError for one that cannot be read."""
    if part.offset and is_remote(part.path):  # streams begin at the beginning of a file
        yield from itertools.islice(_framed_records(part), part.count)
        return
    file, scratch = open_records(part.path, "frame"), Scratch()
    is_walked = isinstance(file, LocalFile)
    records = file.records_from(part.first, part.offset) if is_walked else file.records(part.first)
    for record in itertools.islice(records, part.count):
        yield record, record.read(scratch)


def _framed_records(part: Part) -> Iterator[Item]:
    try:
        for raw in read_framing(part.path, part.first, part.offset):
            if raw.problem:
                raise raw.as_error(part.path)
            yield _item(part.path, raw.index, raw.data)
    except errors_of(part.path) as error:
        raise RecordError(part.path, None, f"cannot be read ({describe_error(error)})") from error


class Tables:
    """Parquet files."""

    kind = "table"

    def __init__(self, files: Sequence[str], storing: Storing):
        load_pyarrow()
        self.files, self._storing = files, storing

    def places(self) -> Iterator[Part]:
        """See `Inputs`."""
        for path in self.files:
            yield from (Part(path, index, count=1) for index in range(count_rows(path)))

    def records(self, part: Part) -> Iterator[Item]:
        """See `Inputs`."""
        rows = enumerate(read_rows(part.path, part.first, self._storing), part.first)
        for index, serialized in itertools.islice(rows, part.count):
            yield _item(part.path, index, serialized)


class Arrays:
    """Files of arrays."""

    kind = "arrays"

    def __init__(self, files: Sequence[str], storing: Storing):
        self.files, self.found = files, ArrayFiles(files, storing)

    def places(self) -> Iterator[Part]:
        """See `Inputs`."""
        return self.found.places()

    def records(self, part: Part) -> Iterator[Item]:
        """See `Inputs`."""
        yield _item(part.path, 0, self.found.record(part))


def _item(path: str, index: int, serialized: bytes) -> Item:
    data = np.frombuffer(serialized, np.uint8)
    return Record(path, index, Piece(data), 0, len(data)), data


def open_inputs(files: Sequence[str], storing: Storing) -> Stored | Tables | Arrays:
    """Opens files.

    Args:
        files: paths, at least one.
        storing: makes records of tables and arrays.

    Raises:
        InputError, RecordError: they are of several kinds, or one is broken or cannot be read.
    """
    kinds = [_kind(path) for path in files]
    special = next((place for place, kind in enumerate(kinds) if kind != "records"), 0)
    other = next((place for place, kind in enumerate(kinds) if kind != kinds[special]), None)
    if other is not None:
        kind = _KINDS[kinds[special]]
        raise InputError(f"{files[special]} is {kind}, {files[other]} is not; convert them separately")
    kind = kinds[0]
    if kind == "records":
        return Stored(files)
    return Tables(files, storing) if kind == "table" else Arrays(files, storing)


def _kind(path: str) -> str:
    """What a file is. Raises RecordError if it cannot be read, or is empty."""
    if path.endswith((NPY, NPZ)):
        return NPY if path.endswith(NPY) else NPZ
    try:
        with open_file(path) as file:
            start = file.read(len(MAGIC))
    except errors_of(path) as error:
        raise RecordError(path, None, f"cannot be read ({describe_error(error)})") from error
    if not start:
        raise RecordError(path, None, EMPTY)
    return "table" if start == MAGIC else "records"


def plan_of(storing: Storing, inputs: Inputs) -> Any:
    """What decides about the records that are read, in plain JSON values."""
    return None if inputs.kind == "records" else storing.plan
