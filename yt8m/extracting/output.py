"""The directory of extracted records, which is consistent at all times and grows by a file of records at a time.

::

    DIR/videos0000.tfrecord ...   the records, in the order in which videos were given
    DIR/videos.csv                all videos, also those without a record
    DIR/extraction.json           the network, the features, the options
    DIR/.extracting/*.part        videos that are extracted, and whose file of records is not full yet

After a kill, the same command finds all videos that were extracted, in files of records or in parts.
"""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yt8m.data.extraction import EXTRACTION_FILE, Extraction, FileState, read_extraction, write_extraction
from yt8m.data.features import texts_of
from yt8m.data.tables.videos import VIDEOS_FILE, VideoRow, read_videos, videos_table
from yt8m.data.tables.vocabulary import VOCABULARY_FILE
from yt8m.errors import InputError
from yt8m.extracting.shards import read_shards, shard_name, with_labels, write_shard
from yt8m.files import NewFile, check_local, locked, make_directory, remove_all, remove_empty, unwritable

NOT_YET = "not extracted yet"
"""The problem of a video whose record is not in a file of records yet."""

_PARTS = ".extracting"
_COMMAND = "yt8m extract"


@dataclass(frozen=True)
class Part:
    """An extracted video that waits for its file of records."""

    row: VideoRow
    state: FileState
    path: Path


