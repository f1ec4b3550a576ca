"""Finds quickly whether lists of record files share files or videos, or hold something twice."""

import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence

from yt8m.data.checking import parse, starts_of, video_id
from yt8m.data.folds import membership
from yt8m.data.identity import local_ids
from yt8m.data.locating import locate_repeat
from yt8m.data.records import read_framing
from yt8m.data.repeats import Once, RepeatError
from yt8m.data.source import Source
from yt8m.data.sources import scheme
from yt8m.errors import RecordError

_COMPARED_BYTES = 1 << 16
"""Bytes compared at each end of two files of equal size, to tell whether they are copies."""
_MOST_BYTES = 256 << 20
"""Largest total size of both lists at which all ids are compared. That takes about a second."""
_MOST_FILES, _FIRST_RECORDS = 64, 4
"""What is compared of a larger list: this many files, spread evenly, and this many first records of each."""


def find_overlap(files: Sequence[str], others: Sequence[str]) -> str | None:
    """Finds what two lists of record files have in common, as a clause; None if nothing was found.

    Links and copies of a file are found under any name. If the files have 256 MiB or less, all ids of videos are compared.
    For larger lists, only the first ids of some files are compared. For files that are not local, only the addresses are
    compared.

    Args:
        files, others: paths of record files. Unreadable files are ignored: whoever reads them reports them.
    """
    here, there = _statuses(files), _statuses(others)
    return (
        _same_file(here, there)
        or _same_content(_sizes(here), _sizes(there))
        or _same_video(_sizes(here), _sizes(there))
    )


def refuse_repeats(source: Source) -> None:
    """Refuses records to be measured that hold something twice, before the work starts.

    A video may come once; among rated segments, each segment may come once (`yt8m.data.repeats`). Local files are searched
    if they have 256 MiB or less. In larger ones, whoever reads the records finds it.

    Raises:
        RecordError: names both records.
    """
    sizes = _sizes(_statuses(source.files))
    if sum(sizes.values()) > _MOST_BYTES:
        return
    ids = list(_ids(list(sizes), are_small=True))
    counts = Counter(video for _, video in ids)
    repeated = {video for video, count in counts.items() if count > 1}
    if source.fold:
        repeated = set(filter(membership(source.fold, source.held_out), repeated))
    once = Once()
    for path in dict.fromkeys(path for path, video in ids if video in repeated):
        for raw in read_framing(path):
            example = None if raw.problem else parse(raw.data)
            if example is None or (video := video_id(example)) not in repeated:
                continue
            found = once.first(video, set(starts_of(example.context)) if source.level == "segment" else None)
            if found:
                raise locate_repeat(source.files, RepeatError(video, found.start))


def _statuses(files: Sequence[str]) -> dict[str, os.stat_result | None]:
    """The status of each file, asked for once; None if a file is not local or does not exist."""
    statuses: dict[str, os.stat_result | None] = {}
    for path in files:
        statuses[path] = None
        if not scheme(path):
            with contextlib.suppress(OSError):
                statuses[path] = os.stat(path)
    return statuses


def _sizes(statuses: dict[str, os.stat_result | None]) -> dict[str, int]:
    """Sizes of the local files in bytes."""
    return {path: status.st_size for path, status in statuses.items() if status}


def _same_file(files: dict[str, os.stat_result | None], others: dict[str, os.stat_result | None]) -> str | None:
    named = {_identity(path, status): path for path, status in files.items()}
    for other, status in others.items():
        path = named.get(_identity(other, status))
        if path is not None:
            return f"{path} is in both" if path == other else f"{path} and {other} are one file"
    return None


def _identity(path: str, status: os.stat_result | None) -> tuple[int, int] | str:
    return (status.st_dev, status.st_ino) if status else path


def _same_content(files: dict[str, int], others: dict[str, int]) -> str | None:
    sizes = set(files.values()) & set(others.values()) - {0}
    known = {(size, _ends(path, size)): path for path, size in files.items() if size in sizes}
    for other, size in others.items():
        if size in sizes and (path := known.get((size, _ends(other, size)))):
            return f"{path} and {other} hold the same records"
    return None


def _ends(path: str, size: int) -> bytes:
    """A digest of a file's first and last bytes; its name if it cannot be read."""
    try:
        with open(path, "rb") as file:
            content = file.read(_COMPARED_BYTES)
            file.seek(max(0, size - _COMPARED_BYTES))
            content += file.read(_COMPARED_BYTES)
            return hashlib.md5(content, usedforsecurity=False).digest()
    except OSError:
        return os.fsencode(path)


def _same_video(files: dict[str, int], others: dict[str, int]) -> str | None:
    are_small = sum(files.values()) + sum(others.values()) <= _MOST_BYTES
    named = {video: path for path, video in _ids(list(files), are_small)}
    for other, video in _ids(list(others), are_small):
        if video in named:
            return f"video {video.decode(errors='replace')} is in {named[video]} and in {other}"
    return None


def some_ids(files: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yields local files and ids of their videos: all ids of small files, or the first ids of some files."""
    sizes = _sizes(_statuses(files))
    return _ids(list(sizes), sum(sizes.values()) <= _MOST_BYTES)


def _ids(files: Sequence[str], are_small: bool) -> Iterator[tuple[str, bytes]]:
    """Yields files and ids of their videos: all of them, or the first ids of some files."""
    for path in files if are_small else files[:: -(-len(files) // _MOST_FILES) or 1]:
        with contextlib.suppress(OSError, RecordError):
            for video in local_ids(path, None if are_small else _FIRST_RECORDS) or ():
                yield path, video
