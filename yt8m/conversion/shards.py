"""Assigns the records of files to new files."""

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from yt8m.data.access.compression import plain_name
from yt8m.data.endings import broken_end
from yt8m.data.sources import SPLITS, scheme
from yt8m.errors import InputError


@dataclass(frozen=True)
class Part:
    """Consecutive records of a file."""

    path: str
    first: int = 0
    """The number of the first record."""
    offset: int = 0
    """The byte of the file where it begins; 0 in a Parquet file."""
    count: int | None = None
    """Number of records; None = to the end of the file."""
    others: tuple[str, ...] = ()
    """Further files of the same record: one for each of its further features."""

    @property
    def paths(self) -> tuple[str, ...]:
        """All files of the records."""
        return (self.path, *self.others)


@dataclass(frozen=True)
class Shard:
    """A file to write."""

    name: str
    """The file's name without the ending."""
    parts: tuple[Part, ...]


def refuse_broken_ends(files: Sequence[str]) -> None:
    """Raises RecordError if a local TFRecord file is cut off. Call it before the work."""
    for path in files:
        broken = None if scheme(path) else broken_end(path)
        if broken:
            raise broken.as_error(path)


def one_each(files: Sequence[str]) -> list[Shard]:
    """One new file for each file, with the same name. Raises InputError if two have the same name."""
    names = [Path(plain_name(path)).stem for path in files]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice:
        first, second, *_ = (path for path, name in zip(files, names, strict=True) if name == twice)
        raise InputError(f"{first} and {second} have the same name; give --num-shards, or convert them one by one")
    return [Shard(name, (Part(path),)) for name, path in zip(names, files, strict=True)]


def evenly(
    places: Callable[[], Iterable[Part]], num_shards: int | None, records_per_shard: int | None, prefix: str
) -> list[Shard]:
    """Divides records, in their order, into new files of equal size.

    Args:
        places: gives all records, each a part of its own. It is called twice.
        num_shards: number of new files, or None. Their numbers of records differ by one at most.
        records_per_shard: records in each new file but the last, if `num_shards` is None.
        prefix: how the names of the new files begin.

    Raises:
        InputError, RecordError: there are fewer records than new files, or a file is broken.
    """
    count = sum(1 for _ in places())
    if num_shards is None:
        assert records_per_shard is not None
        bounds = [*range(0, count, records_per_shard), count]
    else:
        if num_shards > count:
            raise InputError(f"--num-shards is {num_shards}; it must be {count} at most, the number of records")
        bounds = [number * count // num_shards for number in range(num_shards + 1)]
    shards: list[list[Part]] = [[] for _ in bounds[1:]]
    number = 0
    for place, record in enumerate(places()):
        number += place == bounds[number + 1]
        parts = shards[number]
        if parts and parts[-1].path == record.path:
            parts[-1] = dataclasses.replace(parts[-1], count=parts[-1].count + 1)
        else:
            parts.append(record)
    return [Shard(f"{prefix}{number:04d}", tuple(parts)) for number, parts in enumerate(shards)]


def split_in(names: Sequence[str]) -> str:
    """The split that all these names have, by which `--data.root` finds the files; `records` if there is none."""
    found = {match[0] if (match := re.search("|".join(SPLITS), os.path.basename(name))) else "" for name in names}
    return found.pop() if len(found) == 1 and "" not in found else "records"
