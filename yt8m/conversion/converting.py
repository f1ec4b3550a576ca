"""`convert` writes records to new files, several files at a time.

New files are written to a hidden directory beside the final one. It gets the final name when all files are complete. After a
stop or a kill, the same call continues with the missing files.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from yt8m.conversion.arrays import with_inner_directories
from yt8m.conversion.inputs import ENDINGS as INPUT_ENDINGS
from yt8m.conversion.inputs import Inputs, open_inputs
from yt8m.conversion.shards import Shard, evenly, one_each, split_in
from yt8m.conversion.staging import Staging, file_name
from yt8m.conversion.storing import ArrayOptions, Storing
from yt8m.conversion.work import ENDINGS, Form, Work, prepare
from yt8m.data.access.file_access import file_size, is_remote
from yt8m.data.sources import expand_paths
from yt8m.errors import InputError, RecordError, quantity
from yt8m.files import (
    check_local,
    check_room,
)
from yt8m.machine import count_cores
from yt8m.progress import SILENT, Progress
from yt8m.values import PositiveInt, checked

_FILES_AT_ONCE = 4
"""Largest number of files to write at a time. With more, threads wait for each other, because Python runs on one core."""

_RECORDS_A_REPORT = 64

_VIDEOS_A_FILE = 1000
"""Records in a new file, if they are made of arrays. Files of YouTube-8M have about as many."""


class Engine:
    """Who writes new files: threads of this process. `yt8m.cluster.convert.BeamConversion` is another."""

    def check(self, out: str | os.PathLike) -> None:
        """Raises InputError if the output cannot be there."""
        _check_place(out)

    def staging(self, out: str | os.PathLike, work: Work, shards: Sequence[Shard]) -> Staging:
        """Where unfinished files are."""
        return Staging(_check_place(out), work, shards)

    def write(self, work: Work, shards: Sequence[Shard], directory: Path, progress: Progress) -> int:
        """Writes files to a directory, and returns the number of records. An error stops all of them."""
        return _write_all(work, shards, directory, progress)


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
    clipped: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By quantised feature: the number of values beyond its range, and of all its values, in the files written now."""


@checked(options_of=[ArrayOptions])
def convert(
    paths: str | Sequence[str],
    out: str | os.PathLike,
    *,
    to: Form | None = None,
    std: bool = False,
    num_shards: PositiveInt | None = None,
    records_per_shard: PositiveInt | None = None,
    keys: Literal["2018"] | None = None,
    progress: Progress = SILENT,
    engine: Engine | None = None,
    **array_options: Any,
) -> Converted:
    """Writes records in another form, in the order of the files, or makes records of arrays.

    Args:
        paths: files, directories or globs: TFRecord files, Parquet files, or files of arrays, `.npy` or `.npz`
            (`yt8m.conversion.arrays`).
        out: a missing or empty directory. It appears when all files are complete.
        to: `video` for the means of frame-level records; `tfrecord`, `parquet` or `npz` for the records themselves. None is
            `tfrecord` if the files hold arrays.
        std: also write the standard deviations, as `std_rgb` and `std_audio`. `read_records` does not read them.
        num_shards: number of files to write; None = one for each input file, with its name; of arrays, 1000 records a file.
            With `npz`, these are directories.
        records_per_shard: records in each file but the last, instead of `num_shards`.
        keys: `2018` renames the key of the id from `video_id` (2017) to `id`. `video` always does.
        progress: counts the records, and gets a line when a stopped conversion continues.
        engine: writes the files; None = threads of this process.
        array_options: fields of `yt8m.conversion.storing.ArrayOptions`.

    Returns:
        The files and records. After a kill, the same call continues with the missing files.

    Raises:
        InputError, RecordError: no file matches, a record is broken or unusable, or `out` is not empty or cannot be written.
    """
    engine = engine or Engine()
    engine.check(out)
    if std and to != "video":
        raise InputError("--std goes with --to video, which computes means")
    if num_shards is not None and records_per_shard is not None:
        raise InputError("--num-shards and --records-per-shard exclude each other; give one of them")
    options = ArrayOptions(**array_options)
    storing = Storing(options)
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    inputs = open_inputs(expand_paths(with_inner_directories(given, INPUT_ENDINGS), INPUT_ENDINGS), storing)
    to = _form(to, inputs, options)
    work = prepare(to, std, keys, options.dequantise, inputs, storing)
    shards = _divide(inputs, num_shards, records_per_shard, out)
    staging = engine.staging(out, work, shards)
    with staging.made():
        kept = staging.prepare(progress)
        missing = [shard for shard in shards if file_name(shard, work) not in kept]
        if to == "tfrecord" and inputs.kind == "records" and not is_remote(os.fspath(out)):  # the size is known before
            size = sum(map(file_size, inputs.files)) * len(missing) // len(shards)
            check_room(out, size, f"copies of {quantity(len(inputs.files), 'file')}", "or choose another --out")
        if inputs.kind == "arrays":
            inputs.found.tell(progress)
        num_records = engine.write(work, missing, staging.path, progress)
        num_bytes = staging.publish()
        if inputs.kind == "records" and to in ("video", "tfrecord"):
            staging.add_companions(inputs.files[0])
    return Converted(str(out), len(shards), len(kept), num_records, num_bytes, storing.clipped)


