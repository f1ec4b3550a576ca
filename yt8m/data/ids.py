"""Which ids of videos can stand in a submission: one rule for both tasks, where one is written and where one is read."""

import re
from collections.abc import Iterable

from yt8m.errors import InputError
from yt8m.metrics.inputs import id_text

LONGEST_ID = 255
"""Bytes of an id, in UTF-8."""

RULE = "an id has no comma, colon, space, quote or control character"

UNFIT = re.compile('[\\s,:"\x00-\x1f\x7f-\x9f\ufeff\ud800-\udfff]')
"""What divides columns, segments and lines, or a reader of CSV files takes for something else."""

_NAMES = {",": "a comma", ":": "a colon", '"': "a quote", " ": "a space"}

_WAY_OUT = (
    "give the video another one (yt8m convert writes records as Parquet, and reads them back), leave it out, or keep the "
    "predictions with --store DIR and without --out, which takes any id"
)


def id_problem(video_id: str) -> str | None:
    """Why an id cannot stand in a submission, as a clause about it; None if it can."""
    if not video_id:
        return "is empty"
    found = UNFIT.search(video_id)
    if found:
        return f"has {_NAMES.get(found[0]) or f'the character {found[0]!r}'}"
    if len(video_id.encode()) > LONGEST_ID:
        return f"has more than {LONGEST_ID} bytes"
    return None


def check_submittable(ids: Iterable[str | bytes], where: str = "") -> None:
    """Raises InputError that names the first id that cannot stand in a submission, and what to do.

    Args:
        ids: of videos.
        where: what they are of, for the message; empty = unknown.
    """
    for identifier in ids:
        text = id_text(identifier)
        problem = id_problem(text)
        if problem:
            place = f"{where}: " if where else ""
            raise InputError(
                f"{place}video {text[:60]!r}: the id {problem} and cannot stand in a submission; {_WAY_OUT}"
            )
