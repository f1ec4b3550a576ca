"""Ids of videos.

By default a video has the name of its file as id, made safe: whoever meets the id in a prediction, or types it for a search,
knows which video it is. Ids of four characters, as YouTube-8M's are, say nothing; they suit programs that count on four.

An id is given once. `videos.csv` keeps it, so videos that are added later change no other's id.
"""

import hashlib
import itertools
import os
import string
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Literal

from yt8m.data.ids import file_name_of

Naming = Literal["name", "short"]
"""`name`: the file's name without its ending, made safe. `short`: four letters and digits."""

_LONGEST = 120
"""Bytes of an id made of a name, without what tells it from others. Names of files with more for each frame stay possible."""

_SHORT_LENGTH = 4
_CHARACTERS = string.ascii_lowercase + string.ascii_uppercase + string.digits


def give_ids(paths: Sequence[str], naming: Naming, taken: Collection[str] = ()) -> list[str]:
    """Ids for videos, each another one.

    Two files of one name get their directory's name before it, `cats_01` and `dogs_01`, or else a number after it.

    Args:
        paths: absolute paths of the video files.
        naming: the kind of ids.
        taken: ids of other videos.
    """
    choices = _short_ids if naming == "short" else _names_among(paths, taken)
    given: set[str] = set(taken)
    ids = []
    for path in paths:
        video_id = next(each for each in choices(path) if each not in given)
        given.add(video_id)
        ids.append(video_id)
    return ids


def safe_name(name: str) -> str:
    """A name as an id: in Unicode's composed form, with `_` for what ids, file names or commands take for something else.

    These are spaces, commas, colons, quotes, slashes, control characters, bytes that are not UTF-8, `@`, which separates an id
    from seconds, and a dot or a dash at the start. Long names are cut.
    """
    safe = file_name_of(unicodedata.normalize("NFC", name).replace("@", "_"))
    safe = f"_{safe[1:]}" if safe.startswith("-") else safe
    return safe.encode()[:_LONGEST].decode(errors="ignore") or "_"


def _names_among(paths: Iterable[str], taken: Collection[str]) -> Callable[[str], Iterator[str]]:
    """The names that a path can have as id, best first, given the other paths."""
    seen, repeated = set(), set(taken)
    for path in paths:
        name = _stem(path)
        (repeated if name in seen else seen).add(name)

    def choices(path: str) -> Iterator[str]:
        name, directory = _stem(path), PurePath(path).parent.name
        if name not in repeated:
            yield name
        longer = f"{safe_name(directory)}_{name}" if directory else name
        yield longer
        yield from (f"{longer}_{number}" for number in itertools.count(2))

    return choices


def _stem(path: str) -> str:
    return safe_name(os.path.splitext(os.path.basename(path))[0])


def _short_ids(path: str) -> Iterator[str]:
    """Four characters at a time of digests of the file's name: a file has the same id wherever it lies, but for clashes."""
    name = os.fsencode(os.path.basename(path))
    for attempt in itertools.count():
        number = int.from_bytes(hashlib.sha256(name + b"\0" * attempt).digest(), "big")
        characters = []
        for _ in range(_SHORT_LENGTH):
            number, place = divmod(number, len(_CHARACTERS))
            characters.append(_CHARACTERS[place])
        yield "".join(characters)
