"""Labels of videos with probabilities, as a whole and over time, which `yt8m label --csv` writes."""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass

from yt8m.data.tables.text import Purpose, is_count, number_in, read_table, write_table

TIMED_LABELS_FILE = "labels-over-time.csv"
"""The usual name, which `yt8m browse` looks for."""
_COLUMNS = ("video", "start", "end", "class", "name", "probability")
_PURPOSE = Purpose(
    unreadable="cannot be read as labels over time",
    another="make it with yt8m label --csv",
    mend="mend the file, or make it with yt8m label --csv",
    encoding_errors="surrogateescape",  # an id in a record may be any bytes
)


@dataclass(frozen=True)
class TimedLabel:
    """A label of a video, or of a window of it. Times are seconds from the video's own start."""

    video: str
    """The id. Bytes that are not UTF-8 are surrogates (`os.fsdecode`)."""
    start: float | None
    """None for a label of the whole video."""
    end: float | None
    class_id: int
    name: str
    probability: float
    """From 0 to 1."""


def write_timed_labels(labels: Iterable[TimedLabel]) -> bytes:
    """Makes the content of the file. Start and end of a label of the whole video are empty."""
    rows = [(each.video, each.start, each.end, each.class_id, each.name, round(each.probability, 6)) for each in labels]
    return write_table({column: [row[place] for row in rows] for place, column in enumerate(_COLUMNS)})


def read_timed_labels(path: str | os.PathLike) -> list[TimedLabel]:
    """Reads the file, in the order of its rows. Other columns do not matter.

    Raises:
        InputError: the file cannot be read, lacks a column, or has a row with an empty video, a time, class or probability that
            is none, only one of start and end, or an end that is not after the start.
    """
    table = read_table(path, _PURPOSE)
    rows = table.select(_COLUMNS)
    times = {name: rows[name].map(number_in, na_action="ignore") for name in ("start", "end")}
    probability = rows["probability"].map(_probability, na_action="ignore")
    whole = (rows["start"] == "") & (rows["end"] == "")
    table.refuse(
        [
            table.too_long(),
            table.too_short(_COLUMNS),
            (rows["video"] == "", lambda row: "the video is empty"),
            *(
                (values.isna() & ~whole, table.not_a(name, "a time in seconds, or empty with the other one"))
                for name, values in times.items()
            ),
            (times["end"] <= times["start"], lambda row: "the label ends before it begins"),
            (~rows["class"].map(is_count, na_action="ignore").eq(True), table.not_a("class", "a class id")),
            (probability.isna(), table.not_a("probability", "a number from 0 to 1")),
        ]
    )
    columns = (
        rows["video"].tolist(),
        *([None if math.isnan(value) else value for value in times[name].tolist()] for name in ("start", "end")),
        map(int, rows["class"].tolist()),
        rows["name"].tolist(),
        probability.tolist(),
    )
    return [TimedLabel(*row) for row in zip(*columns, strict=True)]


def _probability(text: str) -> float:
    return number_in(text, 1.0)
