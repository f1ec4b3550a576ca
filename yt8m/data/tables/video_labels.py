"""Reads labels of videos from a CSV file, for records that hold none."""

import functools
import os
import re
from collections.abc import Sequence

from yt8m.data.schema import MOST_CLASSES
from yt8m.data.tables.text import Purpose, read_table
from yt8m.errors import InputError, quantity

_IDS = ("id", "path", "video_id")
_LABELS = "labels"
_SEPARATORS = re.compile(r"[\s,;|]+")
FLAG = "--data.labels"
"""The flag that names the file in most commands."""


def _purpose(flag: str) -> Purpose:
    return Purpose(
        unreadable="cannot be read as labels of videos",
        another=f"name a CSV file with {flag}",
        mend=f"mend the file, or name another with {flag}",
        encoding_errors="surrogateescape",  # an id in a record may be any bytes
    )


class VideoLabels:
    """The labels of videos by id.

    A record whose id is a path has the labels of its whole path; if the file does not name it, those of the file name; or else
    those of the file name without its ending.

    Args:
        path: the CSV file.
        labels: classes by id.
    """

    def __init__(self, path: str, labels: dict[bytes, tuple[int, ...]]):
        self.path = path
        self._labels = labels

    def of(self, video_id: bytes) -> tuple[int, ...] | None:
        """The classes of a video; None if the file does not name it."""
        name = re.split(rb"[/\\]", video_id)[-1]
        ways = (video_id, name, os.path.splitext(name)[0])
        return next((self._labels[each] for each in ways if each in self._labels), None)

    def refuse_beyond(self, num_classes: int, max_labels: int) -> None:
        """Raises InputError for a class that is not below `num_classes`, and for more than `max_labels` labels of a video."""
        for video_id, classes in self._labels.items():
            what = f"{self.path}: gives video {video_id.decode(errors='backslashreplace')[:60]!r}"
            if classes and max(classes) >= num_classes:
                raise InputError(
                    f"{what} label {max(classes)}; the {quantity(num_classes, 'class')} go from 0 to {num_classes - 1}; "
                    "raise --data.num-classes, or mend the file"
                )
            if len(classes) > max_labels:
                raise InputError(f"{what} {len(classes)} labels, more than {max_labels}; raise --data.max-labels")


def read_video_labels(path: str, flag: str = FLAG) -> VideoLabels:
    """Reads a CSV file with a column `id`, `path` or `video_id`, and a column `labels`; others do not matter.

    Labels are class ids with spaces, commas, semicolons or bars between. A video with an empty field has none of the classes.

    Args:
        path: the file.
        flag: the flag that names it, for messages.

    Raises:
        InputError: the file cannot be read, lacks a column, has a row that is too short or too long, has labels that are no class
            ids, or has a video twice.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        purpose = _purpose(flag)
        raise InputError(f"{path}: {purpose.unreadable} ({error.strerror}); {purpose.another}") from error
    return _read(path, flag, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _read(path: str, flag: str, _size: int, _changed: int) -> VideoLabels:
    """`read_video_labels`, cached until the file changes: every split asks again."""
    table = read_table(path, _purpose(flag))
    key = next((each for each in _IDS if each in table.header), None)
    if key is None or _LABELS not in table.header:
        raise table.error(table.header_place, f"the header must have the columns id (or path) and {_LABELS}")
    rows = table.select((key, _LABELS))
    id_place, labels_place = table.header.index(key), table.header.index(_LABELS)
    classes = rows[_LABELS].map(_classes, na_action="ignore")
    table.refuse(
        [
            table.too_long(),
            table.too_short((key, _LABELS)),
            (rows[key] == "", lambda row: f"{key} is empty"),
            (rows[key].duplicated(), lambda row: f"video {row[id_place][:60]!r} comes a second time"),
            (
                classes.isna(),
                lambda row: (
                    f"{_first_wrong(row[labels_place])[:60]!r} among the labels is no class id, a whole number from 0 to "
                    f"{MOST_CLASSES - 1}"
                ),
            ),
        ]
    )
    ids = [video_id.encode(errors="surrogateescape") for video_id in rows[key]]
    return VideoLabels(path, dict(zip(ids, classes.tolist(), strict=True)))


def _classes(text: str) -> tuple[int, ...] | None:
    """The classes that a field names, each once; None if it names something else."""
    fields: Sequence[str] = list(filter(None, _SEPARATORS.split(text)))
    return tuple(dict.fromkeys(map(int, fields))) if all(map(_is_class, fields)) else None


def _is_class(field: str) -> bool:
    return bool(re.fullmatch(r"\d{1,10}", field, re.ASCII)) and int(field) < MOST_CLASSES


def _first_wrong(text: str) -> str:
    return next(field for field in _SEPARATORS.split(text) if field and not _is_class(field))
