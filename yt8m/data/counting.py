"""Counts the items that an epoch has: records, those that a fold leaves, or rated segments.

Local files are counted by the headers of their records. Files that are compressed or lie behind a network can be counted only by
reading them whole, so of many of them some are read, and the sizes of the others tell about how many items they hold.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import NamedTuple

from yt8m.data.access.file_access import file_size
from yt8m.data.endings import with_remedy
from yt8m.data.engine.files import StreamedFile, open_records
from yt8m.data.engine.stream import items_of
from yt8m.data.record_counts import RecordCounts
from yt8m.data.source import Source
from yt8m.errors import InputError, RecordError
from yt8m.progress import SILENT, Progress

_MOST_READ = 4
"""Files to read whole, of those that are not counted by headers."""
_THREADS = 16


class Total(NamedTuple):
    """The number of items of all files."""

    number: int
    num_estimated: int
    """Number of files that the number is estimated for; 0 = it is exact."""


def count_items(source: Source, progress: Progress = SILENT) -> Total:
    """Counts the items of a source's files.

    Args:
        source: the files.
        progress: gets a line if it takes more than a second.

    Raises:
        InputError, RecordError: a file cannot be read or is damaged, or all files together hold no item.
    """
    items, files = items_of(source), range(len(source.files))
    streamed = [file for file in files if isinstance(open_records(source.files[file], source.level), StreamedFile)]
    local = [file for file in files if file not in set(streamed)]
    numbers = local_numbers(source, items, local, "for the length of the training", progress)
    read = _spread(streamed)
    others = [file for file in streamed if file not in read]
    if streamed:
        what = f"the files that can be counted only by reading them: {len(read)} of {len(streamed)}"
        progress.message(f"{source.files[streamed[0]]} ...: reading {what}")
    found = [_read(items, file) for file in read]
    total = sum(chain(numbers, found)) + _estimate(source, read, found, others)
    if not total:
        raise InputError(f"{source.files[0]} ...: the training files hold {nothing(source)}")
    return Total(total, len(others))


def nothing(source: Source) -> str:
    """Returns words for a source without items."""
    return (
        f"no {'rated segment' if source.level == 'segment' else 'record'}{' outside the fold' if source.fold else ''}"
    )


def local_numbers(
    source: Source, items: Callable, files: Sequence[int], purpose: str, progress: Progress = SILENT
) -> list[int]:
    """The number of items of each of some local files that are not compressed.

    Args:
        source: the files.
        items: its items.
        files: their places in the source.
        purpose: what they are counted for, as for `RecordCounts.numbers`.
        progress: gets a line if it takes more than a second.

    Raises:
        InputError, RecordError: a file cannot be read or is damaged.
    """
    numbers = RecordCounts(source, progress).numbers(items, files, purpose)
    if numbers is not None:
        return numbers
    try:  # reading says what is damaged
        return [_read(items, file) for file in files]
    except RecordError as error:
        raise with_remedy(error, can_skip=True) from error


def _read(items: Callable, file: int) -> int:
    return sum(map(len, items(file, 0)))


def _spread(files: Sequence[int]) -> list[int]:
    """Returns at most `_MOST_READ` files, from the middles of equal parts."""
    if len(files) <= _MOST_READ:
        return list(files)
    return [files[len(files) * (2 * part + 1) // (2 * _MOST_READ)] for part in range(_MOST_READ)]


def _estimate(source: Source, read: Sequence[int], found: Sequence[int], others: Sequence[int]) -> int:
    """Returns about how many items some files hold, from those that were read.

    A byte holds as many items as in the files that were read. If a server does not tell sizes, a file does.
    """
    if not others:
        return 0
    with ThreadPoolExecutor(_THREADS) as threads:
        sizes = list(threads.map(lambda file: file_size(source.files[file]), [*read, *others]))
    if any(size is None for size in sizes) or not sum(sizes[: len(read)]):
        sizes = [1] * len(sizes)
    return round(sum(sizes[len(read) :]) * sum(found) / sum(sizes[: len(read)]))
