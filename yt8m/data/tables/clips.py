"""The clips of videos, which `yt8m clips` writes: `clips.csv`."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from yt8m.data.tables.text import Purpose, is_count, number_in, read_table, write_table

CLIPS_FILE = "clips.csv"
_COLUMNS = ("video", "start", "end", "cluster", "labels", "scene", "second")
_NUMBERS = ("start", "end", "second")
_COUNTS = ("cluster", "scene")
_BETWEEN_LABELS = "|"
_DECIMALS = 3
"""Milliseconds: a frame of 120 a second is eight of them."""
_PURPOSE = Purpose(
    unreadable="cannot be read as clips",
    another="make it with yt8m clips",
    mend="mend the file, or make it with yt8m clips",
    encoding_errors="surrogateescape",  # an id in a record may be any bytes
)


@dataclass(frozen=True)
class Clip:
    """A part of a video: a shot. All times are seconds from the video's own start."""

    video: str
    """The id. Bytes that are not UTF-8 are surrogates (`os.fsdecode`)."""
    start: float
    end: float
    """Where the next clip begins, or the video ends."""
    cluster: int
    """Clips that are alike have the same number, from 0 on, in all videos of the table. Cluster 0 has most seconds."""
    labels: tuple[str, ...]
    """Names of classes, the most probable first."""
    scene: int
    """The number of its scene in the video, from 0 on. A scene is a row of clips."""
    second: float
    """The time of the frame that shows the clip best."""


def write_clips(clips: Sequence[Clip]) -> bytes:
    """Makes the content of a `clips.csv`. Times are rounded to milliseconds; a `|` in a label becomes `/`."""
    columns = {name: [getattr(clip, name) for clip in clips] for name in _COLUMNS}
    columns |= {name: [round(float(value), _DECIMALS) for value in columns[name]] for name in _NUMBERS}
    columns["labels"] = [
        _BETWEEN_LABELS.join(label.replace(_BETWEEN_LABELS, "/") for label in labels) for labels in columns["labels"]
    ]
    return write_table(columns)


def read_clips(path: str | os.PathLike) -> list[Clip]:
    """Reads a `clips.csv`, in the order of its rows. Other columns do not matter.

    Args:
        path: the file, or its directory.

    Raises:
        InputError: the file cannot be read, lacks a column, or has a row with an empty video, a time or number that is none, or
            an end that is not after the start.
    """
    path = os.path.join(path, CLIPS_FILE) if os.path.isdir(path) else path
    table = read_table(path, _PURPOSE)
    rows = table.select(_COLUMNS)
    numbers = {name: rows[name].map(number_in, na_action="ignore") for name in _NUMBERS}
    counts = {name: rows[name].map(_count, na_action="ignore") for name in _COUNTS}
    table.refuse(
        [
            table.too_long(),
            table.too_short(_COLUMNS),
            (rows["video"] == "", lambda row: "the video is empty"),
            *((values.isna(), table.not_a(name, "a time in seconds")) for name, values in numbers.items()),
            *((values.isna(), table.not_a(name, "a whole number from 0 on")) for name, values in counts.items()),
            (numbers["end"] <= numbers["start"], lambda row: "the clip ends before it begins"),
        ]
    )
    labels = [tuple(filter(None, text.split(_BETWEEN_LABELS))) for text in rows["labels"]]
    columns = {"video": rows["video"].tolist(), "labels": labels}
    columns |= {name: values.tolist() for name, values in (numbers | counts).items()}
    return [Clip(*row) for row in zip(*(columns[name] for name in _COLUMNS), strict=True)]


def _count(text: str) -> int | None:
    return int(text) if is_count(text) else None