class Output:
    """The directory, open and locked during its `with` block.

    Args:
        directory: missing, empty, or of an earlier extraction.
        extraction: how records are made. Those that are there must have been made so.
        per_shard: records in each file but the last.

    Attributes:
        directory: the directory.
        rows: the table of videos, by id.
        files: the videos with a record, by id.
        parts: videos that are extracted and in no file of records yet, by id; at first, those of an earlier run.
        is_settled: whether `ready` may be called. If it was interrupted, only the next run can go on.
    """

    def __init__(self, directory: Path, extraction: Extraction, per_shard: int):
        self.directory, self._extraction, self._per_shard = directory, extraction, per_shard
        self.rows: dict[str, VideoRow] = {}
        self.files: dict[str, FileState] = {}
        self.parts: dict[str, Part] = {}
        self.is_settled = True
        self._shards: dict[str, list[str]] = {}
        self._labels: Mapping[str, tuple[int, ...] | None] = {}
        self._strays: dict[str, FileState] = {}
        self._lost: set[str] = set()
        self._waiting: list[str] = []
        self._is_new = False

    @contextlib.contextmanager
    def opened(self) -> Iterator["Output"]:
        """Makes the directory, locks it, and reads what is there. An error leaves nothing behind if no video was extracted.

        Raises:
            InputError: the directory holds something else, or records that were made in another way; another process writes to
                it; or it cannot be made.
        """
        refuse_other_things(self.directory)
        made = make_directory(self.directory)
        busy = f"{self.directory}: another {_COMMAND} is writing to it; wait for it, or name another place"
        with locked(self.directory, busy):
            try:
                self._load()
                yield self
            finally:
                self._leave(made)

    def plan(
        self, videos: Mapping[str, str], labels: Mapping[str, tuple[int, ...] | None], vocabulary: bytes | None
    ) -> None:
        """Takes videos into the table, and writes it.

        Args:
            videos: the paths of the videos of this run, by id.
            labels: those that records are to have, by id. Records of other videos keep theirs.
            vocabulary: the content of `vocabulary.csv`; None = none, or the one that is there.
        """
        self._labels = labels
        if vocabulary is not None:
            with NewFile(self.directory / VOCABULARY_FILE) as file:
                file.write(vocabulary)
        for video_id, path in videos.items():
            row = self.rows.get(video_id, VideoRow(video_id, path, problem=NOT_YET))
            self.rows[video_id] = dataclasses.replace(row, path=path)
        self._write_tables()

    @property
    def parts_directory(self) -> Path:
        """Where `write_part` keeps extracted videos."""
        return self.directory / _PARTS

    def add(self, part: Part) -> None:
        """Takes an extracted video that `write_part` has kept in `parts_directory`."""
        self.parts[part.row.id] = part

    def fail(self, row: VideoRow) -> None:
        """Takes a video without a record into the table. A record that it had is taken out when records are written next."""
        self.rows[row.id] = row
        self._lost.add(row.id)
        if row.id in self.parts:
            self.parts.pop(row.id).path.unlink()

    def touch(self, video_id: str, state: FileState) -> None:
        """Notes that a video file has changed in nothing but its place or time."""
        if video_id in self.parts:
            self.parts[video_id] = dataclasses.replace(self.parts[video_id], state=state)
        else:
            self.files[video_id] = dataclasses.replace(state, labels=self.files[video_id].labels)

    def ready(self, ids: Sequence[str], is_last: bool) -> None:
        """Writes files of records for extracted videos.

        Args:
            ids: further videos that are extracted, in the order that records are to have. Each is in `parts`.
            is_last: whether no more videos come; otherwise only full files are written.
        """
        self.is_settled = False
        placed = self._placed()
        self._waiting += [video_id for video_id in ids if video_id not in placed]
        while self._waiting:
            name, there = self._open_shard()
            room = self._per_shard - len(there)
            if len(self._waiting) < room and not is_last:
                break
            self._write(name, [*there, *self._waiting[:room]])
            self._waiting = self._waiting[room:]
        if is_last:
            self._renew()
            self._write_tables()
        self.is_settled = True

    def _load(self) -> None:
        found = refuse_other_things(self.directory)
        if EXTRACTION_FILE in found:
            before = read_extraction(self.directory)
            self._refuse_other(before)
            self.rows = read_videos(self.directory) if VIDEOS_FILE in found else {}
            self._shards = read_shards(self.directory)
            placed = self._placed()
            self.files = {video_id: state for video_id, state in before.files.items() if video_id in placed}
            # Someone may have removed the table, or rows of it. Their videos are extracted again if they are given again.
            self._strays = {
                video_id: self.files.pop(video_id) for video_id in [*self.files] if video_id not in self.rows
            }
            self.rows = {video_id: self._undone(row) for video_id, row in self.rows.items()}
        for name in (EXTRACTION_FILE, VIDEOS_FILE, VOCABULARY_FILE, "videos*.tfrecord"):
            remove_all(self.directory.glob(f".*.tmp.{name}"))
        self.parts = {part.row.id: part for part in map(_read_part, (self.directory / _PARTS).glob("*")) if part}
        self._is_new = not found

    def _undone(self, row: VideoRow) -> VideoRow:
        """A row as it is if no file of records has the video that it is of."""
        if row.has_failed or row.id in self.files:
            return row
        return VideoRow(row.id, row.path, problem=NOT_YET)

    def _refuse_other(self, before: Extraction) -> None:
        """Raises InputError if the records that are there were made in another way."""
        ways = {
            "the network": (lambda each: each.identity, lambda each: each.network.name),
            "features": (lambda each: each.features, lambda each: ",".join(texts_of(each.features))),
            "--level": (lambda each: each.level, lambda each: each.level),
            "--max-frames": (lambda each: each.max_frames, lambda each: each.max_frames or "all"),
            "--rounding": (lambda each: each.rounding, lambda each: each.rounding),
        }
        for what, (value, shown) in ways.items():
            old, new = (json.dumps(value(each), default=str, sort_keys=True) for each in (before, self._extraction))
            if old != new:
                old, new = shown(before), shown(self._extraction)
                how = f"was {old} and is {new}" if old != new else f"{old} has other weights now"
                raise InputError(
                    f"{self.directory}: holds records made in another way: {what} {how}; name another directory"
                )

    def _placed(self) -> set[str]:
        """The videos in files of records."""
        return {video_id for ids in self._shards.values() for video_id in ids}

    def _open_shard(self) -> tuple[str, list[str]]:
        """The file of records to write next, and the videos in it."""
        if self._shards:
            name, ids = list(self._shards.items())[-1]
            if len(ids) < self._per_shard:
                return name, ids
        number = 0
        while shard_name(number) in self._shards:
            number += 1
        return shard_name(number), []

    def _renew(self) -> None:
        """Replaces records of videos that changed, takes out those of videos that failed, and writes new labels into others."""
        for name, ids in list(self._shards.items()):
            kept = [video_id for video_id in ids if video_id not in self._lost]
            is_new = any(video_id in self.parts or self._has_other_labels(video_id) for video_id in kept)
            if is_new or kept != ids:
                self._write(name, kept)

    def _has_other_labels(self, video_id: str) -> bool:
        state = self.files.get(video_id)
        return video_id in self._labels and (state is None or state.labels != self._labels[video_id])

    def _write(self, name: str, ids: list[str]) -> None:
        """Writes a file of records, then the tables, and removes what is then in it."""
        path = self.directory / name
        if ids:
            write_shard(path, ids, self._shards.get(name, []), self._record)
            self._shards[name] = ids
        else:
            path.unlink()
            del self._shards[name]
        used = [self.parts.pop(video_id) for video_id in ids if video_id in self.parts]
        for part in used:
            self.rows[part.row.id] = part.row
        states = {part.row.id: part.state for part in used}
        for video_id in ids:
            state = states.get(video_id) or self.files.get(video_id) or self._strays[video_id]
            self.files[video_id] = dataclasses.replace(state, labels=self._labels.get(video_id, state.labels))
        placed = self._placed()
        self.files = {video_id: state for video_id, state in self.files.items() if video_id in placed}
        self._write_tables()
        remove_all(part.path for part in used)

    def _record(self, video_id: str, old: bytes | None) -> bytes:
        part, state = self.parts.get(video_id), self.files.get(video_id)
        labels = self._labels.get(video_id, state.labels if state else None)
        if part is not None:
            return with_labels(part.path.read_bytes().split(b"\n", 1)[1], labels)
        assert old is not None, video_id
        return with_labels(old, labels) if self._has_other_labels(video_id) else old

    def _write_tables(self) -> None:
        with NewFile(self.directory / VIDEOS_FILE) as file:
            file.write(videos_table(self.rows.values()))
        files = {video_id: self.files[video_id] for video_id in self.rows if video_id in self.files}
        extraction = dataclasses.replace(self._extraction, files=files)
        write_extraction(self.directory / EXTRACTION_FILE, extraction)

    def _leave(self, made: Sequence[Path]) -> None:
        """Removes the directory of parts if it is empty, and all if no video was extracted."""
        remove_empty([self.directory / _PARTS])
        is_empty = self._is_new and not self.parts and all(row.problem == NOT_YET for row in self.rows.values())
        if is_empty:
            remove_all(self.directory / name for name in (EXTRACTION_FILE, VIDEOS_FILE, VOCABULARY_FILE))
        remove_empty(made)


