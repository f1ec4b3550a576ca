"""Reads the ids back from a page of `yt8m browse`, so that others can link to its videos."""

import json
import os
import re
from pathlib import Path

from yt8m.errors import InputError

_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def shown(text: str) -> str:
    """Text that may have bytes that are not UTF-8, for people."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


def ids_on(path: str | os.PathLike) -> set[str]:
    """The ids of the videos on a page, as they are shown there.

    Raises:
        InputError: the file cannot be read, or is no page of `yt8m browse`.
    """
    try:
        text = Path(path).read_text(errors="replace")
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: {error.strerror or error}; name a page of yt8m browse") from None
    found = _DATA.search(text)
    if found:
        return {each["id"] for each in json.loads(found[1])}
    raise InputError(f"{os.fspath(path)}: is no page of yt8m browse; make one with yt8m browse DIR --out FILE.html")
