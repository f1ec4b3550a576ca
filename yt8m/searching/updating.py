"""Adds videos to an index, and removes some. Until the end the index stays as it was."""

import contextlib
import os
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from yt8m.data.features import texts_of
from yt8m.errors import InputError
from yt8m.files import NewFile, locked, make_directory, remove_all, remove_empty, write_json
from yt8m.progress import SILENT, Progress
from yt8m.searching.graphs import updated_graphs
from yt8m.searching.index import (
    CLASSES_ENDINGS,
    INDEX_FILE,
    ClassText,
    Index,
    Settings,
    header_of,
    is_index,
    open_index,
)
from yt8m.searching.parts import Item, Part, new_part, paths_of
from yt8m.searching.vectors import size_of
from yt8m.searching.words import packed_words

_OWN = ("part-*", "classes-*", "graph-*", ".*.tmp.*")
"""Files of an index beside `index.json`."""
_TIMES_LARGER = 2
"""A part stays as it is if it has more than so many times the videos of all parts after it. So parts are few."""


@dataclass
class Changed:
    """What an update did."""

    added: int = 0
    replaced: int = 0
    """Videos that were there before."""
    repeated: list[str] = field(default_factory=list)
    """Ids that came more than once; the first one counts."""
    removed: int = 0
    unknown: list[str] = field(default_factory=list)
    """Ids to be removed that are not there."""
    problems: list[str] = field(default_factory=list)
    """A line for each video file that could not be extracted."""
    videos: int = 0
    """Videos in the index now."""
    moments: int = 0


def common_settings(index: Index | None, wanted: Settings, window_is_given: bool, where: str) -> Settings:
    """The settings of an index that gets more videos.

    Args:
        index: the index; None = a new one.
        wanted: the settings for the new videos, whose features are those of the index if it has all.
        window_is_given: whether the user asked for the window.
        where: the new videos, for messages.

    Raises:
        InputError: the videos cannot be compared with those that are there.
    """
    if index is None:
        return wanted
    here = index.settings
    one, other = here.extractor, wanted.extractor
    if one and other and one.identity != other.identity:
        how = f"by {one.name}" if one.name != other.name else f"by {one.name} with other weights"
        raise InputError(
            f"{where}: extracted by {other.name}, and the videos of {index.directory} {how}; keep an index for each network"
        )
    if texts_of(here.features) != texts_of(wanted.features):
        raise InputError(
            f"{where}: has {', '.join(texts_of(wanted.features))}, and {index.directory} {', '.join(texts_of(here.features))}; "
            "keep an index for each kind of features"
        )
    if window_is_given and here.window != wanted.window:
        raise InputError(
            f"--window is {wanted.window}, and {index.directory} has moments of {here.window} s; leave it out"
        )
    return Settings(here.features, here.window, one or other)


@contextlib.contextmanager
def changing(directory: str | os.PathLike) -> Iterator[Index | None]:
    """Keeps other changes out during the block, which gets the index; None if there is none yet.

    Raises:
        InputError: another process changes it, the directory cannot be made, holds something else, or a damaged index.
    """
    path, made = Path(directory), []
    if not is_index(directory):
        made = make_directory(directory)
        others = [each.name for each in path.iterdir() if not any(each.match(form) for form in _OWN)]
        if others:
            raise InputError(f"{path}: holds no index, but {others[0]}; name another directory with --index")
    try:
        with locked(path, f"{path}: another yt8m search changes this index; wait for it"):
            index = open_index(directory) if is_index(directory) else None
            _remove_leftovers(path, index)
            yield index
    except BaseException:
        if not is_index(directory):
            remove_empty(made)
        raise


def _remove_leftovers(directory: Path, index: Index | None) -> None:
    """Removes what a killed process, or an index before this one, left."""
    kept = set() if index is None else {directory / INDEX_FILE, *_files_of(index)}
    remove_all(path for form in _OWN for path in directory.glob(form) if path not in kept)


def _files_of(index: Index) -> list[Path]:
    names = [name for graph in index.graphs.values() for name in graph["files"]]
    names += [f"{index.classes_file}{each}" for each in CLASSES_ENDINGS]
    parts = [path for part in index.parts for path in paths_of(index.directory, part.entry["name"])]
    return [*(index.directory / name for name in names), *parts]


