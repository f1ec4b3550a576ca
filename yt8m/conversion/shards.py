"""Assigns the records of files to new files."""

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from yt8m.conversion.parquet import MAGIC, count_rows
from yt8m.data.compression import plain_name
from yt8m.data.endings import broken_end
from yt8m.data.file_access import errors_of, open_file
from yt8m.data.records import EMPTY, read_offsets
from yt8m.data.sources import SPLITS, describe_error, scheme
from yt8m.errors import InputError, RecordError


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


@dataclass(frozen=True)
class Shard:
    """A file to write."""

    name: str
    """The file's name without the ending."""
    parts: tuple[Part, ...]


def is_parquet(path: str) -> bool:
    """Whether a file begins like a Parquet file. Raises RecordError if it cannot be read, or is empty."""
    try:
        with open_file(path) as file:
            start = file.read(len(MAGIC))
    except errors_of(path) as error:
        raise RecordError(path, None, f"cannot be read ({describe_error(error)})") from error
    if not start:
        raise RecordError(path, None, EMPTY)
    return start == MAGIC


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


def evenly(files: Sequence[str], num_shards: int | None, records_per_shard: int | None, parquet: bool) -> list[Shard]:
    """Divides the records of all files, in their order, into new files of equal size.

    Args:
        files: TFRecord files, or Parquet files if `parquet`.
        num_shards: number of new files, or None. Their numbers of records differ by one at most.
        records_per_shard: records in each new file but the last, if `num_shards` is None.

    Raises:
        InputError, RecordError: there are fewer records than new files, or a file is broken.
    """
    count = sum(1 for _ in _places(files, parquet))
    if num_shards is None:
        assert records_per_shard is not None
        bounds = [*range(0, count, records_per_shard), count]
    else:
        if num_shards > count:
            raise InputError(f"--num-shards is {num_shards}; it must be {count} at most, the number of records")
        bounds = [number * count // num_shards for number in range(num_shards + 1)]
    shards: list[list[Part]] = [[] for _ in bounds[1:]]
    number = 0
    for place, record in enumerate(_places(files, parquet)):
        number += place == bounds[number + 1]
        parts = shards[number]
        if parts and parts[-1].path == record.path:
            parts[-1] = dataclasses.replace(parts[-1], count=parts[-1].count + 1)
        else:
            parts.append(record)
    prefix = _prefix(files)
    return [Shard(f"{prefix}{number:04d}", tuple(parts)) for number, parts in enumerate(shards)]


def _places(files: Sequence[str], parquet: bool) -> Iterator[Part]:
    """All records, each a part of its own."""
    for path in files:
        if parquet:
            yield from (Part(path, index, count=1) for index in range(count_rows(path)))
            continue
        *offsets, _ = read_offsets(path)
        yield from (Part(path, index, offset, count=1) for index, offset in enumerate(offsets))


def _prefix(files: Sequence[str]) -> str:
    """The split in the files' names, by which `--data.root` finds them; `records` if there is none."""
    found = {match[0] if (match := re.search("|".join(SPLITS), os.path.basename(path))) else "" for path in files}
    return found.pop() if len(found) == 1 and "" not in found else "records"
