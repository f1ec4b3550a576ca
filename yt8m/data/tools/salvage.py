"""`--data.on-corrupt skip`: uses the usable records and says what is left out."""

import atexit
import dataclasses
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yt8m.data.locating import Counted, Problem, usable_records
from yt8m.data.records import framed, read_framing
from yt8m.data.source import Source
from yt8m.errors import InputError, quantity
from yt8m.files import NewFile
from yt8m.progress import Progress


@dataclass(frozen=True)
class Losses:
    """The records and files left out."""

    problems: list[Problem]

    @property
    def num_whole_files(self) -> int:
        """The number of files from which nothing can be read."""
        return sum(_is_of_whole_file(problem) for problem in self.problems)

    @property
    def num_cut_files(self) -> int:
        """The number of files readable up to a broken record. How many records follow is unknown."""
        return sum(problem.ends_file and not _is_of_whole_file(problem) for problem in self.problems)

    @property
    def num_repeated(self) -> int:
        """The number of records that repeat a video or segment."""
        return sum(problem.is_repeated for problem in self.problems)

    @property
    def num_records(self) -> int:
        """The number of single broken records, with readable records after them."""
        return len(self.problems) - self.num_whole_files - self.num_cut_files - self.num_repeated

    @property
    def summary(self) -> str:
        """Sums up the losses in one line."""
        if not self.problems:
            return "all records can be used"
        parts = [
            quantity(self.num_records, "record"),
            f"the rest of {quantity(self.num_cut_files, 'file')} from a broken record on",
            quantity(self.num_whole_files, "whole file"),
        ]
        counts = (self.num_records, self.num_cut_files, self.num_whole_files)
        broken = ", ".join(part for part, count in zip(parts, counts, strict=True) if count)
        repeated = self.num_repeated and f"{quantity(self.num_repeated, 'record')} of what came before"
        listed = " and ".join(part for part in (broken and f"as broken: {broken}", repeated) if part)
        return f"left out {listed}; the first: {self.problems[0].as_error()}"


def _is_of_whole_file(problem: Problem) -> bool:
    return problem.record is None or (problem.record == 0 and problem.ends_file)


def usable_source(
    source: Source,
    on_corrupt: Literal["stop", "skip"],
    progress: Progress,
    counted: Counted | None = None,
) -> Source:
    """Applies `--data.on-corrupt` to a source.

    Args:
        source: the records to read.
        on_corrupt: `skip` leaves unusable records out. `stop` returns the source as it is, so reading stops at the first
            unusable record.
        progress: with `skip`, gets a line on what was left out.
        counted: with `skip`, what may come only once: later records of it are left out. None = anything may repeat.

    Raises:
        InputError: no record can be used.
    """
    if on_corrupt == "stop":
        return source
    usable, losses = without_broken_records(source, counted)
    progress.message(losses.summary)
    return usable


def without_broken_records(source: Source, counted: Counted | None = None) -> tuple[Source, Losses]:
    """Reads all records once, and leaves out unusable and repeated ones.

    Intact files are used as they are. Usable records of other files are copied to temporary files, which vanish when the
    process ends. Such files are few, or the data set is not worth using. The order stays.

    Raises:
        InputError: no record can be used, or there is no room for the copies.
    """
    usable = usable_records(source.files, source.expectations, counted)
    losses = Losses(usable.problems)
    copies = {}
    if any(usable.partial.values()):
        directory = Path(tempfile.mkdtemp(prefix="yt8m-salvaged-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        for number, (path, indices) in enumerate(usable.partial.items()):
            if indices:
                copies[path] = str(_copy(path, set(indices), directory / f"{number:04d}.tfrecord"))
    files = [copies.get(path, path) for path in source.files if path in copies or path not in usable.partial]
    if not files:
        raise InputError(f"{source.files[0]} ...: no record can be used; {losses.summary}")
    return dataclasses.replace(source, files=tuple(files)), losses


def _copy(path: str, indices: set[int], target: Path) -> Path:
    last = max(indices)  # the rest may be unreadable
    with NewFile(target) as file:
        for raw in read_framing(path):
            if raw.index in indices:
                file.write(framed(raw.data))
            if raw.index == last:
                break
    return target
