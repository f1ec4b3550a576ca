"""Splits videos into parts, by a hash of their ids or by an index, to train on some and validate on the others."""

import functools
import os
from collections.abc import Callable, Mapping, Sequence

from yt8m.data.fingerprints import fingerprint
from yt8m.data.identity import identify
from yt8m.data.schema import Fold, IndexedFold
from yt8m.data.tables.indices import read_index
from yt8m.errors import InputError


def membership(fold: Fold | IndexedFold, held_out: bool) -> Callable[[bytes], bool]:
    """Makes a function that says whether to keep a video, by its id.

    Args:
        fold: the fold. A video that an index does not name is never kept.
        held_out: True keeps the videos in the fold, False keeps the others.

    Raises:
        InputError: the index cannot be read, or does not name the part.
    """
    if isinstance(fold, IndexedFold):
        named = named_videos(fold, index_version(fold))
        return lambda video_id: named.get(video_id) == held_out
    return lambda video_id: (fingerprint(video_id) % fold.count == fold.index) == held_out


def index_version(fold: IndexedFold) -> tuple:
    """What changes with the file of an index; empty if there is none."""
    return tuple(identify([fold.path])[0]) if os.path.exists(fold.path) else ()


@functools.lru_cache(maxsize=16)
def named_videos(fold: IndexedFold, _version: tuple) -> Mapping[bytes, bool]:
    """The videos that the index of a fold names, by id, each with whether it is in the fold. Cached by version.

    Raises:
        InputError: the index cannot be read, or does not name the part.
    """
    index = read_index(fold.path)
    if fold.part not in index.values():
        parts = ", ".join(sorted(set(index.values()))) or "none"
        raise InputError(f"{fold.path}: names no part {fold.part!r}; it has {parts}")
    return {video_id: part == fold.part for video_id, part in index.items()}


def are_all(folds: Sequence[Fold | IndexedFold | None]) -> bool:
    """Whether these are all folds of one division into two or more, each once."""
    given = [fold for fold in folds if fold]
    if len(given) < max(2, len(folds)):
        return False
    if all(isinstance(fold, Fold) for fold in given):
        return sorted((fold.index, fold.count) for fold in given) == [
            (index, len(given)) for index in range(len(given))
        ]
    paths = {getattr(fold, "path", None) for fold in given}
    if len(paths) > 1:
        return False
    return sorted(fold.part for fold in given) == sorted(set(read_index(paths.pop()).values()))
