"""`yt8m split`: divides the videos of some records into parts, as new shards or as an index.

The records are read once for ids and labels. For shards they are read once more, to copy them unchanged.
"""

import contextlib
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from yt8m.data import remarks
from yt8m.data.access.file_access import file_size
from yt8m.data.checking import check_record, values_of
from yt8m.data.companions import take_along
from yt8m.data.endings import refuse_broken_ends
from yt8m.data.engine.contexts import read_context
from yt8m.data.engine.files import open_records
from yt8m.data.engine.memory import Scratch
from yt8m.data.engine.records import Record
from yt8m.data.identity import id_in
from yt8m.data.opening import open_source
from yt8m.data.records import framed, read_framing
from yt8m.data.schema import ID_KEYS, is_present
from yt8m.data.source import Source
from yt8m.data.sources import expand_paths
from yt8m.data.tables.indices import index_of
from yt8m.data.tools.stratification import VideoClasses, load_stratifier, stratify
from yt8m.errors import InputError, quantity
from yt8m.files import NewFile, check_destination, check_empty, check_room, new_contents
from yt8m.progress import SILENT, Progress

Form = Literal["shards", "index"]

_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Split:
    """The result of a split."""

    out: str
    parts: dict[str, int]
    """Number of videos by part."""
    records: dict[str, int]
    """Number of records by part."""
    num_classes: int
    """Classes that occur. At segment level, a class counts once as rated present and once as rated absent."""
    num_unlabelled: int
    """Videos without classes."""
    num_repeated: int
    """Records beyond the first one of each video."""
    num_too_rare: int
    """Classes with fewer videos than there are parts. They cannot be in all parts."""
    num_missing: int
    """Classes with enough videos for which no arrangement was found that puts them into every part."""


@dataclass(frozen=True)
class _Records:
    """Ids and classes of some records, in the order of the files."""

    ids: list[bytes]
    """Ids of the videos, each once, in order of first occurrence."""
    videos: np.ndarray
    """The video of each record, as a place in `ids`: int [R]."""
    classes: VideoClasses
    """Classes of the videos. A video with several records has all their classes."""


def parse_parts(text: str) -> dict[str, float]:
    """Parses `train=.9,validate=.1` into shares by name.

    Raises:
        InputError: the text is malformed, names a part twice, or the shares do not sum to 1.
    """
    shares: dict[str, float] = {}
    for piece in text.split(","):
        found = re.fullmatch(r"\s*([A-Za-z][\w-]*)\s*=\s*(\d*\.?\d+(?:e-?\d+)?)\s*", piece)
        if not found:
            raise InputError(f"--parts has {piece!r}; write names with their shares, such as train=.9,validate=.1")
        name, share = found[1], float(found[2])
        if name in shares:
            raise InputError(f"--parts names {name} twice; give each part a name of its own")
        if not 0 < share < 1:
            raise InputError(f"--parts gives {name} {found[2]}; a share must be above 0 and below 1")
        shares[name] = share
    total = math.fsum(shares.values())
    if abs(total - 1) > _SUM_TOLERANCE:
        raise InputError(f"--parts are {total:.6g} in all; the shares must sum to 1")
    return shares


