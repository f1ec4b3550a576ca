"""Draws a fixed part of the records of some files, by a seed."""

import dataclasses
import itertools

import numpy as np

from yt8m.data.counting import local_numbers
from yt8m.data.engine.files import StreamedFile, open_records
from yt8m.data.engine.stream import records_of
from yt8m.data.source import Source
from yt8m.progress import SILENT, Progress

_FILES_AT_ONCE = 64
"""Files to draw from, if they hold enough. From a whole data set, a few videos of each file would take a pass over all files."""


def subset_of(source: Source, number: int, seed: int, progress: Progress = SILENT) -> Source:
    """Returns a source with some of the videos, the same ones for the same files and seed.

    The files are drawn first, in groups, until they hold enough. Of local files every video is then as likely as another.
    A file that is compressed or lies behind a network is taken from its beginning, so that it need not be read whole.

    Args:
        source: the videos; with a fold, those that it leaves. Of rated segments, all segments of a video are in or out.
        number: number of videos. If there are fewer, the source stays as it is.
        seed: 0 or more.
        progress: gets a line if counting takes more than a second.

    Raises:
        InputError, RecordError: a file cannot be read or is damaged.
    """
    random = np.random.default_rng((seed, number))
    files = [int(file) for file in random.permutation(len(source.files))]
    whole = dataclasses.replace(source, level="frame") if source.level == "segment" else source  # counts videos
    counts: dict[int, int] = {}
    while files and sum(counts.values()) < number:
        group, files = files[:_FILES_AT_ONCE], files[_FILES_AT_ONCE:]
        counts |= _count(whole, group, number - sum(counts.values()), SILENT if counts else progress)
    if sum(counts.values()) <= number and not files:
        return source
    chosen = _draw(counts, number, random)
    kept = [file for file in sorted(chosen) if chosen[file]]
    return dataclasses.replace(
        source,
        files=tuple(source.files[file] for file in kept),
        chosen=tuple(frozenset(chosen[file]) for file in kept),
    )


def _count(source: Source, files: list[int], wanted: int, progress: Progress) -> dict[int, int]:
    """Returns the number of videos of each file. Those that must be read are read only until there are enough."""
    streamed = {file for file in files if isinstance(open_records(source.files[file], source.level), StreamedFile)}
    items = records_of(source)
    local = [file for file in files if file not in streamed]
    numbers = local_numbers(source, items, local, "to draw videos to validate on", progress)
    counts = dict(zip(local, numbers, strict=True))
    if streamed:
        first = next(source.files[file] for file in files if file in streamed)
        progress.message(
            f"{first} ...: reading up to {wanted:,} videos, to draw those to validate on; such files are counted only by reading"
        )
    for file in (file for file in files if file in streamed):
        missing = wanted - sum(counts.values())
        if missing < 0:
            break
        counts[file] = sum(
            1 for _ in itertools.islice(itertools.chain.from_iterable(items(file, 0)), missing + 1)
        )  # one more tells that there are more
    return counts


def _draw(counts: dict[int, int], number: int, random: np.random.Generator) -> dict[int, list[int]]:
    """Draws positions in the files, all of them equally likely."""
    files, ends = list(counts), np.cumsum(list(counts.values()))
    positions = np.sort(random.choice(int(ends[-1]), min(number, int(ends[-1])), replace=False))
    chosen: dict[int, list[int]] = {file: [] for file in files}
    for position, place in zip(positions, np.searchsorted(ends, positions, side="right"), strict=True):
        before = int(ends[place - 1]) if place else 0
        chosen[files[place]].append(int(position) - before)
    return chosen
