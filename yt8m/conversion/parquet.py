"""Writes records as rows of Parquet files, and reads them back, without loss. Needs pyarrow (the extra `parquet`).

A row is a record (`yt8m.conversion.rows`). docs/data-views.md lists the columns.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from yt8m.conversion.rows import INTEGERS, OTHER, SCORES, from_row, problem_of, to_row
from yt8m.conversion.storing import Storing
from yt8m.conversion.video_level import deviation_feature
from yt8m.data.engine.records import Record
from yt8m.data.features import DEFAULT_FEATURES, KNOWN, Feature, may_be_name
from yt8m.data.schema import ID_KEYS
from yt8m.errors import InputError, RecordError, not_installed, quantity
from yt8m.files import NewFile

MAGIC = b"PAR1"

_ROW_GROUP_BYTES = 32_000_000
"""Rows to hold in memory and write at a time."""
_ROWS_AT_ONCE = 64
_LISTS_AT_ONCE = 8
"""Rows to read at a time if frames are lists of floats, which are four times as large as bytes, or more."""

_MEAN = "mean_"
_MEANS = tuple(each.video_name for each in KNOWN.values())
_DEVIATIONS = tuple(deviation_feature(name) for name in KNOWN)
_FLOATS = (SCORES, *_MEANS, *_DEVIATIONS)


def load_pyarrow() -> Any:
    """The module `pyarrow`, with `pyarrow.parquet`. Raises InputError if it is not installed."""
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise not_installed("Parquet", "pyarrow", "parquet", error) from None
    return pyarrow


def _types() -> dict[str, Any]:
    """The types of the columns that are known by name."""
    pyarrow = load_pyarrow()
    return (
        dict.fromkeys(ID_KEYS, pyarrow.string())
        | dict.fromkeys(INTEGERS, pyarrow.list_(pyarrow.int64()))
        | dict.fromkeys(_FLOATS, pyarrow.list_(pyarrow.float32()))
        | dict.fromkeys((*KNOWN, OTHER), pyarrow.binary())
    )


def _schema(columns: Sequence[str], features: Sequence[Feature] = DEFAULT_FEATURES) -> Any:
    """The schema of columns.

    Args:
        columns: from `columns_for`.
        features: the features with columns of their own.

    Raises:
        InputError: a column is not known.
    """
    pyarrow, types = load_pyarrow(), _types()
    kinds = {"uint8": pyarrow.uint8, "float16": pyarrow.float16, "float32": pyarrow.float32}
    for each in features:
        types |= dict.fromkeys((each.video_name, deviation_feature(each.name)), pyarrow.list_(pyarrow.float32()))
        if each not in DEFAULT_FEATURES:
            types[each.name] = pyarrow.list_(pyarrow.list_(kinds[each.storage]()))
    unknown = [column for column in columns if column not in types]
    if unknown:
        raise InputError(f"has a column {unknown[0]!r}; known: {', '.join(types)}")
    return pyarrow.schema([(column, types[column]) for column in columns])


class ParquetFile:
    """A new Parquet file. It appears when its `with` block ends well.

    Args:
        path: the new file.
        columns: from `columns_for`.
        features: the features with columns of their own.
    """

    def __init__(self, path: str | os.PathLike, columns: Sequence[str], features: Sequence[Feature] = DEFAULT_FEATURES):
        self._file, self._columns, self._features = NewFile(path), columns, features
        self._pyarrow, self._schema = load_pyarrow(), _schema(columns, features)
        self._lists = {each.name: each for each in features if each not in DEFAULT_FEATURES}
        self._rows: list[dict[str, Any]] = []
        self._num_bytes = 0

    def __enter__(self) -> "ParquetFile":
        self._file.__enter__()
        self._writer = self._pyarrow.parquet.ParquetWriter(self._file.temporary, self._schema, compression="zstd")
        return self

    def write(self, content: bytes | np.ndarray, record: Record | None = None) -> None:
        """Appends a usable record."""
        serialized = bytes(content)
        row = to_row(serialized, self._columns, self._features)
        for name in self._lists.keys() & row.keys():
            if row[name] is not None:
                row[name] = list(_frames(row[name], self._lists[name]))
        self._rows.append(row)
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


def read_rows(path: str, first: int, storing: Storing) -> Iterator[bytes]:
    """Reads the records of a Parquet file, serialized.

    Args:
        path: a local file.
        first: the first row to read.
        storing: makes records of features in lists.

    Raises:
        RecordError: it is not a Parquet file, its columns have other names or types, or a row is not a usable record.
        InputError: the file of labels does not name a video.
    """
    with _opened(path) as file:
        names = features_in_lists(file.schema_arrow)
        lists = {column: name for column, name in names.items() if storing.takes(name)}
        plain = [column for column in file.schema_arrow.names if column not in names]
        try:
            schema = _schema(plain)
        except InputError as error:
            raise RecordError(path, None, str(error)) from None
        _refuse_numbers_as_ids(path, file.schema_arrow)
        if storing.has_labels and "labels" in plain:
            raise RecordError(path, None, "has a column labels; leave out --labels, or the column")
        starts = np.cumsum([0, *(file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))])
        group = max(int(np.searchsorted(starts, first, side="right")) - 1, 0)
        index = int(starts[group])
        if names and storing.given and not lists:
            raise RecordError(path, None, f"has no column {' or '.join(storing.given)}, but {', '.join(names)}")
        columns, num_rows = [*plain, *lists], _LISTS_AT_ONCE if lists else _ROWS_AT_ONCE
        for batch in file.iter_batches(num_rows, row_groups=range(group, file.num_row_groups), columns=columns):
            rows = _rows(path, batch, schema)
            for place, row in enumerate(rows, index):
                if place >= first:
                    arrays = {name: batch.column(column)[place - index] for column, name in lists.items()}
                    yield _record(path, place, row, arrays, storing)
            index += len(rows)


def _rows(path: str, batch: Any, schema: Any) -> list[dict[str, Any]]:
    pyarrow = load_pyarrow()
    try:
        return pyarrow.Table.from_batches([batch]).select(schema.names).cast(schema).to_pylist()
    except pyarrow.ArrowException as error:
        raise RecordError(path, None, f"a column has the wrong type ({_one_line(error)})") from error


def _record(path: str, index: int, row: dict[str, Any], lists: dict[str, Any], storing: Storing) -> bytes:
    """The record of a row: its plain values, and its features in lists by name."""
    if not lists and not storing.has_labels:
        return _checked(path, index, row)

    def refuse(name: str, problem: str) -> RecordError:
        return RecordError(path, index, f"{name} {problem}".lstrip())

    if storing.has_labels:
        video_id = next((row[key] for key in ID_KEYS if row.get(key)), "")
        row = {**row, "labels": storing.labels_of((video_id,))}
    arrays = {}
    for name, value in lists.items():
        try:
            array = array_of(value)
        except ValueError as error:
            raise refuse(name, str(error)) from None
        if array is not None:
            arrays[name] = array
    return storing.record(row, arrays, f"{path}, record {index},", refuse, DEFAULT_FEATURES)


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
    problem = problem_of(serialized)
    if problem:
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


def features_in_lists(schema: Any) -> dict[str, str]:
    """The columns that hold a feature as lists of numbers, or of lists of numbers, and the feature's name."""
    types, known = load_pyarrow().types, _types()
    found = {}
    for field in schema:
        name = field.name.removeprefix(_MEAN)
        is_ours = field.name in known and field.name not in KNOWN
        if _holds_numbers(types, field.type) and may_be_name(name) and not is_ours:
            found[field.name] = name
    return found