def split(
    paths: Sequence[str],
    shares: dict[str, float],
    out: str,
    form: Form = "shards",
    seed: int = 0,
    progress: Progress = SILENT,
    engine: "Engine | None" = None,
) -> Split:
    """Divides videos into parts, stratified by their classes (`yt8m.data.tools.stratification`).

    Classes come from the labels. With rated segments they come from the ratings: a class rated present and the same class
    rated absent count as two. All records of one id go to one part and keep their order.

    Args:
        paths: files, directories or globs of records of one level.
        shares: share of each part, by name; the sum is 1.
        out: for shards, the directory that gets a directory for each part; made if missing, otherwise it must be empty. For
            an index, the CSV file, with the columns id and part and a line for each video.
        form: `shards` or `index`.
        seed: the same seed makes the same parts.
        progress: counts the copied records.
        engine: reads and copies the records; None = this process. `yt8m.cluster.split.BeamSplitting` is another.

    Raises:
        InputError, RecordError: nothing matches, no record of a file has labels, a record cannot be used or has no id, there
            are fewer videos than parts, a part would be empty, or the output cannot be written. Nothing is left behind.
    """
    expand_paths(paths)  # before scikit-learn is loaded, which takes longer
    load_stratifier()
    _check_out(out, form)
    source = open_source(paths, labels_for="a split by labels")
    remarks.require_own_layout(
        source, "yt8m split", "write them into TFRecord files with id and labels", ("AudioSet", "Example")
    )
    if form == "shards":
        size = sum(file_size(path) or 0 for path in source.files)
        remedy = "choose another --out, or write an index with --as index"
        check_room(out, size, f"copies of {quantity(len(source.files), 'file')}", remedy)
    refuse_broken_ends(source)
    engine = engine or _Here()
    records = _read(engine.described(source, progress))
    names = list(shares)
    parts = _share_out(records, shares, seed)
    if form == "index":
        with NewFile(out) as file:
            file.write(index_of(records.ids, [names[part] for part in parts]))
    else:
        copies = copies_of(names, parts[records.videos], len(source.files))
        with new_contents(Path(out), "yt8m split") as hidden:  # all parts appear together
            engine.copy(source, copies, hidden, Path(out), progress)
            take_along(source.files[0], hidden, Path(out))
    counts = records.classes.counts(parts, len(names))
    totals = counts.sum(axis=1)
    return Split(
        out=out,
        parts=_by_name(names, parts),
        records=_by_name(names, parts[records.videos]),
        num_classes=records.classes.num_classes,
        num_unlabelled=int((np.diff(records.classes.offsets) == 0).sum()),
        num_repeated=len(records.videos) - len(records.ids),
        num_too_rare=int((totals < len(names)).sum()),
        num_missing=int(((counts == 0).any(axis=1) & (totals >= len(names))).sum()),
    )


def _check_out(out: str, form: Form) -> None:
    if form == "index":
        if os.path.lexists(out):
            raise InputError(f"{out} exists, and runs may have been trained by it; name a new file, or remove it first")
        check_destination(out)
        return
    check_empty(out)


def _by_name(names: Sequence[str], parts: np.ndarray) -> dict[str, int]:
    return dict(zip(names, np.bincount(parts, minlength=len(names)).tolist(), strict=True))


def _share_out(records: _Records, shares: dict[str, float], seed: int) -> np.ndarray:
    num_videos = len(records.ids)
    if num_videos < len(shares):
        num_records = len(records.videos)
        twice = f": {quantity(num_records, 'record')}, in which one comes twice" if num_records > num_videos else ""
        raise InputError(f"--parts names {len(shares)} parts, more than there are videos ({num_videos}{twice})")
    parts = stratify(records.classes, list(shares.values()), seed)
    sizes = np.bincount(parts, minlength=len(shares))
    if not sizes.all():
        name = list(shares)[int(np.argmin(sizes))]
        raise InputError(f"--parts leaves {name} without a video of the {num_videos}; give it a larger share")
    return parts


class Engine(Protocol):
    """Reads and copies records."""

    def described(self, source: Source, progress: Progress) -> Iterator["Described"]:
        """What `describe` finds in all records, in the order of the files."""

    def copy(self, source: Source, copies: "Copies", directory: Path, shown: Path, progress: Progress) -> None:
        """Writes new files to a directory, which messages call by another name."""


Described = tuple[bytes, list[int]]
"""The id of a record's video, and its classes."""


@dataclass(frozen=True)
class Copies:
    """Which new file each record goes to. Records of one file keep their order."""

    names: list[str]
    """The new files, `train/train0000` say."""
    of_records: np.ndarray
    """The file of each record, as a place in `names`: int [R]."""