def _form(to: Form | None, inputs: Inputs, options: ArrayOptions) -> Form:
    """The form to write. Raises InputError if options contradict it, or the files."""
    if to is None and inputs.kind != "arrays" and not (inputs.kind == "table" and options.labels):
        raise InputError(f"--to {{{','.join(get_args(Form))}}} is missing")
    to = to or "tfrecord"
    if options.dequantise and to != "npz":
        raise InputError("--dequantise goes with --to npz, which writes arrays")
    flag = "--quantise" if options.quantise else "--labels" if options.labels is not None else ""
    if flag and inputs.kind == "records":
        raise InputError(f"{flag} goes with arrays and tables, and {inputs.files[0]} is a file of records")
    if options.features and inputs.kind == "records" and to == "tfrecord":
        raise InputError(
            "--features goes with arrays, tables, and --to video, parquet or npz; here records are copied whole"
        )
    return to


def _divide(
    inputs: Inputs, num_shards: int | None, records_per_shard: int | None, out: str | os.PathLike
) -> list[Shard]:
    """The files to write, and what goes into each."""
    is_array = inputs.kind == "arrays"
    if num_shards is None and records_per_shard is None and not is_array:
        return one_each(inputs.files)
    if num_shards is None and records_per_shard is None:
        records_per_shard = _VIDEOS_A_FILE
    # Files of arrays are called after their videos.
    prefix = split_in([os.path.abspath(out)] if is_array else inputs.files)
    return evenly(inputs.places, num_shards, records_per_shard, prefix)


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

    num_threads = max(1, min(_FILES_AT_ONCE, count_cores(), len(shards)))
    with progress.working("converting", "record"), ThreadPoolExecutor(num_threads) as threads:
        running = [threads.submit(_write, work, shard, directory, advance) for shard in shards]
        try:
            return sum(each.result() for each in as_completed(running))
        except BaseException:
            stop.set()
            threads.shutdown(wait=True, cancel_futures=True)
            raise


class _StoppedError(Exception):
    """Another thread failed, or the user stopped the command."""


def no_records(shard: Shard) -> RecordError:
    """The error to raise where a file would be empty."""
    return RecordError(shard.parts[0].path, None, "holds no records")


def _write(work: Work, shard: Shard, directory: Path, advance: Callable[[int], None]) -> int:
    written = reported = 0
    with work.open(directory / f"{shard.name}{ENDINGS[work.to]}") as file:
        for part in shard.parts:
            for record, data in work.records(part):
                file.write(work.apply(record, data), record)
                written += 1
                if written - reported == _RECORDS_A_REPORT:
                    advance(written - reported)
                    reported = written
        if not written:
            raise no_records(shard)
        advance(written - reported)
    return written
