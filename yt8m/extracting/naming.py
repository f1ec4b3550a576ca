"""Ids of videos.

By default a video has the name of its file as id, made safe: whoever meets the id in a prediction, or types it for a search,
knows which video it is. Ids of four characters, as YouTube-8M's are, say nothing; they suit programs that count on four.

An id is given once. `videos.csv` keeps it, so videos that are added later change no other's id.

No id has the form of YouTube-8M's own ids, four letters and digits: nobody asks for the address of a video of one's own by
mistake, and links it to another.
"""

import hashlib
import itertools
import os
import string
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from types import MappingProxyType
from typing import Literal

from yt8m.data.extraction import FileState
from yt8m.data.ids import PUBLISHED, file_name_of
from yt8m.data.tables.videos import VideoRow
from yt8m.errors import InputError

Naming = Literal["name", "short"]
"""`name`: the file's name without its ending, made safe. `short`: `_` and three letters and digits."""

_LONGEST = 120
"""Bytes of an id made of a name, without what tells it from others. Names of files with more for each frame stay possible."""

_SHORT_LENGTH = 3
_CHARACTERS = string.ascii_lowercase + string.ascii_uppercase + string.digits
_MOST_SHORT = 200_000
"""Of the 238 328 short ids there are. The last ones would be found late."""

_NO_ROWS: Mapping[str, VideoRow] = MappingProxyType({})
_NO_STATES: Mapping[str, FileState] = MappingProxyType({})


def ids_of(
    paths: Sequence[str],
    naming: Naming = "name",
    rows: Mapping[str, VideoRow] = _NO_ROWS,
    states: Mapping[str, FileState] = _NO_STATES,
) -> dict[str, str]:
    """The ids of videos, by path.

    A file that a table knows keeps its id, whichever links lead to it. So does a file that was moved: one with the name and the
    size of a file that is gone. All others get new ids.

    Args:
        paths: absolute paths of the video files, each of another file.
        naming: the kind of new ids.
        rows: the table of videos, by id.
        states: the files as they were when the table was made, by id.
    """
    known = {os.path.realpath(row.path): row.id for row in rows.values()}
    lost = {
        (os.path.basename(row.path), states[row.id].bytes): row.id
        for row in rows.values()
        if row.id in states and not os.path.exists(row.path)
    }
    ids = {}
    for path in paths:
        found = known.get(os.path.realpath(path)) or lost.pop((os.path.basename(path), _size_of(path)), None)
        if found is not None:
            ids[path] = found
    new = [path for path in paths if path not in ids]
    ids |= dict(zip(new, give_ids(new, naming, rows), strict=True))
    return {path: ids[path] for path in paths}


def _size_of(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def give_ids(paths: Sequence[str], naming: Naming, taken: Collection[str] = ()) -> list[str]:
    """Ids for videos, each another one.

    Two files of one name get their directory's name before it, `cats_01` and `dogs_01`, or else a number after it.

    Args:
        paths: absolute paths of the video files.
        naming: the kind of ids.
        taken: ids of other videos.

    Raises:
        InputError: there are too many videos for short ids.
    """
    if naming == "short" and len(paths) + len(taken) > _MOST_SHORT:
        raise InputError(f"--ids short is for up to {_MOST_SHORT:,} videos; leave it out, and ids are names of files")
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
    name = safe_name(os.path.splitext(os.path.basename(path))[0])
    return f"{name}_" if PUBLISHED.fullmatch(name) else name


def _short_ids(path: str) -> Iterator[str]:
    """`_` and three characters of digests of the file's name: a file has the same id wherever it lies, but for clashes."""
    name = os.fsencode(os.path.basename(path))
    for attempt in itertools.count():
        number = int.from_bytes(hashlib.sha256(name + b"\0" * attempt).digest(), "big")
        characters = []
        for _ in range(_SHORT_LENGTH):
            number, place = divmod(number, len(_CHARACTERS))
            characters.append(_CHARACTERS[place])
        yield f"_{''.join(characters)}"
