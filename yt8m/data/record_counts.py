"""The number of items of each file of a source: told by an index, learned by reading, or counted where that is cheap.

With these numbers a stream goes on anywhere without reading what comes before (`yt8m.data.engine.order`). Items are records; with
a fold, the records that it leaves; rated segments, if segments are read.
"""

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple, TypeVar

from yt8m.data.access.file_access import errors_of
from yt8m.data.engine.files import open_records
from yt8m.data.engine.records import LocalFile
from yt8m.data.folds import index_version
from yt8m.data.identity import identify
from yt8m.data.schema import IndexedFold
from yt8m.data.source import Source
from yt8m.data.sources import scheme
from yt8m.errors import InputError, RecordError, quantity
from yt8m.files import read_json, write_json
from yt8m.progress import SILENT, Progress

T = TypeVar("T")
Items = Callable[[int, int], Iterable[list[T]]]
"""Takes the number of a file and a position; gives the file's items from that position on, in runs of any length."""

_THREADS = 16
"""Files that are counted, or asked about, at the same time. Most of that is waiting for a disk or a server."""
_SECONDS_IN_SILENCE = 1.0
_TO_GO_ON = "so as not to read again what was read before the stop"


class FileCount(NamedTuple):
    """The number of items of a file, as it was when they were counted."""

    identity: list[Any]
    """From `yt8m.data.identity.identify`; empty without an index."""
    number: int


class RecordCounts:
    """The numbers of items of a source's files. Files are named by their place in the source.

    A number belongs to a file as it is when its reading begins, so an index never tells the number of a file that has changed.

    Args:
        source: the files.
        progress: gets a line if counting takes more than a second.
        index: the path of an index to read and write; None = there is none, so no file is identified, which would take a
            request for each remote file.
    """

    def __init__(self, source: Source, progress: Progress = SILENT, index: str | os.PathLike | None = None):
        self._source, self._progress, self._index = source, progress, index
        self._known: dict[int, FileCount] = {}
        self._news: dict[int, FileCount] = {}
        self._changing = threading.Lock()

    def learning(self, items: Items[T]) -> Items[T]:
        """Wraps the items of the files: the number of a file's items is known once they have been read to their end."""

        def learned(file: int, first: int) -> Iterable[list[T]]:
            return items(file, first) if file in self._known else self._read_and_learn(items, file, first)

        return learned

    def _read_and_learn(self, items: Items[T], file: int, first: int) -> Iterator[list[T]]:
        identity, number = self._identity(file), first
        for run in items(file, first):
            number += len(run)
            yield run
        self._add(file, identity, number)

    def numbers(self, items: Items, files: Sequence[int], purpose: str = _TO_GO_ON) -> list[int] | None:
        """The number of items of each of some files; None if any is unknown. Counts local files that are not compressed.

        Args:
            items: the items of the files, without `learning`.
            files: the files.
            purpose: what they are counted for, for the line on counting.
        """
        unknown = [file for file in files if file not in self._known]
        if any(scheme(self._source.files[file]) for file in unknown):
            return None
        with ThreadPoolExecutor(_THREADS) as threads:
            futures = [threads.submit(self._count, items, file) for file in unknown]
            if wait(futures, _SECONDS_IN_SILENCE).not_done:
                self._progress.message(
                    f"{self._source.files[unknown[0]]} ...: counting the records of {quantity(len(unknown), 'file')}, {purpose}"
                )
            for future in futures:
                future.result()
        if any(file not in self._known for file in files):
            return None
        return [self._known[file].number for file in files]

    def _count(self, items: Items, file: int) -> None:
        """Counts a file's items, unless that would take reading it whole. What is wrong with it is said where it is read."""
        identity = self._identity(file)
        try:
            opened = open_records(self._source.files[file], "frame")
            if not isinstance(opened, LocalFile):
                return
            source = self._source
            is_every_record = source.level != "segment" and source.fold is None and source.chosen is None
            number = sum(1 for _ in opened.records()) if is_every_record else sum(map(len, items(file, 0)))
        except (RecordError, OSError):
            return
        self._add(file, identity, number)

    def _add(self, file: int, identity: list[Any] | None, number: int) -> None:
        if identity is not None:
            with self._changing:
                self._known[file] = self._news[file] = FileCount(identity, number)

    def take_news(self) -> dict[int, FileCount]:
        """The numbers that became known since the last call, by file."""
        with self._changing:
            news, self._news = self._news, {}
        return news

    def add(self, counts: dict[int, FileCount]) -> None:
        """Adds numbers that became known elsewhere."""
        with self._changing:
            self._known |= counts

    def read_index(self) -> None:
        """Takes the numbers in the index, of files that have not changed since. What cannot be used is ignored."""
        told = _read_index(self._index, self._counted)
        files = [file for file, name in enumerate(self._source.files) if _key(name) in told]
        with ThreadPoolExecutor(_THREADS) as threads:
            identities = threads.map(self._identity, files)
            found = {
                file: (told[_key(self._source.files[file])], now) for file, now in zip(files, identities, strict=True)
            }
        self.add({file: count for file, (count, now) in found.items() if count.identity == now})

    def write_index(self) -> None:
        """Writes all known numbers. Raises InputError if the index cannot be written."""
        with self._changing:
            rows = [[*count.identity, count.number] for _, count in sorted(self._known.items())]
        write_json(self._index, {"counted": self._counted, "files": rows, "digest": _digest(rows)})

    def _identity(self, file: int) -> list[Any] | None:
        """What identifies a file; empty if there is no index, None if it cannot be had."""
        path = self._source.files[file]
        try:
            return [] if self._index is None else identify([path])[0]
        except (InputError, *errors_of(path)):
            return None

    @property
    def _counted(self) -> dict[str, Any]:
        """What is counted, in plain JSON values."""
        source, fold = self._source, self._source.fold
        return {
            "items": "rated segments" if source.level == "segment" else "records",
            "fold": str(fold) if fold else "",
            "held_out": bool(fold) and source.held_out,
            "fold_version": list(index_version(fold)) if isinstance(fold, IndexedFold) else [],
        }


def _read_index(path: str | os.PathLike, counted: dict[str, Any]) -> dict[str, FileCount]:
    """The numbers in an index, by path; none of another kind of item, nor of a damaged index."""
    try:
        index = read_json(path)
    except InputError:
        return {}
    if (
        not isinstance(index, dict)
        or index.get("counted") != counted
        or index.get("digest") != _digest(index.get("files"))
    ):
        return {}
    return {path: FileCount([path, *version], number) for path, *version, number in index["files"]}


def _digest(rows: Any) -> str:
    """A wrong number would send a stream to a wrong place, unnoticed."""
    return hashlib.md5(json.dumps(rows).encode(), usedforsecurity=False).hexdigest()


def _key(path: str) -> str:
    """The path of a file in its identity."""
    return path if scheme(path) else os.path.realpath(path)