def copies_of(names: Sequence[str], parts: np.ndarray, num_files: int) -> Copies:
    """Divides the records of each part, in order, into files with as many records each as the source's files.

    Args:
        names: the parts.
        parts: the part of each record, int [R].
        num_files: number of the source's files.
    """
    files: list[str] = []
    of_records = np.empty(len(parts), np.int64)
    for number, name in enumerate(names):
        records = np.flatnonzero(parts == number)
        count = max(1, min(len(records), round(num_files * len(records) / len(parts))))
        of_records[records] = len(files) + np.arange(len(records)) * count // len(records)
        files += [f"{name}/{name}{file:04d}" for file in range(count)]
    return Copies(files, of_records)


class _Here:
    """The engine of this process."""

    def described(self, source: Source, progress: Progress) -> Iterator[Described]:
        """See `Engine`."""
        scratch = Scratch()
        for path in source.files:
            for record in open_records(path, source.level).records(0):
                record.read(scratch)  # a record whose frames are damaged must not be in a part either
                yield describe(record, source, scratch)

    def copy(self, source: Source, copies: Copies, directory: Path, shown: Path, progress: Progress) -> None:
        """See `Engine`."""
        total = len(copies.of_records)
        with progress.working("copying", "record", total=total), contextlib.ExitStack() as stack:
            writers: dict[str, _PartWriter] = {}
            for number, content in zip(copies.of_records, _contents(source), strict=True):
                name = f"{copies.names[number]}.tfrecord"
                part = os.path.dirname(name)
                if part not in writers:
                    writers[part] = stack.enter_context(_PartWriter(directory, shown))
                writers[part].write(name, content)
                progress.advance(1)


def _read(described: Iterator[Described]) -> _Records:
    places: dict[bytes, int] = {}
    videos: list[int] = []
    classes: list[set[int]] = []
    for video_id, labels in described:
        place = places.setdefault(video_id, len(places))
        if place == len(classes):
            classes.append(set())
        classes[place].update(labels)
        videos.append(place)
    return _Records(list(places), np.array(videos, np.int64), VideoClasses.of(classes))


def describe(record: Record, source: Source, scratch: Scratch) -> Described:
    """The id of a record's video, and its classes. Raises RecordError if they cannot be read."""
    found = read_context(record, scratch)
    columns = _columns(found.feature, _RATINGS if source.level == "segment" else _LABELS)
    if columns is None:
        raise record.error(_problem(record, source, scratch))
    video_id = id_in(found)
    if not video_id:
        raise record.error(f"has no id that can be used (neither {' nor '.join(ID_KEYS)})")
    labels, *scores = columns
    if scores:
        labels = [2 * label + is_present(score) for label, score in zip(labels, *scores, strict=True)]
    return video_id, labels


_LABELS = {"labels": "int64_list"}
_RATINGS = {"segment_labels": "int64_list", "segment_scores": "float_list"}


def _columns(context: Mapping[str, Any], kinds: dict[str, str]) -> list[list[Any]] | None:
    """The values under some keys, each as many; None if they are of other kinds or differ in number."""
    held = [context.get(key) for key in kinds]
    wrong = (
        each and each.WhichOneof("kind") not in (kind, None) for each, kind in zip(held, kinds.values(), strict=True)
    )
    if any(wrong):
        return None
    columns = [list(values_of(each)) if each else [] for each in held]
    return columns if len({len(column) for column in columns}) == 1 else None


def _problem(record: Record, source: Source, scratch: Scratch) -> str:
    found = check_record(record.read(scratch).tobytes(), source.level)
    return found or "has labels or ratings that cannot be read"


def _contents(source: Source) -> Iterator[bytes]:
    """Yields the serialized records in the order of the files."""
    for path in source.files:
        for raw in read_framing(path):
            if raw.problem:
                raise raw.as_error(path)
            yield raw.data


class _PartWriter(contextlib.ExitStack):
    """Writes the records of a part, in order, to one file after the other."""

    def __init__(self, directory: Path, shown: Path):
        super().__init__()
        self._directory, self._shown, self._name = directory, shown, ""
        self._file: NewFile

    def write(self, name: str, content: bytes) -> None:
        """Appends a record to the file of this name."""
        if name != self._name:
            self.close()
            self._file = self.enter_context(NewFile(self._directory / name, shown=self._shown / name))
            self._name = name
        self._file.write(framed(content))