def update(
    directory: str | os.PathLike,
    index: Index | None,
    settings: Settings,
    items: Iterable[Item] = (),
    remove: Collection[str] = (),
    classes: Mapping[int, ClassText] | None = None,
    progress: Progress = SILENT,
) -> Changed:
    """Adds and removes videos, within `changing`. A video that is there already is replaced.

    Args:
        directory: the index.
        index: as `changing` gives it.
        settings: from `common_settings`.
        items: videos to add. Of several with one id, the first one counts.
        remove: ids to remove.
        classes: names and descriptions of classes, beside those that the index has.
        progress: gets a line if the index is large.

    Raises:
        InputError: the disk is full, or another error of `items`. The index is then as it was.
    """
    path, written = Path(directory), []
    old = _Staying(index)
    changed = Changed(unknown=[video for video in dict.fromkeys(remove) if not old.drop(video)])
    changed.removed = old.dropped
    try:
        with new_part(path) as writer:
            written.append(writer.name)
            seen: set[str] = set()
            for item in items:
                if item.video_id in seen:
                    changed.repeated.append(item.video_id)
                    continue
                seen.add(item.video_id)
                old.drop(item.video_id)
                writer.add(item)
            entry = writer.finish()
        changed.replaced = old.dropped - changed.removed
        changed.added = len(seen) - changed.replaced
        parts = [*old.parts, Part(path, entry, size_of(settings.features))]
        masks = [*old.masks, np.ones(len(seen), bool)]
        entries = _compacted(path, parts, masks, written)
        _publish(path, index, settings, entries, (parts, masks), classes or {}, written, progress)
    except BaseException:
        remove_all(each for name in written for each in path.glob(f"{name}*"))
        raise
    changed.videos, changed.moments = (sum(each[kind] for each in entries) for kind in ("videos", "moments"))
    _remove_leftovers(path, open_index(path))
    return changed


class _Staying:
    """Which videos of an index stay."""

    def __init__(self, index: Index | None):
        self.parts = index.parts if index else ()
        self.masks = [np.ones(part.entry["videos"], bool) for part in self.parts]
        self.dropped = 0
        self._places = {
            video: (place, number)
            for place, part in enumerate(self.parts)
            for number, video in enumerate(part.table.ids)
        }

    def drop(self, video: str) -> bool:
        """Has a video go; whether it was there."""
        found = self._places.pop(video, None)
        if found is None:
            return False
        self.masks[found[0]][found[1]] = False
        self.dropped += 1
        return True


def _compacted(
    path: Path, parts: Sequence[Part], masks: Sequence[np.ndarray], written: list[str]
) -> list[dict[str, Any]]:
    """Writes the parts anew of which videos go, or which are small beside those after them. The order stays.

    Args:
        path: the directory.
        parts: all parts.
        masks: which videos stay, bool [V] of each part.
        written: gets the names of new parts.
    """
    groups: list[list[int]] = []
    for number in range(len(parts)):
        groups.append([number])
        while len(groups) > 1 and _count(masks, groups[-2]) <= _TIMES_LARGER * _count(masks, groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    entries = []
    for group in groups:
        some = [number for number in group if masks[number].any()]
        if len(some) == 1 and masks[some[0]].all():
            entries.append(parts[some[0]].entry)
        elif some:
            with new_part(path) as writer:
                written.append(writer.name)
                entries.append(writer.copy([parts[number] for number in some], [masks[number] for number in some]))
    return entries


def _count(masks: Sequence[np.ndarray], group: Sequence[int]) -> int:
    return sum(int(masks[number].sum()) for number in group)


def _publish(
    path: Path,
    index: Index | None,
    settings: Settings,
    entries: list[dict[str, Any]],
    before: tuple[Sequence[Part], Sequence[np.ndarray]],
    classes: Mapping[int, ClassText],
    written: list[str],
    progress: Progress,
) -> None:
    """Writes what belongs to all parts together, and at last `index.json`."""
    parts = [Part(path, entry, size_of(settings.features)) for entry in entries]
    graphs = updated_graphs(path, index.graphs if index else {}, before, parts, written, progress)
    name = _write_classes(path, index, classes, written)
    write_json(path / INDEX_FILE, header_of(settings, entries, name, graphs))


def _write_classes(path: Path, index: Index | None, classes: Mapping[int, ClassText], written: list[str]) -> str | None:
    """Writes names and descriptions of classes if there are new ones: the name of the file that has all."""
    known = index.classes if index else {}
    for number, text in classes.items():
        if number in known and known[number].name != text.name:
            raise InputError(
                f"class {number} is {text.name!r} in the vocabulary, and {known[number].name!r} in {path}; keep an index for "
                "each vocabulary"
            )
    both = {**known, **classes}
    if both == known:
        return index.classes_file if index else None
    name = f"classes-{secrets.token_hex(8)}"
    written.append(name)
    write_json(path / f"{name}.json", both)
    with NewFile(path / f"{name}.npz") as file:
        file.write(packed_words(both))
    return name
