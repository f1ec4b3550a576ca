"""Tells which video ids a submission can hold: one rule for both tasks, for writing and for reading."""

import hashlib
import os
import re
import urllib.parse
from collections.abc import Iterable

from yt8m.errors import InputError
from yt8m.metrics.inputs import id_text

LONGEST_ID = 255
"""Bytes of an id in UTF-8."""

RULE = "an id has no comma, colon, space, quote or control character"

_LONGEST_FILE_NAME = 180
"""Characters of an id in a file's name. File systems take 255 bytes, and a file has a longer name while it is written."""

UNFIT = re.compile('[\\s,:"\x00-\x1f\x7f-\x9f\ufeff\ud800-\udfff]')
"""Characters that separate columns, segments or lines, or that CSV readers take for something else."""

PUBLISHED = re.compile("[A-Za-z0-9]{4}")
"""The form of the ids of YouTube-8M's records."""

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


def unique_file_name(video_id: str) -> str:
    """A name for the files of one video among those of others: its id, with what no file name may have as in addresses.

    `a/b` becomes `a%2Fb`. Different ids have different names.

    Args:
        video_id: bytes that are not UTF-8 are surrogates (`os.fsdecode`).
    """
    name = urllib.parse.quote(os.fsencode(video_id), safe=" ")
    if name.startswith("."):  # it would hide the file
        name = f"%2E{name[1:]}"
    if len(name) > _LONGEST_FILE_NAME:
        name = f"{name[:_LONGEST_FILE_NAME]}-{hashlib.sha256(os.fsencode(video_id)).hexdigest()[:16]}"
    return name


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
