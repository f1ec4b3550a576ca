"""The files of an index: each part holds some videos, is written once, and never changes.

A part `NAME` is three files: `NAME.videos.f32` and `NAME.moments.f32`, rows of float32 without a header, and `NAME.npz`, a
`yt8m.searching.tables.Table`. D = values of a vector.
"""

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from yt8m.errors import InputError
from yt8m.files import remove_all, unwritable
from yt8m.searching.tables import Labels, Table, Texts, joined, packed, read_table
from yt8m.searching.vectors import Vectors

KINDS = ("videos", "moments")
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Item:
    """A video to be added."""

    video_id: str
    vectors: Vectors
    seconds: float = 0.0
    """How long it is; 0 if unknown."""
    path: str = ""
    """The file of a video of one's own."""
    labels: Sequence[tuple[int, float]] = ()
    """Classes with weights from 0 to 1."""
    moment_labels: Sequence[Sequence[tuple[int, float]]] = ()
    """The same for each moment; empty if there are none for moments."""


class Part:
    """A part of an index.

    Args:
        directory: the directory of the index.
        entry: what the index says of the part: `name`, `videos`, `moments` (numbers of rows).
        size: D.

    Attributes:
        rows: by kind, float32 [rows, D], read when they are looked at.
        table: what is known of its videos and moments.

    Raises:
        InputError: a file is damaged, or has another size than the index says.
        FileNotFoundError: a file is missing.
    """

    def __init__(self, directory: Path, entry: Mapping[str, Any], size: int):
        path = directory / f"{entry['name']}.npz"
        self.entry = dict(entry)
        self.rows = {kind: _mapped(directory / f"{entry['name']}.{kind}.f32", entry[kind], size) for kind in KINDS}
        # Not later: another process may remove the files of an index that it changes, once they are open here.
        self.table = read_table(path)
        if (len(self.table.ids), len(self.table.videos)) != tuple(entry[kind] for kind in KINDS):
            raise InputError(f"{path}: belongs to another index; remove the index, and make it anew with --add")


def _mapped(path: Path, count: int, size: int) -> np.ndarray:
    """Rows of a file, float32 [count, D], read when they are looked at."""
    found, wanted = path.stat().st_size, 4 * count * size
    if found != wanted:
        raise InputError(
            f"{path}: has {found:,} bytes and should have {wanted:,}; remove the index, and make it anew with --add"
        )
    return np.memmap(path, "<f4", "r", shape=(count, size)) if count else np.empty((0, size), np.float32)


@contextlib.contextmanager
def new_part(directory: Path) -> Iterator["PartWriter"]:
    """Writes a part in the `with` block, and removes it if the block fails.

    Raises:
        InputError: it cannot be written.
    """
    writer = None
    try:
        writer = PartWriter(directory)
        yield writer
        writer.close()
    except BaseException as error:
        if writer is not None:
            with contextlib.suppress(OSError):  # closing writes the buffers, which may be what failed
                writer.close()
            remove_all(paths_of(directory, writer.name))
        if isinstance(error, OSError):
            raise unwritable(directory, error) from error
        raise


def paths_of(directory: Path, name: str) -> list[Path]:
    """The files of a part."""
    return [directory / f"{name}.{ending}" for ending in ("videos.f32", "moments.f32", "npz")]


class PartWriter:
    """Writes a part, one video after the other. See `new_part`."""

    def __init__(self, directory: Path):
        self.name = f"part-{secrets.token_hex(8)}"
        self._directory = directory
        self._counts = dict.fromkeys(KINDS, 0)
        self._items: list[Item] = []
        self._open = contextlib.ExitStack()
        self._files: dict[str, BinaryIO] = {
            kind: self._open.enter_context((directory / f"{self.name}.{kind}.f32").open("wb")) for kind in KINDS
        }

    def close(self) -> None:
        """Closes the files."""
        self._open.close()

    def _write(self, kind: str, rows: np.ndarray) -> None:
        self._files[kind].write(np.ascontiguousarray(rows, "<f4").data)
        self._counts[kind] += len(rows)

    def add(self, item: Item) -> None:
        """Adds a video."""
        self._write("videos", item.vectors.video[None])
        self._write("moments", item.vectors.moments)
        # The vectors are on the disk now, and need no memory.
        none = np.empty((0, 0), np.float32)
        self._items.append(
            Item(
                item.video_id,
                Vectors(none, none, item.vectors.starts, item.vectors.ends),
                item.seconds,
                item.path,
                item.labels,
                item.moment_labels,
            )
        )

    def finish(self) -> dict[str, Any]:
        """Completes the part with the videos that were added: its entry in the index."""
        return self._finish(_table_of(self._items))

    def _finish(self, table: Table) -> dict[str, Any]:
        (self._directory / f"{self.name}.npz").write_bytes(packed(table))
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())
        return {"name": self.name, **self._counts}

    def copy(self, parts: Sequence[Part], keep: Sequence[np.ndarray]) -> dict[str, Any]:
        """Completes the part with videos of others: its entry in the index.

        Args:
            parts: the others.
            keep: a mask of the videos of each, bool [V].
        """
        for part, mask in zip(parts, keep, strict=True):
            for kind, wanted in (("videos", mask), ("moments", mask[part.table.videos])):
                places = np.flatnonzero(wanted)
                for first in range(0, len(places), _ROWS_AT_ONCE):
                    self._write(kind, part.rows[kind][places[first : first + _ROWS_AT_ONCE]])
        return self._finish(joined([part.table.take(mask) for part, mask in zip(parts, keep, strict=True)]))


def _table_of(items: Sequence[Item]) -> Table:
    counts = [len(each.vectors.starts) for each in items]
    none = np.empty(0, np.float32)
    moment_labels = [
        pairs for item, count in zip(items, counts, strict=True) for pairs in (item.moment_labels or [()] * count)
    ]
    return Table(
        ids=Texts.of([each.video_id for each in items]),
        paths=Texts.of([each.path for each in items]),
        seconds=np.array([each.seconds for each in items], np.float32),
        labels=_labels_of([each.labels for each in items]),
        videos=np.repeat(np.arange(len(items), dtype=np.int64), counts),
        starts=np.concatenate([none, *(each.vectors.starts for each in items)]),
        ends=np.concatenate([none, *(each.vectors.ends for each in items)]),
        moment_labels=_labels_of(moment_labels),
    )


def _labels_of(lists: Sequence[Sequence[tuple[int, float]]]) -> Labels:
    return Labels.of([([label for label, _ in pairs], [weight for _, weight in pairs]) for pairs in lists])
