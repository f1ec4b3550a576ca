"""Reads and writes `extraction.json`, which says how `yt8m extract` made the records beside it."""

import contextlib
import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from yt8m.data.features import Feature, parse_features, texts_of
from yt8m.data.quantisation import Rounding
from yt8m.data.tables.vocabulary import find_at_root
from yt8m.errors import InputError
from yt8m.files import read_json, write_json

EXTRACTION_FILE = "extraction.json"
_VERSION = 1
_REMEDY = "name another directory, or make the records again with yt8m extract"

Level = Literal["frame", "video"]


@dataclass(frozen=True)
class NetworkChoice:
    """What users give for a network; `yt8m.extracting.networks.registry.load_network` takes the same."""

    name: str
    folder: str | None = None
    weights: str | None = None
    pca: str | None = None


@dataclass(frozen=True)
class FileState:
    """A video file as it was when it was extracted, and the labels in its record."""

    bytes: int
    modified: int
    """Time of change in nanoseconds."""
    labels: tuple[int, ...] | None = None
    """None if the record has none, not even an empty list."""


@dataclass(frozen=True)
class Extraction:
    """How records were extracted."""

    network: NetworkChoice
    """Paths in it are absolute."""
    identity: Mapping[str, Any]
    """What decides the values. Equal identities give comparable features."""
    features: tuple[Feature, ...]
    """That of pictures, then that of sound if the network has one."""
    level: Level = "frame"
    max_frames: int | None = None
    rounding: Rounding = "truncate"
    files: Mapping[str, FileState] = field(default_factory=dict)
    """By id; those with a record."""


def write_extraction(path: str | os.PathLike, extraction: Extraction) -> None:
    """Writes an `extraction.json`. Raises InputError if it cannot be written."""
    values = {
        "version": _VERSION,
        "network": dataclasses.asdict(extraction.network),
        "identity": extraction.identity,
        "features": list(texts_of(extraction.features)),
        "options": {name: getattr(extraction, name) for name in ("level", "max_frames", "rounding")},
        "files": {video_id: dataclasses.asdict(state) for video_id, state in extraction.files.items()},
    }
    write_json(path, values)


def read_extraction(path: str | os.PathLike) -> Extraction:
    """Reads how records were extracted.

    Args:
        path: an `extraction.json`, or its directory.

    Raises:
        InputError: it cannot be read, is damaged, or a later version wrote it.
    """
    file = Path(path, EXTRACTION_FILE) if os.path.isdir(path) else Path(path)
    values = read_json(file)
    try:
        if values["version"] != _VERSION:
            raise InputError(f"{file}: another version of yt8m wrote it; {_REMEDY}")
        return Extraction(
            network=NetworkChoice(**values["network"]),
            identity=values["identity"],
            features=parse_features(values["features"], f"{file}: features"),
            **values["options"],
            files={video_id: _state(each) for video_id, each in values["files"].items()},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: is damaged ({type(error).__name__}: {error}); {_REMEDY}") from error


def find_extraction(records: str | os.PathLike) -> Path | None:
    """Finds the `extraction.json` at the root of a record file's data set; None if there is none.

    Args:
        records: a local record file. Nothing is found for one that is not local.
    """
    return find_at_root(records, EXTRACTION_FILE)


def described_features(records: str | os.PathLike) -> dict[str, Feature]:
    """The features that an `extraction.json` at the root of a record file's data set describes, by name; empty if there is none.

    Bytes in a record do not say which range they stand for; this does.
    """
    with contextlib.suppress(InputError):
        if path := find_extraction(records):
            return {each.name: each for each in read_extraction(path).features}
    return {}


def _state(values: Mapping[str, Any]) -> FileState:
    labels = values["labels"]
    return FileState(values["bytes"], values["modified"], None if labels is None else tuple(labels))
