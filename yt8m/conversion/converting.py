"""`convert`: files of records to new files, several at a time.

The new files are written into a hidden directory beside the one that was asked for, each complete or not at all, and that gets
its name when the last one is there. What was stopped or killed goes on with the files that are missing.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tensorflow as tf

from yt8m.conversion.frames import read_frames
from yt8m.conversion.parquet import ParquetFile, columns_for, load_pyarrow, read_rows
from yt8m.conversion.shards import Part, Shard, evenly, is_parquet, one_each, refuse_broken_ends
from yt8m.conversion.video_level import to_video_level
from yt8m.data.checking import check_record, parse
from yt8m.data.identity import identify
from yt8m.data.records import file_size, framed, read_framing
from yt8m.data.schema import ID_KEYS
from yt8m.data.sources import describe_error, expand_paths
from yt8m.data.survey import level_of_most, survey
from yt8m.errors import InputError, RecordError, quantity
from yt8m.files import (
    NewFile,
    check_local,
    check_room,
    locked,
    make_directory,
    read_json,
    remove_empty,
    remove_unfinished,
    write_json,
)
from yt8m.progress import SILENT, Progress
from yt8m.values import PositiveInt, checked

Form = Literal["video", "tfrecord", "parquet"]
"""The means of frames; records as they are; tables."""

_ENDINGS: dict[Form, str] = {"video": ".tfrecord", "tfrecord": ".tfrecord", "parquet": ".parquet"}
_MANIFEST = "conversion.json"
_FILES_AT_ONCE = 4
"""At most: more cores than that wait for each other, as Python runs on one."""
_RECORDS_A_REPORT = 64


@dataclass(frozen=True)
class Converted:
    """What was written."""

    directory: str
    num_files: int
    num_kept: int
    """Of these, how many were there already, from a conversion that was stopped."""
    num_records: int
    """In the files that were written now."""
    num_bytes: int
    """In all files."""


@dataclass(frozen=True)
class _Work:
    """What is done to each record. Made once, shared by threads."""

    to: Form
    std: bool
    keys: str | None
    parquet: bool
    """Whether the files are Parquet files."""
    features: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def records(self, part: Part) -> Iterator[tuple[int, bytes]]:
        """The records of a part of a file, each with its number in it. Raises RecordError for one that is broken."""
        last = None if part.count is None else part.first + part.count - 1
        for index, data in _rows(part) if self.parquet else _framed_records(part):
            yield index, data
            if index == last:
                return

    def apply(self, data: bytes, path: str, index: int) -> bytes:
        """The record that becomes of a record. Raises RecordError if it cannot be used."""
        if self.to == "video":
            return to_video_level(read_frames(data, path, index), self.features, self.std)
        if self.to == "parquet":
            _refuse_unusable(data, path, index)
        return with_current_keys(data, path, index) if self.keys else data

    def open(self, path: Path) -> contextlib.AbstractContextManager:
        """A new file."""
        return ParquetFile(path, self.columns) if self.to == "parquet" else _TfrecordFile(path)


class _TfrecordFile(NewFile):
    """A new TFRecord file, of which records are written."""

    def write(self, content: bytes) -> None:
        super().write(framed(content))


@checked
def convert(
    paths: str | Sequence[str],
    out: str | os.PathLike,
    *,
    to: Form,
    std: bool = False,
    num_shards: PositiveInt | None = None,
    records_per_shard: PositiveInt | None = None,
    keys: Literal["2018"] | None = None,
    progress: Progress = SILENT,
) -> Converted:
    """Writes records in another form, in the order of the files.

    Args:
        paths: files, directories or globs: TFRecord files, or Parquet files that this function wrote.
        out: a directory that does not exist or is empty; it appears when all is written.
        to: `video`, the means of frame-level records; `tfrecord` or `parquet`, the records themselves.
        std: with the means, the standard deviations, as `std_rgb` and `std_audio`, which `read_records` does not read.
        num_shards: write so many files; None = one for each file, under its name.
        records_per_shard: or, files of so many records, the last one fewer.
        keys: `2018` renames the id's key, `video_id` in 2017, to `id`. Video-level records are written so anyway.
        progress: counts the records, a few at a time; gets a line where something that was stopped goes on.

    Returns:
        What was written. After a kill the same call goes on with the files that are missing.

    Raises:
        InputError, RecordError: nothing matches, a record is broken or cannot be used, `out` is not empty or cannot be written.
    """
    directory = _check_place(out)
    if std and to != "video":
        raise InputError("--std goes with --to video, which computes means")
    if num_shards is not None and records_per_shard is not None:
        raise InputError("--num-shards and --records-per-shard exclude each other; give one of them")
    files = expand_paths(paths, (".tfrecord", ".parquet"))
    work = _prepare(files, to, std, keys)
    if num_shards is None and records_per_shard is None:
        shards = one_each(files)
    else:
        shards = evenly(files, num_shards, records_per_shard, work.parquet)
    staging = _Staging(directory, work, shards)
    with staging.made():
        missing = staging.prepare(progress)
        if to == "tfrecord" and not work.parquet:  # whose size is known before
            size = sum(map(file_size, files)) * len(missing) // len(shards)
            check_room(out, size, f"copies of {quantity(len(files), 'file')}", "or choose another --out")
        with progress.working("converting", "record"):
            num_records = _write_all(work, missing, staging.path, progress)
        num_bytes = staging.publish()
    return Converted(str(out), len(shards), len(shards) - len(missing), num_records, num_bytes)


def with_current_keys(data: bytes, path: str, index: int) -> bytes:
    """A record with its id under ``id``; a record that has one there is left as it is, byte for byte.

    Raises:
        RecordError: it is no record, or has no id.
    """
    example = parse(data)
    if example is None:
        raise RecordError(path, index, "is no tf.train.Example or SequenceExample")
    current, former = ID_KEYS
    context = example.context.feature
    if current in context and context[current].bytes_list.value:
        return data
    if former not in context:
        raise RecordError(path, index, f"has no id (neither {current} nor {former})")
    context[current].CopyFrom(context[former])
    del context[former]
    return example.SerializeToString(deterministic=True)


def _check_place(out: str | os.PathLike) -> Path:
    check_local(out, "the directory")
    directory = Path(os.path.realpath(out))
    if os.path.ismount(directory):  # which no other directory can take the place of
        raise InputError(
            f"{os.fspath(out)}: is a mounted disk; name a directory on it, {os.path.join(out, 'converted')} say"
        )
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"{os.fspath(out)}: is there already; name a directory that is new or empty")
    return directory


def _prepare(files: Sequence[str], to: Form, std: bool, keys: str | None) -> _Work:
    """What is to be done, and whether these files allow it."""
    parquet = [is_parquet(path) for path in files]
    if any(parquet) and not all(parquet):
        raise InputError(
            f"{files[parquet.index(True)]} is a Parquet file, {files[parquet.index(False)]} is none; convert them apart"
        )
    work = _Work(to, std, keys, parquet[0])
    if work.parquet or to == "parquet":
        load_pyarrow()
    if work.parquet:
        if to == "video":
            raise InputError(
                f"{files[0]}: is a Parquet file; convert it with --to tfrecord first, and that to video level"
            )
    else:
        refuse_broken_ends(files)
    if to == "video":
        found = survey(files)
        if found.level == "video":
            raise RecordError(files[0], 0, "is a video-level record already; --to video takes the means of frames")
        return dataclasses.replace(work, features=found.features)
    if to == "parquet":
        index, data = next(work.records(Part(files[0])))
        level = None if work.parquet else level_of_most(files)
        return dataclasses.replace(work, columns=columns_for(work.apply(data, files[0], index), level))
    return work


def _refuse_unusable(data: bytes, path: str, index: int) -> None:
    problem = check_record(data)
    if problem and check_record(data, "frame"):  # a video without frames has no level of its own
        raise RecordError(path, index, problem)


def _rows(part: Part) -> Iterator[tuple[int, bytes]]:
    yield from enumerate(read_rows(part.path, part.first), part.first)


def _framed_records(part: Part) -> Iterator[tuple[int, bytes]]:
    try:
        for raw in read_framing(part.path, part.first, part.offset):
            if raw.problem:
                raise raw.as_error(part.path)
            yield raw.index, raw.data
    except tf.errors.OpError as error:
        raise RecordError(part.path, None, f"cannot be read ({describe_error(error)})") from error


def _write_all(work: _Work, shards: Sequence[Shard], directory: Path, progress: Progress) -> int:
    """Writes the shards, some at a time; the number of records. After an error, the others are given up."""
    stop, lock = threading.Event(), threading.Lock()

    def advance(count: int) -> None:
        with lock:
            progress.advance(count)
        if stop.is_set():
            raise _StoppedError

    num_threads = max(1, min(_FILES_AT_ONCE, len(os.sched_getaffinity(0)), len(shards)))
    with ThreadPoolExecutor(num_threads) as threads:
        running = [threads.submit(_write, work, shard, directory, advance) for shard in shards]
        try:
            return sum(each.result() for each in as_completed(running))
        except BaseException:
            stop.set()
            threads.shutdown(wait=True, cancel_futures=True)
            raise


class _StoppedError(Exception):
    """Another thread failed, or the user stopped the command."""


def _write(work: _Work, shard: Shard, directory: Path, advance: Callable[[int], None]) -> int:
    written = reported = 0
    with work.open(directory / f"{shard.name}{_ENDINGS[work.to]}") as file:
        for part in shard.parts:
            for index, data in work.records(part):
                file.write(work.apply(data, part.path, index))
                written += 1
                if written - reported == _RECORDS_A_REPORT:
                    advance(written - reported)
                    reported = written
        if not written:
            raise RecordError(shard.parts[0].path, None, "holds no records")
        advance(written - reported)
    return written


class _Staging:
    """The hidden directory that becomes the one asked for.

    Args:
        directory: the one asked for, not there or empty.
        work: what is done.
        shards: the files that it will hold.
    """

    def __init__(self, directory: Path, work: _Work, shards: Sequence[Shard]):
        self.path = directory.parent / f".{directory.name}.converting"
        self._directory, self._shards, self._ending = directory, shards, _ENDINGS[work.to]
        done = dataclasses.asdict(work)
        paths = list(dict.fromkeys(part.path for shard in shards for part in shard.parts))
        states = dict(zip(paths, identify(paths), strict=True))
        # A shard that is there stays only if the same would be made again, of files that are known to be the same.
        self._plans = {
            f"{shard.name}{self._ending}": [
                done,
                *([*dataclasses.astuple(part), *states[part.path]] for part in shard.parts),
            ]
            for shard in shards
        }

    @contextlib.contextmanager
    def made(self) -> Iterator[None]:
        """The directory, while nobody else works in it; after a mistake in the block, it stays only if it is of use."""
        made = make_directory(self.path)
        with locked(
            self.path, f"{self._directory}: another yt8m convert is writing it; wait for it, or name another place"
        ):
            try:
                yield
            except InputError:
                if not any((self.path / name).is_file() for name in self._plans):
                    shutil.rmtree(self.path, ignore_errors=True)
                    remove_empty(made)
                raise

    def prepare(self, progress: Progress) -> list[Shard]:
        """Clears the directory of what is of no use; the shards that it lacks."""
        remove_unfinished(self.path)
        kept = self._kept()
        for path in self.path.iterdir():
            if path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        write_json(self.path / _MANIFEST, self._plans)
        if kept:
            progress.message(
                f"{self._directory}: going on; {len(kept)} of {quantity(len(self._shards), 'file')} are there"
            )
        return [shard for shard in self._shards if f"{shard.name}{self._ending}" not in kept]

    def _kept(self) -> set[str]:
        try:
            before = read_json(self.path / _MANIFEST)
        except InputError:
            return set()
        plans = json.loads(json.dumps(self._plans))
        known = {name for name, (_, *parts) in plans.items() if all(version for *_, version in parts)}
        return {name for name in known if before.get(name) == plans[name] and (self.path / name).is_file()}

    def publish(self) -> int:
        """Gives the directory its name; the bytes in it."""
        (self.path / _MANIFEST).unlink()
        num_bytes = sum(path.stat().st_size for path in self.path.iterdir())
        try:
            os.replace(self.path, self._directory)
        except OSError as error:
            raise InputError(f"{self._directory}: cannot be made ({error.strerror}); choose another place") from error
        return num_bytes
