"""The directory of an index: what it holds, and how it is opened.

`index.json` names the parts (`yt8m.searching.parts`), and is replaced as a whole when they change. So whoever opens the index
sees it as it was before a change, or as it is after it.
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from yt8m.data.features import Feature, parse_features, texts_of
from yt8m.errors import InputError
from yt8m.files import read_json
from yt8m.searching.parts import Part
from yt8m.searching.vectors import size_of

INDEX_FILE = "index.json"
FORMAT = 1
CLASSES_ENDINGS = (".json", ".npz")
DEFAULT_WINDOW = 5
"""Seconds of a moment: those of a segment of the data set."""
_ATTEMPTS = 5
"""To open an index that is changed meanwhile."""
_ANEW = "remove the index, and make it anew with --add"


class ClassText(NamedTuple):
    """What words are looked for in, of a class."""

    name: str
    description: str = ""


@dataclass(frozen=True)
class Extractor:
    """What made features of videos, and can make them of more."""

    identity: Mapping[str, Any]
    """Equal identities give comparable features (`yt8m.extracting.networks.network`)."""
    network: Mapping[str, Any]
    """The fields of a `yt8m.data.extraction.NetworkChoice`."""
    rounding: str = "truncate"
    """How values become bytes."""

    @property
    def name(self) -> str:
        """What users call the network."""
        return str(self.network.get("name") or "another network")


@dataclass(frozen=True)
class Settings:
    """What all videos of an index have in common."""

    features: tuple[Feature, ...]
    window: int = DEFAULT_WINDOW
    """Seconds of a moment."""
    extractor: Extractor | None = None
    """None if unknown, as of the data set's own records."""


class Found(NamedTuple):
    """The place of a video, or of a moment."""

    part: Part
    number: int
    """In its part."""


@dataclass(frozen=True)
class Index:
    """An index as it is on the disk at a time. What changes later does not change it."""

    directory: Path
    settings: Settings
    parts: tuple[Part, ...]
    classes_file: str | None = None
    """The name of two files less their endings: `.json` has names and descriptions of classes, `.npz` their words."""
    classes_content: bytes = b""
    """The content of the first of these files."""
    words_content: bytes = b""
    """The content of the second one, `yt8m.searching.words.packed_words`."""
    graphs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By kind of rows, see `yt8m.searching.graphs`."""

    def num_rows(self, kind: str) -> int:
        """How many `videos` or `moments` there are."""
        return sum(part.entry[kind] for part in self.parts)

    def rows(self, kind: str) -> list[np.ndarray]:
        """The vectors of all `videos` or `moments`, float32 [rows, D] of each part."""
        return [part.rows[kind] for part in self.parts]

    def find(self, video_id: str) -> Found | None:
        """The place of a video; None if it is not there."""
        for part in self.parts:
            number = part.table.ids.find(video_id)
            if number is not None:
                return Found(part, number)
        return None

    def find_path(self, path: str | os.PathLike) -> Found | None:
        """The place of the video of a file; None if it is not there."""
        wanted = os.path.abspath(path)
        for part in self.parts:
            number = part.table.paths.find(wanted)
            if number is not None:
                return Found(part, number)
        return None

    def at(self, kind: str, row: int) -> Found:
        """The place of one of all `videos` or `moments`, counted through all parts."""
        for part in self.parts:
            if row < part.entry[kind]:
                return Found(part, row)
            row -= part.entry[kind]
        raise IndexError(row)

    def first_row(self, kind: str, wanted: Part) -> int:
        """The number of rows before those of a part."""
        place = next(place for place, part in enumerate(self.parts) if part is wanted)
        return sum(part.entry[kind] for part in self.parts[:place])

    @cached_property
    def classes(self) -> dict[int, ClassText]:
        """Names and descriptions of classes; empty if none are known. Raises InputError if the file is damaged."""
        if self.classes_file is None:
            return {}
        try:
            return {int(key): ClassText(*map(str, value)) for key, value in json.loads(self.classes_content).items()}
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"{self.directory / self.classes_file}.json: is damaged ({error}); {_ANEW}") from error


def is_index(directory: str | os.PathLike) -> bool:
    """Whether a directory holds an index."""
    return Path(directory, INDEX_FILE).is_file()


def open_index(directory: str | os.PathLike) -> Index:
    """Opens an index.

    Raises:
        InputError: there is none, it is damaged, or it is of another version.
    """
    if not is_index(directory):
        raise InputError(
            f"{os.fspath(directory)}: holds no index; make one with yt8m search --index {os.fspath(directory)} --add RECORDS"
        )
    for _ in range(_ATTEMPTS):
        try:
            return _opened(Path(directory))
        except FileNotFoundError as error:  # another process has replaced the part since
            missing = error.filename or error
    raise InputError(f"{missing}: is missing; {_ANEW}")


def _opened(directory: Path) -> Index:
    path = directory / INDEX_FILE
    header = read_json(path)
    try:
        version = header["format"]
        if version != FORMAT:
            raise InputError(f"{path}: is of format {version}, this version reads {FORMAT}; {_ANEW}")
        extractor = None if header["extractor"] is None else Extractor(**header["extractor"])
        settings = Settings(parse_features(header["features"], path.name), int(header["window"]), extractor)
        size = size_of(settings.features)
        parts = tuple(Part(directory, entry, size) for entry in header["parts"])
        classes = header["classes"]
        texts, words = ((directory / f"{classes}{each}").read_bytes() if classes else b"" for each in CLASSES_ENDINGS)
        return Index(directory, settings, parts, classes, texts, words, header["graphs"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is damaged ({error!r}); {_ANEW}") from error


def header_of(
    settings: Settings, entries: list[dict[str, Any]], classes: str | None, graphs: Mapping[str, Any]
) -> dict[str, Any]:
    """The content of `index.json`."""
    return {
        "format": FORMAT,
        "features": list(texts_of(settings.features)),
        "window": settings.window,
        "extractor": None if settings.extractor is None else dataclasses.asdict(settings.extractor),
        "classes": classes,
        "parts": entries,
        "graphs": dict(graphs),
    }
