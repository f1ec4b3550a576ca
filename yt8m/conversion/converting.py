"""`convert` writes records to new files, several files at a time.

New files are written to a hidden directory beside the final one. It gets the final name when all files are complete. After a
stop or a kill, the same call continues with the missing files.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yt8m.conversion.shards import Shard, evenly, one_each
from yt8m.conversion.staging import Staging
from yt8m.conversion.work import ENDINGS, Form, Work, prepare
from yt8m.data.file_access import file_size
from yt8m.data.sources import BARE, RECORDS, expand_paths
from yt8m.errors import InputError, RecordError, quantity
from yt8m.files import (
    check_local,
    check_room,
)
from yt8m.progress import SILENT, Progress
from yt8m.values import PositiveInt, checked

_FILES_AT_ONCE = 4
"""Largest number of files to write at a time. With more, threads wait for each other, because Python runs on one core."""

_RECORDS_A_REPORT = 64


@dataclass(frozen=True)
class Converted:
    """The result of a conversion."""

    directory: str
    num_files: int
    num_kept: int
    """How many of these files existed, from a stopped conversion."""
    num_records: int
    """Records in the files written now."""
    num_bytes: int
    """Bytes of all files."""


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
        out: a missing or empty directory. It appears when all files are complete.
        to: `video` for the means of frame-level records; `tfrecord` or `parquet` for the records themselves.
        std: also write the standard deviations, as `std_rgb` and `std_audio`. `read_records` does not read them.
        num_shards: number of files to write; None = one for each input file, with its name.
        records_per_shard: records in each file but the last, instead of `num_shards`.
        keys: `2018` renames the key of the id from `video_id` (2017) to `id`. `video` always does.
        progress: counts the records, and gets a line when a stopped conversion continues.

    Returns:
        The files and records. After a kill, the same call continues with the missing files.

    Raises:
        InputError, RecordError: no file matches, a record is broken or unusable, or `out` is not empty or cannot be written.
    """
    directory = _check_place(out)
    if std and to != "video":
        raise InputError("--std goes with --to video, which computes means")
    if num_shards is not None and records_per_shard is not None:
        raise InputError("--num-shards and --records-per-shard exclude each other; give one of them")
    files = expand_paths(paths, (RECORDS, BARE, ".parquet"))
    work = prepare(files, to, std, keys)
    if num_shards is None and records_per_shard is None:
        shards = one_each(files)
    else:
        shards = evenly(files, num_shards, records_per_shard, work.parquet)
    staging = Staging(directory, work, shards)
    with staging.made():
        missing = staging.prepare(progress)
        if to == "tfrecord" and not work.parquet:  # only then is the size known before
            size = sum(file_size(path) or 0 for path in files) * len(missing) // len(shards)
            check_room(out, size, f"copies of {quantity(len(files), 'file')}", "or choose another --out")
        with progress.working("converting", "record"):
            num_records = _write_all(work, missing, staging.path, progress)
        num_bytes = staging.publish()
    return Converted(str(out), len(shards), len(shards) - len(missing), num_records, num_bytes)


def _check_place(out: str | os.PathLike) -> Path:
    check_local(out, "the directory")
    directory = Path(os.path.realpath(out))
    if os.path.ismount(directory):  # cannot be replaced by another directory
        raise InputError(
            f"{os.fspath(out)}: is a mounted disk; name a directory on it, such as {os.path.join(out, 'converted')}"
        )
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"{os.fspath(out)}: exists; name a new or empty directory")
    return directory


def _write_all(work: Work, shards: Sequence[Shard], directory: Path, progress: Progress) -> int:
    """Writes the shards, some at a time, and returns the number of records. An error stops all of them."""
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


def _write(work: Work, shard: Shard, directory: Path, advance: Callable[[int], None]) -> int:
    written = reported = 0
    with work.open(directory / f"{shard.name}{ENDINGS[work.to]}") as file:
        for part in shard.parts:
            for record, data in work.records(part):
                file.write(work.apply(record, data))
                written += 1
                if written - reported == _RECORDS_A_REPORT:
                    advance(written - reported)
                    reported = written
        if not written:
            raise RecordError(shard.parts[0].path, None, "holds no records")
        advance(written - reported)
    return written
