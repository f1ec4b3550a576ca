"""Finds and reads the files at a data set's root: the names of its classes, and the classes to rank segments for."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from yt8m.data.tables.classes import select_classes
from yt8m.data.tables.text import Purpose, read_lines, read_table
from yt8m.errors import InputError

if TYPE_CHECKING:
    import pandas

VOCABULARY_FILE = "vocabulary.csv"
LABEL_MAP = "label_map.txt"
_COLUMNS = {
    VOCABULARY_FILE: ("Index", "Name"),
    "label_names.csv": ("label_id", "label_name"),
    "class_labels_indices.csv": ("index", "display_name"),
}
"""Files that name classes, in the data set, the starter code and AudioSet, with their columns of classes and names."""
_NO_NAME = "???"
"""Stands in MediaPipe's label map for a class without a name."""
_DESCRIPTION = "WikiDescription"

VOCABULARY_COLUMNS = (
    "Index",
    "TrainVideoCount",
    "KnowledgeGraphId",
    "Name",
    "WikiUrl",
    "Vertical1",
    "Vertical2",
    "Vertical3",
    "WikiDescription",
)
"""Columns of the official file of class names, in order."""

SEGMENT_CLASSES_FILE = "segment_label_ids.csv"
"""Lists the classes that segments are rated and ranked for."""

ROOT_FILES = dict.fromkeys([*_COLUMNS, LABEL_MAP], "a vocabulary") | {
    SEGMENT_CLASSES_FILE: "a list of the classes to rank"
}
"""What each file at a data set's root is, by its name."""

_LEVELS_BELOW_ROOT = 4
"""Directories to search: `ROOT/2/frame/train/x.tfrecord` lies four levels below the root."""


def find_at_root(path: str | os.PathLike, name: str) -> Path | None:
    """Finds a file at the root of a record file's data set; None if there is none.

    Searches the record file's directory and up to three above it: first above the path as written, then above the path with
    links resolved.

    Args:
        path: a local record file. Nothing is found for one that is not local.
        name: name of the file to find.
    """
    if "://" in os.fspath(path):
        return None
    for place in (Path(os.path.abspath(path)), Path(path).resolve()):
        for directory in place.parents[:_LEVELS_BELOW_ROOT]:
            if (directory / name).is_file():
                return directory / name
    return None


def find_vocabulary(path: str | os.PathLike) -> Path | None:
    """Finds the file of class names at the root of a record file's data set. Argument: see `find_at_root`."""
    return next(filter(None, (find_at_root(path, name) for name in (*_COLUMNS, LABEL_MAP))), None)


def count_classes(path: str | os.PathLike) -> int | None:
    """The number of classes in a vocabulary; None if it leaves classes out.

    Raises:
        InputError: see `read_class_names`.
    """
    classes = read_class_names(path)
    return len(classes) if classes and max(classes) == len(classes) - 1 else None


def find_segment_classes(path: str | os.PathLike, num_classes: int) -> Path | None:
    """Finds the list of classes to rank segments for, at the root of a record file's data set.

    This is `segment_label_ids.csv`, or else a `vocabulary.csv` that leaves classes out, as in Kaggle's segment challenge.

    Args:
        path: see `find_at_root`.
        num_classes: classes in the whole vocabulary.
    """
    listed = find_at_root(path, SEGMENT_CLASSES_FILE)
    vocabulary = None if listed else find_at_root(path, VOCABULARY_FILE)
    if vocabulary is None:
        return listed
    try:
        classes = read_segment_class_ids(vocabulary)
    except InputError:  # whoever reads names from it reports this
        return None
    return vocabulary if max(classes) >= len(classes) < num_classes else None


def read_segment_class_ids(path: str | os.PathLike) -> list[int]:
    """Reads the classes to rank segments for, in the order of the file.

    Args:
        path: a CSV file with the column `Index`: `segment_label_ids.csv`, or a `vocabulary.csv` of only these classes.

    Raises:
        InputError: the file cannot be read, lacks the column, has no row, or has a class that is not a whole number or comes
            twice.
    """
    classes = _read_classes(path, [("Index",)], _RANKED)["Index"].tolist()
    if not classes:
        raise InputError(f"{os.fspath(path)}: no classes below the header; {_RANKED.mend}")
    return classes


def class_name(class_id: int, names: Mapping[int, str]) -> str:
    """A class's name; `Class 17` if it has none."""
    return names.get(class_id) or f"Class {class_id}"


def read_class_names(path: str | os.PathLike) -> dict[int, str]:
    """Reads the names in a `vocabulary.csv` by class; empty if a class has no name.

    Args:
        path: a CSV file with the columns `Index` and `Name`, `label_id` and `label_name` as in the starter code's
            `label_names.csv`, or `index` and `display_name` as in AudioSet's `class_labels_indices.csv`. Other columns and the
            order of the rows do not matter. Or a `.txt` file with a name in each line, those of class 0, 1 and so on, as
            MediaPipe's `label_map.txt` is; `???` stands for no name.

    Raises:
        InputError: the file cannot be read, lacks a column, or has a class that is not a whole number or comes twice.
    """
    if _is_label_map(path):
        names = (" ".join(line.split()) for line in read_lines(path, _NAMES))
        return {class_id: "" if name == _NO_NAME else name for class_id, name in enumerate(names)}
    classes = _read_classes(path, list(_COLUMNS.values()), _NAMES)
    ids, names = (classes[column].tolist() for column in classes)
    return {class_id: " ".join(name.split()) for class_id, name in zip(ids, names, strict=True)}  # shown on one line


def _is_label_map(path: str | os.PathLike) -> bool:
    """Whether a file has a name in each line and no header. Raises InputError if it cannot be read."""
    if not os.fspath(path).endswith(".txt"):
        return False
    first = next(iter(read_lines(path, _NAMES)), "")
    return not any({*columns} <= {*first.split(",")} for columns in _COLUMNS.values())


def read_class_descriptions(path: str | os.PathLike) -> dict[int, str]:
    """Reads the descriptions in a `vocabulary.csv` by class; empty if a class has none, or the file has no column of them.

    Args:
        path: as for `read_class_names`. Descriptions stand in the column `WikiDescription`.

    Raises:
        InputError: see `read_class_names`.
    """
    if _is_label_map(path):
        return {}
    table = read_table(path, _NAMES)
    if _DESCRIPTION not in table.header:
        return {}
    column = next((each[0] for each in _COLUMNS.values() if each[0] in table.header), "Index")
    classes, problems = select_classes(table, (column, _DESCRIPTION))
    table.refuse(problems)
    return {
        class_id: " ".join(text.split())
        for class_id, text in zip(classes[column].tolist(), classes[_DESCRIPTION].tolist(), strict=True)
    }


def _purpose(file: str, flag: str) -> Purpose:
    return Purpose("cannot be read", f"name a {file}", f"mend the file, or name another with {flag}")


_NAMES = _purpose(VOCABULARY_FILE, "--vocabulary")
_RANKED = _purpose(SEGMENT_CLASSES_FILE, "--segment-classes")


def _read_classes(path: str | os.PathLike, choices: Sequence[Sequence[str]], purpose: Purpose) -> "pandas.DataFrame":
    """Reads the class ids of a table, int64, and its other columns, as text.

    Args:
        path: a CSV file with a header.
        choices: sets of column names, class ids first. The set with the most columns in the header is taken.
        purpose: for the messages.

    Raises:
        InputError: see `read_class_names`.
    """
    table = read_table(path, purpose)
    columns = max(choices, key=lambda each: len({*each} & {*table.header}))
    classes, problems = select_classes(table, columns)
    table.refuse(problems)
    return classes
