"""Reads and writes `videos.csv`, the table of the video files that records were made of.

`yt8m extract` writes it beside its records. It inverts the naming of videos: whoever has an id finds the file, and the other way.
"""

import math
import os
import re
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from yt8m.data.tables.text import Purpose, Table, read_table, write_table
from yt8m.data.tables.vocabulary import find_at_root

VIDEOS_FILE = "videos.csv"

_NEEDED = ("id", "path")
_PURPOSE = Purpose(
    unreadable="cannot be read as a table of videos",
    another="yt8m extract writes one beside its records; if it is gone, the same command writes it again",
    mend="mend the file, or remove it and repeat the yt8m extract that made it",
)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]*)?(e-?[0-9]{1,3})?", re.ASCII)
_URI = "file://"


@dataclass(frozen=True)
class VideoRow:
    """A video file and its record."""

    id: str
    """The id in the records."""
    path: str
    """The video file, an absolute path."""
    seconds: float | None = None
    """How long the video is, as far as it could be read; None if it could not be opened."""
    frames: int = 0
    """Frames in its record; 0 = it has no record."""
    width: int | None = None
    """Of the picture as shown, in pixels; None if the video could not be opened."""
    height: int | None = None
    """Like `width`."""
    sha256: str = ""
    """Digest of the file in hexadecimal; empty if it could not be read."""
    problem: str = ""
    """What is wrong with the video, in a line; empty if nothing is. With a record, the record holds the rest of the video."""

    @property
    def has_failed(self) -> bool:
        """Whether there is no record of the video."""
        return self.frames == 0


COLUMNS = tuple(each.name for each in fields(VideoRow))


def videos_table(rows: Iterable[VideoRow]) -> bytes:
    """Makes the content of a `videos.csv`. A path that is not UTF-8 is written as a `file:` URI, so that the file is text."""
    rows = list(rows)
    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    columns["path"] = [_as_text(path) for path in columns["path"]]
    columns["seconds"] = [None if each is None else round(each, 3) for each in columns["seconds"]]
    return write_table(columns)


def read_videos(path: str | os.PathLike) -> dict[str, VideoRow]:
    """Reads a table of videos, by id, in the order of the file.

    Args:
        path: a CSV file, or the directory of a `videos.csv`. Columns other than `id` and `path` may be missing, and any may be
            added. A relative path of a video counts from the table's directory.

    Raises:
        InputError: the file cannot be read, lacks a column, has a row that is too short or too long, a video twice or without an
            id or a path, or a number that is none.
    """
    file = Path(path, VIDEOS_FILE) if os.path.isdir(path) else Path(path)
    table = read_table(file, _PURPOSE)
    columns = [name for name in COLUMNS if name in table.header or name in _NEEDED]
    rows = table.select(columns)
    table.refuse(
        [
            table.too_long(),
            table.too_short(columns),
            *((rows[name] == "", lambda row, name=name: f"the {name} is empty") for name in _NEEDED),
            (rows["id"].duplicated(), lambda row: f"video {row[table.header.index('id')][:60]!r} comes a second time"),
            *_bad_numbers(table, "whole number", _WHOLE_NUMBER, ("frames", "width", "height")),
            *_bad_numbers(table, "number of seconds", _NUMBER, ("seconds",)),
        ]
    )
    found = [_row(values, file.parent) for values in rows.to_dict("records")]
    return {row.id: row for row in found}


def find_videos(records: str | os.PathLike) -> Path | None:
    """Finds the table of videos at the root of a record file's data set; None if there is none.

    Args:
        records: a local record file. Nothing is found for one that is not local.
    """
    return find_at_root(records, VIDEOS_FILE)


def _bad_numbers(table: Table, kind: str, form: re.Pattern, names: Iterable[str]):
    """The problems of fields that must be numbers, or empty."""
    for name in names:
        if name in table.header:
            texts = table.select([name])[name].fillna("")
            wrong = (texts != "") & ~texts.map(lambda text: bool(form.fullmatch(text))).astype(bool)
            place = table.header.index(name)
            yield wrong, lambda row, name=name, place=place: f"{name} is {row[place][:40]!r} and no {kind}"


def _row(values: dict[str, str], directory: Path) -> VideoRow:
    numbers = {name: int(values[name]) for name in ("frames", "width", "height") if values.get(name)}
    seconds = float(values["seconds"]) if values.get("seconds") else math.nan
    return VideoRow(
        values["id"],
        os.path.abspath(directory / _as_path(values["path"])),
        **numbers,
        seconds=None if math.isnan(seconds) else seconds,
        sha256=values.get("sha256", ""),
        problem=values.get("problem", ""),
    )


def _as_text(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        return f"{_URI}{urllib.parse.quote_from_bytes(os.fsencode(path))}"
    return path


def _as_path(text: str) -> str:
    return os.fsdecode(urllib.parse.unquote_to_bytes(text.removeprefix(_URI))) if text.startswith(_URI) else text
