"""The files at the root of a data set, which list its classes with their names, and those that segments are ranked for."""

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yt8m.errors import InputError

VOCABULARY_FILE = "vocabulary.csv"
_COLUMNS = {VOCABULARY_FILE: ("Index", "Name"), "label_names.csv": ("label_id", "label_name")}
"""The files that name classes, as the data set has them and as the starter code has, and the columns of classes and names."""

SEGMENT_CLASSES_FILE = "segment_label_ids.csv"
"""The classes that segments are rated and ranked for."""

_LEVELS_BELOW_ROOT = 4
"""Directories searched: `ROOT/2/frame/train/x.tfrecord` lies four below the root."""


def find_at_root(path: str | os.PathLike, name: str) -> Path | None:
    """A file of this name at the root of the data set that a record file is of.

    Args:
        path: a record file; of one that is not local, nothing is found.
        name: the file looked for, in the record file's directory and up to three above it; where links lead elsewhere, first
            above the path as it is written.
    """
    if "://" in os.fspath(path):
        return None
    for place in (Path(os.path.abspath(path)), Path(path).resolve()):
        for directory in place.parents[:_LEVELS_BELOW_ROOT]:
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


def find_segment_classes(path: str | os.PathLike, num_classes: int) -> Path | None:
    """The list of the classes that segments are ranked for, at the root of the data set that a record file is of.

    That is a `segment_label_ids.csv`, or else a `vocabulary.csv` that leaves classes out, as Kaggle's of the segment challenge
    does.

    Args:
        path: see `find_at_root`.
        num_classes: of the whole vocabulary.
    """
    listed = find_at_root(path, SEGMENT_CLASSES_FILE)
    vocabulary = None if listed else find_at_root(path, VOCABULARY_FILE)
    if vocabulary is None:
        return listed
    try:
        classes = read_segment_class_ids(vocabulary)
    except InputError:  # whoever reads names from it says so
        return None
    return vocabulary if max(classes) >= len(classes) < num_classes else None


def read_segment_class_ids(path: str | os.PathLike) -> list[int]:
    """The classes that segments are ranked for, in the order of the file.

    Args:
        path: a CSV file whose header has `Index`: a `segment_label_ids.csv`, or a `vocabulary.csv` of these classes alone.

    Raises:
        InputError: the file cannot be read, lacks the column, has no row, or a class that is no whole number or comes twice.
    """
    classes = [class_id for class_id, _ in _classes(os.fspath(path), [("Index",)], _RANKED)]
    if not classes:
        raise InputError(f"{os.fspath(path)}: no classes below the header; {_RANKED.mend}")
    return classes


def class_name(class_id: int, names: Mapping[int, str]) -> str:
    """A class's name; `Class 17` of one that has none."""
    return names.get(class_id) or f"Class {class_id}"


def read_class_names(path: str | os.PathLike) -> dict[int, str]:
    """The names in a `vocabulary.csv`, by class; empty where a class has none.

    Args:
        path: a CSV file whose header has `Index` and `Name`, or `label_id` and `label_name` as the starter code's
            `label_names.csv`; further columns and the order of the rows do not matter.

    Raises:
        InputError: the file cannot be read, lacks a column, or has a class that is no whole number or comes twice.
    """
    rows = _classes(os.fspath(path), list(_COLUMNS.values()), _NAMES)
    return {class_id: " ".join(name.split()) for class_id, (name,) in rows}  # a name is shown on one line


@dataclass(frozen=True)
class _Kind:
    """What a file is read for, and which flag names it."""

    file: str
    flag: str

    @property
    def mend(self) -> str:
        return f"mend the file, or name another with {self.flag}"

    def line_error(self, path: str, line: int, reason: str) -> InputError:
        return InputError(f"{path}, line {line}: {reason}; {self.mend}")


_NAMES = _Kind(VOCABULARY_FILE, "--vocabulary")
_RANKED = _Kind(SEGMENT_CLASSES_FILE, "--segment-classes")


def _classes(path: str, choices: Sequence[Sequence[str]], kind: _Kind) -> Iterator[tuple[int, list[str]]]:
    """The class of every row, and its other columns.

    Args:
        path: a CSV file with a header.
        choices: names of columns, that of the classes first; the first choice counts whose first column the header has.
        kind: for the messages.

    Raises:
        InputError: see `read_class_names`.
    """
    rows = _rows(path, _text(path, kind), kind)
    line, header = next(rows, (1, []))
    columns = next((each for each in choices if each[0] in header), choices[0])
    missing = [column for column in columns if column not in header]
    if missing:
        raise kind.line_error(path, line, f"the header has no column {missing[0]!r}")
    class_column, *others = map(header.index, columns)
    seen: set[int] = set()
    for line, row in rows:
        if len(row) <= max(class_column, *others, 0):
            raise kind.line_error(path, line, f"the row has {len(row)} of {len(header)} columns")
        text = row[class_column].strip()
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise kind.line_error(
                path, line, f"the {columns[0]} is {text[:40]!r} and no class, a whole number from 0 on"
            )
        if int(text) in seen:
            raise kind.line_error(path, line, f"class {int(text)} comes a second time")
        seen.add(int(text))
        yield int(text), [row[column] for column in others]


def _text(path: str, kind: _Kind) -> str:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a {kind.file}") from error
    try:
        return content.decode("utf-8-sig")  # spreadsheets begin a file with a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise kind.line_error(path, line, "this is not UTF-8 text") from error


def _rows(path: str, text: str, kind: _Kind) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the number of its first line: a quoted field may hold several lines."""
    reader = csv.reader(io.StringIO(text, newline=""))
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise kind.line_error(path, line, f"no row of a CSV file begins here ({error})") from error
