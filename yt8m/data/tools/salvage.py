"""`--data.on-corrupt skip`: go on with the records that can be used, and say what cannot."""

import atexit
import dataclasses
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yt8m.data.locating import Counted, Problem, usable_records
from yt8m.data.pipeline import Source
from yt8m.data.records import framed, read_framing
from yt8m.errors import InputError, quantity
from yt8m.files import NewFile
from yt8m.progress import Progress


@dataclass(frozen=True)
class Losses:
    """What was left out."""

    problems: list[Problem]

    @property
    def num_whole_files(self) -> int:
        """Files of which nothing can be read."""
        return sum(_is_of_whole_file(problem) for problem in self.problems)

    @property
    def num_cut_files(self) -> int:
        """Files that can be read up to a broken record; how many records would have followed is not known."""
        return sum(problem.ends_file and not _is_of_whole_file(problem) for problem in self.problems)

    @property
    def num_repeated(self) -> int:
        """Records of videos, or segments, that came before."""
        return sum(problem.is_repeated for problem in self.problems)

    @property
    def num_records(self) -> int:
        """Single broken records, in files that go on after them."""
        return len(self.problems) - self.num_whole_files - self.num_cut_files - self.num_repeated

    @property
    def summary(self) -> str:
        """One line for the user."""
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
    """The source as `--data.on-corrupt` wants it.

    Args:
        source: what to read.
        on_corrupt: `stop` leaves it as it is: reading it stops at the first record that cannot be used.
        progress: with `skip`, gets a line on what was left out.
        counted: with `skip`, of what comes twice the later record is left out; None = it may.

    Raises:
        InputError: no record can be used.
    """
    if on_corrupt == "stop":
        return source
    usable, losses = without_broken_records(source, counted)
    progress.message(losses.summary)
    return usable


def without_broken_records(source: Source, counted: Counted | None = None) -> tuple[Source, Losses]:
    """The same source less the records that cannot be used, and those that come twice, after reading all of them once.

    Whole files are used as they are. The usable records of the others are copied into temporary files, which vanish when
    the process ends; there are few, or the data set is not worth using. The order stays.

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
    last = max(indices)  # what follows may be unreadable
    with NewFile(target) as file:
        for raw in read_framing(path):
            if raw.index in indices:
                file.write(framed(raw.data))
            if raw.index == last:
                break
    return target
