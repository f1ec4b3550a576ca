"""Converts records to rows of Parquet files and back, without loss. Needs pyarrow (the extra `parquet`).

A row is a record. docs/data-views.md lists the columns. The last column holds everything without a column, such as
user-defined keys, in serialized form. So every record comes back as it was, except for the order of its keys.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from yt8m.conversion.video_level import deviation_feature
from yt8m.data.checking import check_record, level_of, parse
from yt8m.data.features import KNOWN
from yt8m.data.protos import Feature, FeatureList
from yt8m.data.schema import ID_KEYS, Level
from yt8m.errors import InputError, RecordError, not_installed
from yt8m.files import NewFile

MAGIC = b"PAR1"
OTHER = "other"
"""The column for everything without a column."""

_ROW_GROUP_BYTES = 32_000_000
"""Rows to hold in memory and write at a time."""
_ROWS_AT_ONCE = 64

_INTEGERS = ("labels", "segment_start_times", "segment_end_times", "segment_labels")
_MEANS = tuple(each.video_name for each in KNOWN.values())
_DEVIATIONS = tuple(deviation_feature(name) for name in KNOWN)
_FLOATS = ("segment_scores", *_MEANS, *_DEVIATIONS)
_SEGMENTS = (*_INTEGERS[1:], "segment_scores")


def load_pyarrow() -> Any:
    """The module `pyarrow`, with `pyarrow.parquet`. Raises InputError if it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise not_installed("Parquet", "pyarrow", "parquet", error) from None
    return pyarrow


def columns_for(serialized: bytes, level: Level | None = None) -> tuple[str, ...]:
    """The columns for a file of records like this one. Other features of its records go to the last column.

    Args:
        serialized: a record.
        level: the level of the data set; None = that of the record.
    """
    example = parse(serialized)
    assert example is not None, "the record was checked"
    context = example.context.feature
    key = next((key for key in ID_KEYS if key in context), ID_KEYS[0])
    level = level or level_of(example)
    if level == "video":
        features = (*_MEANS, *(name for name in _DEVIATIONS if name in context))
    else:
        features = (*(_SEGMENTS if level == "segment" else ()), *KNOWN)
    return (key, "labels", *features, OTHER)


def _schema(columns: Sequence[str]) -> Any:
    pyarrow = load_pyarrow()
    types = (
        dict.fromkeys(ID_KEYS, pyarrow.string())
        | dict.fromkeys(_INTEGERS, pyarrow.list_(pyarrow.int64()))
        | dict.fromkeys(_FLOATS, pyarrow.list_(pyarrow.float32()))
        | dict.fromkeys((*KNOWN, OTHER), pyarrow.binary())
    )
    unknown = [column for column in columns if column not in types]
    if unknown:
        raise InputError(f"has a column {unknown[0]!r}; known: {', '.join(types)}")
    return pyarrow.schema([(column, types[column]) for column in columns])


def to_row(serialized: bytes, columns: Sequence[str]) -> dict[str, Any]:
    """The values of a record's columns. A missing feature is None.

    Args:
        serialized: a usable record.
        columns: from `columns_for`.
    """
    example = parse(serialized)
    assert example is not None, "the record was checked"
    context, lists = example.context.feature, example.feature_lists.feature_list
    row: dict[str, Any] = dict.fromkeys(columns)
    for column in columns:
        if column in KNOWN and column in lists:
            row[column] = b"".join(frame.bytes_list.value[0] for frame in lists[column].feature)
            del lists[column]
            if not lists:
                example.ClearField("feature_lists")
                lists = {}
        elif column in context:
            row[column] = _value(column, context[column])
            if row[column] is not None:
                del context[column]
    if not context:
        example.ClearField("context")
    row[OTHER] = example.SerializeToString(deterministic=True) or None
    return row


def _value(column: str, feature: Feature) -> Any:
    """None if the column cannot hold the feature."""
    if column in ID_KEYS:
        with contextlib.suppress(UnicodeDecodeError):
            (value,) = feature.bytes_list.value
            return value.decode()
        return None
    wanted, kind = ("int64_list", np.int64) if column in _INTEGERS else ("float_list", np.float32)
    return np.array(getattr(feature, wanted).value, kind) if feature.WhichOneof("kind") == wanted else None


def from_row(row: dict[str, Any]) -> bytes:
    """The record of a row, serialized with its keys in order.

    Raises:
        ValueError: a column does not hold a whole number of frames, or the last column does not hold a record.
    """
    example = parse(row.get(OTHER) or b"")
    if example is None:
        raise ValueError(f"{OTHER} does not hold a serialized tf.train.SequenceExample")
    for column, value in row.items():
        if value is None or column == OTHER:
            continue
        if column in KNOWN:
            _add_frames(example.feature_lists.feature_list[column], column, value)
        elif column in ID_KEYS:
            example.context.feature[column].bytes_list.value.append(value.encode())
        else:
            kind = "int64_list" if column in _INTEGERS else "float_list"
            values = getattr(example.context.feature[column], kind)
            values.SetInParent()  # an empty list is not the same as a missing one
            values.value.extend(value)
    return example.SerializeToString(deterministic=True)


