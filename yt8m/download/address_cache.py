"""Keeps the YouTube addresses of ids in a file, so that the server is asked for each id once."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from yt8m.errors import InputError
from yt8m.files import make_directory

_FILE = "addresses.sqlite"
_VERSION = 1
_IDS_A_QUERY = 500
_SECONDS_TO_WAIT = 30.0
"""For another process that writes to the same file."""


def cache_directory() -> Path:
    """The folder of this program in the user's cache: `$XDG_CACHE_HOME/yt8m`, or else `~/.cache/yt8m`.

    Raises:
        InputError: the user has no home directory.
    """
    place = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(place):  # the specification of these variables has relative paths ignored
        return Path(place, "yt8m")
    try:
        return Path.home() / ".cache" / "yt8m"
    except RuntimeError as error:
        raise InputError(
            f"there is no home directory for the cache ({error}); name a directory with --cache"
        ) from error


class AddressCache:
    """The answers of the data set's lookup, in an SQLite file. Several processes may use it at once.

    Args:
        directory: the folder of the file; it is made if missing. None = `cache_directory()`.

    Raises:
        InputError: the file cannot be opened or made, is damaged, or is of another version.
    """

    def __init__(self, directory: str | os.PathLike | None = None):
        folder = cache_directory() if directory is None else Path(directory)
        make_directory(folder)
        self._path = folder / _FILE
        with self._errors():
            self._connection = sqlite3.connect(self._path, timeout=_SECONDS_TO_WAIT, isolation_level=None)
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _VERSION):
                raise InputError(f"{self._path}: is of version {version}, this program reads {_VERSION}; {_WAY_OUT}")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS addresses (id TEXT PRIMARY KEY, youtube_id TEXT, asked REAL) WITHOUT ROWID"
            )
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")

    def __enter__(self) -> "AddressCache":
        return self

    def __exit__(self, *_) -> None:
        self._connection.close()

    def known(self, ids: Iterable[str]) -> dict[str, str | None]:
        """The YouTube ids of those ids that were asked for; None for one that is gone."""
        with self._errors():
            return _known(self._connection, ids)

    def add(self, video_id: str, youtube_id: str | None) -> None:
        """Keeps one answer, at once and for good. None says that the video is gone."""
        with self._errors():
            self._connection.execute(
                "INSERT OR REPLACE INTO addresses VALUES (?, ?, ?)", (video_id, youtube_id, time.time())
            )

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise InputError(f"{self._path}: the cache of addresses cannot be used ({error}); {_WAY_OUT}") from error


_WAY_OUT = "remove it, or name another directory with --cache"


def kept_answers(ids: Iterable[str], directory: str | os.PathLike | None = None) -> dict[str, str | None]:
    """What a cache knows of ids, as `AddressCache.known`. It makes no file, and a cache that cannot be read knows nothing."""
    with contextlib.suppress(sqlite3.Error, InputError, OSError):
        path = (cache_directory() if directory is None else Path(directory)) / _FILE
        if path.is_file():
            address = f"{path.absolute().as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(address, timeout=1.0, uri=True)) as connection:
                return _known(connection, ids)
    return {}


def _known(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    wanted = iter(ids)
    while some := list(islice(wanted, _IDS_A_QUERY)):
        places = ", ".join("?" * len(some))
        found |= connection.execute(f"SELECT id, youtube_id FROM addresses WHERE id IN ({places})", some).fetchall()
    return found
