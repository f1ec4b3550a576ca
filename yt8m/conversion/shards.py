"""Which records of which files go to which new file."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from yt8m.conversion.parquet import MAGIC, count_rows
from yt8m.data.endings import broken_end
from yt8m.data.records import EMPTY, open_file, read_offsets
from yt8m.data.sources import SPLITS, describe_error, scheme
from yt8m.errors import InputError, RecordError


@dataclass(frozen=True)
class Part:
    """Some records of a file, one after the other."""

    path: str
    first: int = 0
    """Number of the first one."""
    offset: int = 0
    """Byte of the file at which that begins; 0 in a Parquet file."""
    count: int | None = None
    """None = to the end of the file."""


@dataclass(frozen=True)
class Shard:
    """A file to be written."""

    name: str
    """Without the ending."""
    parts: tuple[Part, ...]


def is_parquet(path: str) -> bool:
    """Whether a file begins as Parquet files do. Raises RecordError if it cannot be read, or is empty."""
    try:
        with open_file(path) as file:
            start = file.read(len(MAGIC))
    except OSError as error:
        raise RecordError(path, None, f"cannot be read ({error.strerror})") from error
    except tf.errors.OpError as error:
        raise RecordError(path, None, f"cannot be read ({describe_error(error)})") from error
    if not start:
        raise RecordError(path, None, EMPTY)
    return start == MAGIC


def refuse_broken_ends(files: Sequence[str]) -> None:
    """Raises RecordError for a local TFRecord file that is cut off, before the work starts."""
    for path in files:
        broken = None if scheme(path) else broken_end(path)
        if broken:
            raise broken.as_error(path)


def one_each(files: Sequence[str]) -> list[Shard]:
    """A new file for each file, under its name. Raises InputError if two have the same name."""
    names = [Path(path).stem for path in files]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice:
        first, second, *_ = (path for path, name in zip(files, names, strict=True) if name == twice)
        raise InputError(f"{first} and {second} have the same name; give --num-shards, or convert them one by one")
    return [Shard(name, (Part(path),)) for name, path in zip(names, files, strict=True)]


def evenly(files: Sequence[str], num_shards: int | None, records_per_shard: int | None, parquet: bool) -> list[Shard]:
    """So many new files, or of so many records each, with the records of all files in their order.

    Args:
        files: of which kind `parquet` says.
        num_shards: new files, whose numbers of records differ by one at most; or None.
        records_per_shard: of each new file but the last; used without `num_shards`.

    Raises:
        InputError, RecordError: there are fewer records than new files; a file is broken.
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
    for place, (path, index, offset) in enumerate(_places(files, parquet)):
        number += place == bounds[number + 1]
        parts = shards[number]
        if parts and parts[-1].path == path:
            parts[-1] = Part(path, parts[-1].first, parts[-1].offset, parts[-1].count + 1)
        else:
            parts.append(Part(path, index, offset, 1))
    prefix = _prefix(files)
    return [Shard(f"{prefix}{number:04d}", tuple(parts)) for number, parts in enumerate(shards)]


def _places(files: Sequence[str], parquet: bool) -> Iterator[tuple[str, int, int]]:
    """All records: file, number, and the byte at which it begins."""
    for path in files:
        if parquet:
            yield from ((path, index, 0) for index in range(count_rows(path)))
            continue
        *offsets, _ = read_offsets(path)
        yield from ((path, index, offset) for index, offset in enumerate(offsets))


def _prefix(files: Sequence[str]) -> str:
    """The split in the files' names, by which `--data.root` finds them; `records` if they have none."""
    found = {match[0] if (match := re.search("|".join(SPLITS), os.path.basename(path))) else "" for path in files}
    return found.pop() if len(found) == 1 and "" not in found else "records"