def _add_frames(frames: FeatureList, name: str, value: bytes) -> None:
    size = KNOWN[name].frame_bytes
    if len(value) % size:
        raise ValueError(f"{name} has {len(value)} bytes, not a whole number of frames of {size}")
    frames.SetInParent()
    for start in range(0, len(value), size):
        frames.feature.add().bytes_list.value.append(value[start : start + size])


class ParquetFile:
    """A new Parquet file. It appears when its `with` block ends well.

    Args:
        path: the new file.
        columns: from `columns_for`.
    """

    def __init__(self, path: str | os.PathLike, columns: Sequence[str]):
        self._file, self._columns = NewFile(path), columns
        self._pyarrow, self._schema = load_pyarrow(), _schema(columns)
        self._rows: list[dict[str, Any]] = []
        self._num_bytes = 0

    def __enter__(self) -> "ParquetFile":
        self._file.__enter__()
        self._writer = self._pyarrow.parquet.ParquetWriter(self._file.temporary, self._schema, compression="zstd")
        return self

    def write(self, serialized: bytes | np.ndarray) -> None:
        """Appends a usable record."""
        self._rows.append(to_row(bytes(serialized), self._columns))
        self._num_bytes += len(serialized)
        if self._num_bytes >= _ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        columns = [self._pyarrow.array([row[field.name] for row in self._rows], field.type) for field in self._schema]
        try:
            self._writer.write_table(self._pyarrow.table(columns, schema=self._schema))
        except OSError as error:
            raise self._file.unwritable(error) from error
        self._rows, self._num_bytes = [], 0

    def __exit__(self, kind, error, traceback) -> None:
        try:
            if kind is None:
                self._flush()
            self._writer.close()
        except (OSError, InputError) as failure:
            self._file.discard()
            raise failure if isinstance(failure, InputError) else self._file.unwritable(failure) from failure
        self._file.__exit__(kind, error, traceback)


def count_rows(path: str) -> int:
    """The number of rows in a Parquet file. Raises RecordError if it is not a Parquet file."""
    with _opened(path) as file:
        return file.metadata.num_rows


def read_rows(path: str, first: int = 0) -> Iterator[bytes]:
    """Reads the records of a Parquet file, serialized.

    Args:
        path: a local file.
        first: the first row to read.

    Raises:
        RecordError: it is not a Parquet file, its columns have other names or types, or a row is not a usable record.
    """
    pyarrow = load_pyarrow()
    with _opened(path) as file:
        try:
            schema = _schema(file.schema_arrow.names)
        except InputError as error:
            raise RecordError(path, None, str(error)) from None
        _refuse_numbers_as_ids(path, file.schema_arrow)
        starts = np.cumsum([0, *(file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))])
        group = max(int(np.searchsorted(starts, first, side="right")) - 1, 0)
        index = int(starts[group])
        for batch in file.iter_batches(_ROWS_AT_ONCE, row_groups=range(group, file.num_row_groups)):
            try:
                rows = pyarrow.Table.from_batches([batch]).cast(schema).to_pylist()
            except pyarrow.ArrowException as error:
                raise RecordError(path, None, f"a column has the wrong type ({_one_line(error)})") from error
            for place, row in enumerate(rows, index):
                if place >= first:
                    yield _checked(path, place, row)
            index += len(rows)


def _refuse_numbers_as_ids(path: str, schema: Any) -> None:
    """Raises RecordError if ids are numbers or the like, of which pyarrow would make text: `1` of what was `0001`."""
    types = load_pyarrow().types
    for field in schema:
        kind = field.type.value_type if types.is_dictionary(field.type) else field.type
        numbers = (types.is_integer, types.is_floating, types.is_boolean, types.is_temporal, types.is_decimal)
        if field.name in ID_KEYS and any(each(kind) for each in numbers):
            reason = f"the column {field.name!r} is {kind}, and ids are text, which cannot be told from it"
            raise RecordError(path, None, f"{reason}; write it as text (where pandas read it, with dtype=str)")


def _checked(path: str, index: int, row: dict[str, Any]) -> bytes:
    try:
        serialized = from_row(row)
    except ValueError as error:
        raise RecordError(path, index, str(error)) from None
    problem = check_record(serialized)
    # A video without frames has no features, and a row has no level to contradict.
    if problem and check_record(serialized, "frame"):
        raise RecordError(path, index, problem)
    return serialized


@contextlib.contextmanager
def _opened(path: str) -> Iterator[Any]:
    pyarrow = load_pyarrow()
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            yield file
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise RecordError(path, None, f"is not a Parquet file, or is damaged ({_one_line(error)})") from error


def _one_line(error: Exception) -> str:
    return next(itertools.chain(str(error).splitlines(), [type(error).__name__]))
