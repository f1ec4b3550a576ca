"""The work of `yt8m convert` on each record."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yt8m.conversion.frames import read_frames
from yt8m.conversion.parquet import ParquetFile, columns_for, load_pyarrow, read_rows
from yt8m.conversion.shards import Part, is_parquet, refuse_broken_ends
from yt8m.conversion.video_level import to_video_level
from yt8m.data.checking import check_record, parse
from yt8m.data.features import Feature
from yt8m.data.file_access import errors_of
from yt8m.data.records import framed, read_framing
from yt8m.data.schema import ID_KEYS
from yt8m.data.sources import describe_error
from yt8m.data.survey import level_of_most, survey
from yt8m.errors import InputError, RecordError
from yt8m.files import NewFile

Form = Literal["video", "tfrecord", "parquet"]
"""Means of frames, records as they are, or tables."""

ENDINGS: dict[Form, str] = {"video": ".tfrecord", "tfrecord": ".tfrecord", "parquet": ".parquet"}


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

    def records(self, part: Part) -> Iterator[tuple[int, bytes]]:
        """Reads a part of a file: the number of each record, and the record. Raises RecordError for a broken one."""
        last = None if part.count is None else part.first + part.count - 1
        for index, data in _rows(part) if self.parquet else _framed_records(part):
            yield index, data
            if index == last:
                return

    def apply(self, data: bytes, path: str, index: int) -> bytes:
        """Converts a record. Raises RecordError if it is unusable."""
        if self.to == "video":
            return to_video_level(read_frames(data, path, index, self.features), self.features, self.std)
        if self.to == "parquet":
            _refuse_unusable(data, path, index)
        return with_current_keys(data, path, index) if self.keys else data

    def open(self, path: Path) -> contextlib.AbstractContextManager:
        """Opens a new file."""
        return ParquetFile(path, self.columns) if self.to == "parquet" else _TfrecordFile(path)


class _TfrecordFile(NewFile):
    """A new TFRecord file. `write` takes a record."""

    def write(self, content: bytes) -> None:
        super().write(framed(content))


def with_current_keys(data: bytes, path: str, index: int) -> bytes:
    """The record with its id under ``id``. A record that has one there stays the same, byte for byte.

    Raises:
        RecordError: it is not a record, or has no id.
    """
    example = parse(data)
    if example is None:
        raise RecordError(path, index, "is no tf.train.Example or SequenceExample")
    current, former = ID_KEYS
    context = example.context.feature
    if current in context and context[current].bytes_list.value:
        return data
    if former not in context:
        raise RecordError(path, index, f"has no id (neither {current} nor {former})")
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
        index, data = next(work.records(Part(files[0])))
        level = None if work.parquet else level_of_most(files)
        return dataclasses.replace(work, columns=columns_for(work.apply(data, files[0], index), level))
    return work


def _refuse_unusable(data: bytes, path: str, index: int) -> None:
    problem = check_record(data)
    if problem and check_record(data, "frame"):  # a video without frames has no level of its own
        raise RecordError(path, index, problem)


def _rows(part: Part) -> Iterator[tuple[int, bytes]]:
    yield from enumerate(read_rows(part.path, part.first), part.first)


def _framed_records(part: Part) -> Iterator[tuple[int, bytes]]:
    try:
        for raw in read_framing(part.path, part.first, part.offset):
            if raw.problem:
                raise raw.as_error(part.path)
            yield raw.index, raw.data
    except errors_of(part.path) as error:
        raise RecordError(part.path, None, f"cannot be read ({describe_error(error)})") from error
