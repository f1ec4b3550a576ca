"""The files at the root of a data set, and the names of its classes, which one of them holds."""

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from yt8m.errors import InputError

VOCABULARY_FILE = "vocabulary.csv"
_COLUMNS = {VOCABULARY_FILE: ("Index", "Name"), "label_names.csv": ("label_id", "label_name")}
"""The files that name classes, as the data set has them and as the starter code has, and the columns of classes and names."""

_LEVELS_BELOW_ROOT = 4
"""Directories searched: `ROOT/2/frame/train/x.tfrecord` lies four below the root."""


def find_at_root(path: str | os.PathLike, name: str) -> Path | None:
    """A file of this name at the root of the data set that a record file is of.

    Args:
        path: a record file; of one that is not local, nothing is found.
        name: the file looked for, in the record file's directory and up to three above it.
    """
    if "://" in os.fspath(path):
        return None
    for directory in list(Path(path).resolve().parents)[:_LEVELS_BELOW_ROOT]:
        if (directory / name).is_file():
            return directory / name
    return None


def find_vocabulary(path: str | os.PathLike) -> Path | None:
    """The names of the classes at the root of the data set that a record file is of; arguments as `find_at_root`."""
    return next(filter(None, (find_at_root(path, name) for name in _COLUMNS)), None)


def count_classes(path: str | os.PathLike) -> int | None:
    """The number of classes of a vocabulary that lists all of them; None of one that leaves some out.

    Raises:
        InputError: as `read_class_names`.
    """
    classes = read_class_names(path)
    return len(classes) if classes and max(classes) == len(classes) - 1 else None


def class_name(class_id: int, names: Mapping[int, str]) -> str:
    """A class's name; `class 17` of one that has none."""
    return names.get(class_id) or f"class {class_id}"


def read_class_names(path: str | os.PathLike) -> dict[int, str]:
    """The names in a `vocabulary.csv`, by class; empty where a class has none.

    Args:
        path: a CSV file whose header has `Index` and `Name`, or `label_id` and `label_name` as the starter code's
            `label_names.csv`; further columns and the order of the rows do not matter.

    Raises:
        InputError: the file cannot be read, lacks a column, or has a class that is no whole number or comes twice.
    """
    shown = os.fspath(path)
    rows = _rows(shown, _text(shown))
    line, header = next(rows, (1, []))
    columns = next((each for each in _COLUMNS.values() if each[0] in header), _COLUMNS[VOCABULARY_FILE])
    missing = [column for column in columns if column not in header]
    if missing:
        raise _line_error(shown, line, f"the header has no column {missing[0]!r}")
    index_column, name_column = map(header.index, columns)
    names: dict[int, str] = {}
    for line, row in rows:
        if len(row) <= max(index_column, name_column):
            raise _line_error(shown, line, f"the row has {len(row)} of {len(header)} columns")
        text = row[index_column].strip()
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise _line_error(shown, line, f"the {columns[0]} is {text[:40]!r} and no class, a whole number from 0 on")
        if int(text) in names:
            raise _line_error(shown, line, f"class {int(text)} comes a second time")
        names[int(text)] = " ".join(row[name_column].split())  # a name is shown on one line
    return names


def _text(path: str) -> str:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a {VOCABULARY_FILE}") from error
    try:
        return content.decode("utf-8-sig")  # spreadsheets begin a file with a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _line_error(path, line, "this is not UTF-8 text") from error


def _rows(path: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the number of its first line: a quoted field may hold several lines."""
    reader = csv.reader(io.StringIO(text, newline=""))
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise _line_error(path, line, f"no row of a CSV file begins here ({error})") from error


def _line_error(path: str, line: int, reason: str) -> InputError:
    return InputError(f"{path}, line {line}: {reason}; mend the file, or name another with --vocabulary")
