"""The work of `yt8m convert` on each record."""

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from yt8m.conversion.inputs import Inputs, Item, plan_of
from yt8m.conversion.npz import NpzDirectory
from yt8m.conversion.parquet import ParquetFile, load_pyarrow
from yt8m.conversion.rows import columns_for, problem_of
from yt8m.conversion.shards import Part
from yt8m.conversion.storing import Storing
from yt8m.conversion.video_level import to_video_level
from yt8m.data.checking import parse
from yt8m.data.engine.records import Record
from yt8m.data.engine.videos import finite_video_of
from yt8m.data.features import DEFAULT_FEATURES, Feature, in_order
from yt8m.data.records import framed
from yt8m.data.schema import ID_KEYS
from yt8m.data.source import Source
from yt8m.data.survey import survey
from yt8m.errors import InputError, RecordError
from yt8m.files import NewFile

Form = Literal["video", "tfrecord", "parquet", "npz"]
"""Means of frames, records as they are, tables, or a file of arrays a video."""

ENDINGS: dict[Form, str] = {"video": ".tfrecord", "tfrecord": ".tfrecord", "parquet": ".parquet", "npz": ""}
"""Endings of new files; a directory of .npz files has none."""


@dataclass(frozen=True)
class Work:
    """The work on each record. Threads share one object."""

    to: Form
    std: bool
    keys: str | None
    dequantise: bool
    inputs: Inputs = field(repr=False)
    storing: Storing = field(repr=False)
    features: tuple[Feature, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def plan(self) -> Any:
        """What decides about the new files, in plain JSON values."""
        given = [self.to, self.std, self.keys, self.dequantise, list(self.columns)]
        return [*given, [dataclasses.asdict(each) for each in self.features], plan_of(self.storing, self.inputs)]

    def records(self, part: Part) -> Iterator[Item]:
        """Reads a part of a file. Raises RecordError for a broken record."""
        return self.inputs.records(part)

    def apply(self, record: Record, data: np.ndarray) -> bytes | np.ndarray:
        """Converts a record. Raises RecordError if it is unusable."""
        if self.to == "video":
            source = Source((record.path,), "frame", self.features, num_classes=None, max_labels=None)
            return to_video_level(finite_video_of(data, source, record), self.features, self.std)
        if self.to in ("parquet", "npz"):
            problem = problem_of(data.tobytes(), None, self.features)
            if problem:
                raise record.error(problem)
        return with_current_keys(data, record) if self.keys else data

    def open(self, path: Path) -> contextlib.AbstractContextManager:
        """Opens a new file. Its `write` takes what `apply` made, and the record that it was made of."""
        if self.to == "npz":
            return NpzDirectory(path, self.features, self.dequantise)
        return ParquetFile(path, self.columns, self.features) if self.to == "parquet" else _TfrecordFile(path)


class _TfrecordFile(NewFile):
    """A new TFRecord file. `write` takes a record."""

    def write(self, content: bytes | np.ndarray, record: Record | None = None) -> None:
        """Appends a record."""
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


def prepare(to: Form, std: bool, keys: str | None, dequantise: bool, inputs: Inputs, storing: Storing) -> Work:
    """The work on files. Raises InputError or RecordError if it cannot be done."""
    work = Work(to, std, keys, dequantise, inputs, storing)
    path = inputs.files[0]
    if to == "parquet":
        load_pyarrow()
    if inputs.kind == "table" and to in ("video", "npz"):
        way_on = "then to video level" if to == "video" else "then to .npz"
        raise InputError(f"{path}: is a Parquet file; convert it with --to tfrecord first, {way_on}")
    if inputs.kind == "records":
        return _on_records(work, path)
    first = next(work.records(next(iter(inputs.places()), Part(path))), None)
    if first is None:
        raise RecordError(path, None, "holds no records")
    storing.forget_counts()
    record, data = first
    if to == "video" and storing.level == "video":
        raise RecordError(record.path, None, "holds a vector a video already; --to video takes the means of frames")
    work = dataclasses.replace(work, features=in_order(storing.features))
    if to != "parquet":
        return work
    columns = columns_for(data.tobytes(), features=_with_known(work.features))
    return dataclasses.replace(work, columns=columns, features=_with_known(work.features))


def _on_records(work: Work, path: str) -> Work:
    """The work on TFRecord files, of which `path` is the first."""
    if work.to == "tfrecord":
        return work
    if work.to == "video":
        found = survey(work.inputs.files)
        if found.level == "video":
            raise RecordError(path, 0, "is a video-level record already; --to video takes the means of frames")
        return dataclasses.replace(work, features=_given_or(work.storing, found.features))
    features, level = tuple(work.storing.given.values()), None
    with contextlib.suppress(InputError):  # of videos without any frames, say
        found = survey(work.inputs.files)
        features, level = _given_or(work.storing, found.features), found.level
    work = dataclasses.replace(work, features=_with_known(features))
    record, data = next(work.records(Part(path)))
    work.apply(record, data)
    return dataclasses.replace(work, columns=columns_for(data.tobytes(), level, work.features))


def _given_or(storing: Storing, found: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """The features found, as `--features` describes them; a known range makes floats of bytes."""
    return tuple(storing.given.get(each.name, each) for each in found if storing.takes(each.name))


def _with_known(features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """The features, and the known ones that are not among them: a table has columns for all of these."""
    names = {each.name for each in features}
    return in_order((*features, *(each for each in DEFAULT_FEATURES if each.name not in names)))