def write_part(directory: Path, row: VideoRow, state: FileState, record: bytes) -> Part:
    """Keeps an extracted video until its file of records is written.

    Args:
        directory: `Output.parts_directory`.
        row: its row in the table.
        state: its file.
        record: serialized, without labels.

    Raises:
        InputError: the disk is full, or fails.
    """
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(directory, error) from error
    header = json.dumps({"row": dataclasses.asdict(row), "bytes": state.bytes, "modified": state.modified})
    path = directory / f"{hashlib.sha256(row.id.encode()).hexdigest()[:32]}.part"
    with NewFile(path) as file:
        file.write(header.encode() + b"\n")
        file.write(record)
    return Part(row, state, path)


def refuse_other_things(directory: Path) -> list[str]:
    """The names of what an output directory holds, in order, without what an unfinished extraction left.

    Raises:
        InputError: it is not local, is a file, cannot be read, or holds something, but no extraction.
    """
    check_local(directory, "the records")
    if not directory.exists():
        return []
    if not directory.is_dir():
        raise InputError(f"{directory}: is a file; name a directory for the records")
    try:
        found = sorted(path.name for path in directory.iterdir() if path.name != _PARTS and ".tmp." not in path.name)
    except OSError as error:
        raise InputError(f"{directory}: cannot be read ({error.strerror})") from None
    if found and EXTRACTION_FILE not in found:
        raise InputError(
            f"{directory}: holds other things, such as {found[0]}; name a new directory, or that of an earlier {_COMMAND}"
        )
    return found


def _read_part(path: Path) -> Part | None:
    """An extracted video; None if it is no complete file of one, which is then removed."""
    try:
        if path.suffix != ".part" or path.name.startswith(".") or path.is_dir():
            raise ValueError("unfinished")
        with path.open("rb") as file:
            values: dict[str, Any] = json.loads(file.readline())
        return Part(VideoRow(**values["row"]), FileState(values["bytes"], values["modified"]), path)
    except (ValueError, KeyError, TypeError):
        remove_all([path])
        return None
