"""Tells which video ids a submission can hold: one rule for both tasks, for writing and for reading."""

import re
from collections.abc import Iterable

from yt8m.errors import InputError
from yt8m.metrics.inputs import id_text

LONGEST_ID = 255
"""Bytes of an id in UTF-8."""

RULE = "an id has no comma, colon, space, quote or control character"

UNFIT = re.compile('[\\s,:"\x00-\x1f\x7f-\x9f\ufeff\ud800-\udfff]')
"""Characters that separate columns, segments or lines, or that CSV readers take for something else."""

_NAMES = {",": "a comma", ":": "a colon", '"': "a quote", " ": "a space"}

_WAY_OUT = (
    "give the video another one (yt8m convert writes records as Parquet, and reads them back), leave it out, or keep the "
    "predictions with --store DIR and without --out, which takes any id"
)


def safe_id(name: str) -> str:
    """The id of a video whose file has this name: characters that an id cannot have are replaced by `_`."""
    return UNFIT.sub("_", name)


def file_name_of(video_id: str) -> str:
    """A name for a file with one video: its id, with `_` for what an id or the name of a file cannot have."""
    name = re.sub(r"[/\\]", "_", safe_id(video_id))
    return f"_{name[1:]}" if name.startswith(".") else name  # a leading dot would hide the file


def id_problem(video_id: str) -> str | None:
    """Why a submission cannot hold an id, as a clause about the id; None if it can."""
    if not video_id:
        return "is empty"
    found = UNFIT.search(video_id)
    if found:
        return f"has {_NAMES.get(found[0]) or f'the character {found[0]!r}'}"
    if len(video_id.encode()) > LONGEST_ID:
        return f"has more than {LONGEST_ID} bytes"
    return None


def check_submittable(ids: Iterable[str | bytes], where: str = "") -> None:
    """Raises InputError for the first id that a submission cannot hold. The message says what to do.

    Args:
        ids: ids of videos.
        where: the source of the ids, for the message; empty = unknown.
    """
    for identifier in ids:
        text = id_text(identifier)
        problem = id_problem(text)
        if problem:
            place = f"{where}: " if where else ""
            raise InputError(
                f"{place}video {text[:60]!r}: the id {problem} and cannot stand in a submission; {_WAY_OUT}"
            )
