"""The work of `yt8m convert` on each record."""

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from yt8m.conversion.parquet import ParquetFile, columns_for, load_pyarrow, read_rows
from yt8m.conversion.shards import Part, is_parquet, refuse_broken_ends
from yt8m.conversion.video_level import to_video_level
from yt8m.data.checking import check_record, parse
from yt8m.data.engine.files import open_records
from yt8m.data.engine.memory import Scratch
from yt8m.data.engine.pieces import Piece
from yt8m.data.engine.records import LocalFile, Record
from yt8m.data.engine.videos import finite_video_of
from yt8m.data.features import Feature
from yt8m.data.records import framed
from yt8m.data.schema import ID_KEYS
from yt8m.data.source import Source
from yt8m.data.survey import level_of_most, survey
from yt8m.errors import InputError, RecordError
from yt8m.files import NewFile

Form = Literal["video", "tfrecord", "parquet"]
"""Means of frames, records as they are, or tables."""

ENDINGS: dict[Form, str] = {"video": ".tfrecord", "tfrecord": ".tfrecord", "parquet": ".parquet"}


Item = tuple[Record, np.ndarray]
"""A record, and its data, uint8 [bytes]: valid until the next item."""


@dataclass(frozen=True)
class Work:
    """The work on each record. Threads share one object."""

    to: Form
    std: bool
    keys: str | None
    parquet: bool
    """Whether the files are Parquet files."""
    features: tuple[Feature, ...] = ()
    columns: tuple[str, ...] = ()

    def records(self, part: Part) -> Iterator[Item]:
        """Reads a part of a file. Raises RecordError for a broken record."""
        return itertools.islice(_rows(part) if self.parquet else _stored(part), part.count)

    def apply(self, record: Record, data: np.ndarray) -> bytes | np.ndarray:
        """Converts a record. Raises RecordError if it is unusable."""
        if self.to == "video":
            source = Source((record.path,), "frame", self.features, num_classes=None, max_labels=None)
            return to_video_level(finite_video_of(data, source, record), self.features, self.std)
        if self.to == "parquet":
            _refuse_unusable(data.tobytes(), record)
        return with_current_keys(data, record) if self.keys else data

    def open(self, path: Path) -> contextlib.AbstractContextManager:
        """Opens a new file."""
        return ParquetFile(path, self.columns) if self.to == "parquet" else _TfrecordFile(path)


class _TfrecordFile(NewFile):
    """A new TFRecord file. `write` takes a record."""

    def write(self, content: bytes | np.ndarray) -> None:
        super().write(framed(content))


def with_current_keys(data: np.ndarray, record: Record) -> bytes | np.ndarray:
    """The record with its id under ``id``. A record that has one there stays the same, byte for byte.

    Raises:
        RecordError: it is not a record, or has no id.
    """
    example = parse(data.tobytes())
    if example is None:
        raise record.error("is no tf.train.Example or SequenceExample")
    current, former = ID_KEYS
    context = example.context.feature
    if current in context and context[current].bytes_list.value:
        return data
    if former not in context:
        raise record.error(f"has no id (neither {current} nor {former})")
    context[current].CopyFrom(context[former])
    del context[former]
    return example.SerializeToString(deterministic=True)


def prepare(files: Sequence[str], to: Form, std: bool, keys: str | None) -> Work:
    """The work on these files. Raises InputError or RecordError if it cannot be done."""
    parquet = [is_parquet(path) for path in files]
    if any(parquet) and not all(parquet):
        raise InputError(
            f"{files[parquet.index(True)]} is a Parquet file, {files[parquet.index(False)]} is not; convert them separately"
        )
    work = Work(to, std, keys, parquet[0])
    if work.parquet or to == "parquet":
        load_pyarrow()
    if work.parquet:
        if to == "video":
            raise InputError(f"{files[0]}: is a Parquet file; convert it with --to tfrecord first, then to video level")
    else:
        refuse_broken_ends(files)
    if to == "video":
        found = survey(files)
        if found.level == "video":
            raise RecordError(files[0], 0, "is a video-level record already; --to video takes the means of frames")
        return dataclasses.replace(work, features=found.features)
    if to == "parquet":
        record, data = next(work.records(Part(files[0])))
        level = None if work.parquet else level_of_most(files)
        return dataclasses.replace(work, columns=columns_for(bytes(work.apply(record, data)), level))
    return work


def _refuse_unusable(data: bytes, record: Record) -> None:
    problem = check_record(data)
    if problem and check_record(data, "frame"):  # a video without frames has no level of its own
        raise record.error(problem)


def _rows(part: Part) -> Iterator[Item]:
    for index, serialized in enumerate(read_rows(part.path, part.first), part.first):
        data = np.frombuffer(serialized, np.uint8)
        yield Record(part.path, index, Piece(data), 0, len(data)), data


def _stored(part: Part) -> Iterator[Item]:
    file, scratch = open_records(part.path, "frame"), Scratch()
    is_walked = isinstance(file, LocalFile)
    records = file.records_from(part.first, part.offset) if is_walked else file.records(part.first)
    for record in records:
        yield record, record.read(scratch)