def _is_list(types: Any, kind: Any) -> bool:
    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def _holds_numbers(types: Any, kind: Any) -> bool:
    """Whether a type is a list of numbers, or of lists of numbers."""
    if not _is_list(types, kind):
        return False
    inner = kind.value_type.value_type if _is_list(types, kind.value_type) else kind.value_type
    return types.is_integer(inner) or types.is_floating(inner)


def array_of(value: Any) -> np.ndarray | None:
    """The array in a row of a list column: [D] of numbers, or [T, D] of lists of numbers; None if it is null.

    Args:
        value: a pyarrow scalar.

    Raises:
        ValueError: a number or a frame is missing, or frames have different sizes.
    """
    pyarrow = load_pyarrow()
    if not value.is_valid:
        return None
    values = value.values
    if not _is_list(pyarrow.types, values.type):
        return _numbers(values)
    if values.null_count:
        raise ValueError("has a frame that is missing (null)")
    sizes = pyarrow.compute.list_value_length(values).to_numpy(zero_copy_only=False)
    other = np.flatnonzero(sizes != sizes[0]) if len(sizes) else sizes
    if len(other):
        raise ValueError(f"frame {other[0]} has {quantity(int(sizes[other[0]]), 'value')}, and frame 0 has {sizes[0]}")
    return _numbers(values.flatten()).reshape(len(values), int(sizes[0]) if len(sizes) else 0)


def _numbers(values: Any) -> np.ndarray:
    if values.null_count:
        raise ValueError("has a value that is missing (null)")
    return values.to_numpy(zero_copy_only=False)


def _frames(stored: bytes, feature: Feature) -> np.ndarray:
    return np.frombuffer(stored, feature.dtype.newbyteorder("<")).reshape(-1, feature.size)


def _one_line(error: Exception) -> str:
    return next(itertools.chain(str(error).splitlines(), [type(error).__name__]))
