"""Whether lists of record files have something in common, or twice, as far as that is told quickly."""

import contextlib
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence

from yt8m.data.checking import parse, starts_of, video_id
from yt8m.data.folds import part_filter
from yt8m.data.identity import local_ids
from yt8m.data.locating import locate_repeat
from yt8m.data.reading import Source
from yt8m.data.records import read_framing
from yt8m.data.repeats import Once, RepeatError
from yt8m.data.sources import expand_paths, scheme
from yt8m.errors import InputError, RecordError

_COMPARED_BYTES = 1 << 16
"""At either end of files of one size, to tell whether they are copies."""
_MOST_BYTES = 256 << 20
"""Of both lists together, for all ids to be compared: about a second."""
_MOST_FILES, _FIRST_RECORDS = 64, 4
"""Of each list that has more: files, spread evenly, and records at the beginning of each."""


def find_overlap(files: Sequence[str], others: Sequence[str]) -> str | None:
    """What two lists of record files have in common, as a clause; None if nothing was found.

    A file is found whatever it is called: by links, and as a copy. A single video is found by its id if the files have 256 MiB or
    less; of more, the first ids of some files of each list are compared. Of files that are not local, the addresses are.

    Args:
        files, others: paths of record files; those that cannot be read are left to whoever reads them.
    """
    here, there = _statuses(files), _statuses(others)
    return (
        _same_file(here, there)
        or _same_content(_sizes(here), _sizes(there))
        or _same_video(_sizes(here), _sizes(there))
    )


def find_learned(learned: Sequence[str], paths: str | Sequence[str]) -> str | None:
    """What the records that a run learned from have in common with others, as `find_overlap`; None if they are gone.

    Args:
        learned: the run's paths, which may be of another place or another time.
        paths: of the others, as `expand_paths` takes them.
    """
    try:
        return find_overlap(expand_paths(learned), expand_paths(paths))
    except InputError:
        return None


def refuse_repeats(source: Source) -> None:
    """Finds what comes twice among records that are measured, before the work starts, if the local ones have 256 MiB or less.

    The rule is that of `yt8m.data.repeats`: a video, or where segments are rated one of them, may be there once. Of more
    bytes, whoever reads the records finds it.

    Raises:
        RecordError: names both records.
    """
    sizes = _sizes(_statuses(source.files))
    if sum(sizes.values()) > _MOST_BYTES:
        return
    ids = list(_ids(list(sizes), are_small=True))
    counts = Counter(video for _, video in ids)
    repeated = {video for video, count in counts.items() if count > 1}
    keep = part_filter(source.fold, source.held_out) if source.fold and repeated else None
    once = Once()
    for path in dict.fromkeys(path for path, video in ids if video in repeated):
        for raw in read_framing(path):
            example = None if raw.problem else parse(raw.data)
            if example is None or (video := video_id(example)) not in repeated or (keep and not keep(raw.data)):
                continue
            found = once.first(video, set(starts_of(example)) if source.level == "segment" else None)
            if found:
                raise locate_repeat(source.files, RepeatError(video, found.start))


def _statuses(files: Sequence[str]) -> dict[str, os.stat_result | None]:
    """What the system says of each file, asked once; None of one that is not local, or not there."""
    statuses: dict[str, os.stat_result | None] = {}
    for path in files:
        statuses[path] = None
        if not scheme(path):
            with contextlib.suppress(OSError):
                statuses[path] = os.stat(path)
    return statuses


def _sizes(statuses: dict[str, os.stat_result | None]) -> dict[str, int]:
    """Bytes of the files that are local."""
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
    """A digest of the first and last bytes of a file; its name if it cannot be read."""
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
    """Files and ids of the videos in those that are local: of all if they are small, or of the first ones of some."""
    sizes = _sizes(_statuses(files))
    return _ids(list(sizes), sum(sizes.values()) <= _MOST_BYTES)


def _ids(files: Sequence[str], are_small: bool) -> Iterator[tuple[str, bytes]]:
    """Files and ids of the videos in them: of all, or of the first ones of some files."""
    for path in files if are_small else files[:: -(-len(files) // _MOST_FILES) or 1]:
        with contextlib.suppress(OSError, RecordError):
            for video in local_ids(path, None if are_small else _FIRST_RECORDS) or ():
                yield path, video
