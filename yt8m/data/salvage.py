"""`--data.on-corrupt skip`: train on the records that can be used, and say how many cannot."""

import atexit
import dataclasses
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from yt8m.data.inspection import Problem, usable_records
from yt8m.data.pipeline import Source
from yt8m.data.records import framed, read_framing
from yt8m.errors import InputError


@dataclass(frozen=True)
class Losses:
    """What was left out."""

    num_files: int
    """Files with a record that cannot be used."""
    num_records: int
    """Records that cannot be used. A file that breaks off counts one: how many would have followed is not known."""
    problems: list[Problem]

    @property
    def summary(self) -> str:
        """One line for the user."""
        if not self.problems:
            return "all records can be used"
        first = self.problems[0].as_error()
        return f"left out {self.num_records} records of {self.num_files} files that cannot be used, the first: {first}"


def without_broken_records(source: Source) -> tuple[Source, Losses]:
    """The same source less the records that cannot be used, after reading all of them once.

    Whole files are used as they are. The usable records of the others are copied into temporary files, which vanish when
    the process ends; there are few, or the data set is not worth training on.

    Raises:
        InputError: no record can be used.
    """
    usable = usable_records(
        source.files,
        level=source.level,
        features=source.features,
        num_classes=source.num_classes,
        max_labels=source.max_labels,
    )
    files = list(usable.whole)
    if usable.partial:
        directory = Path(tempfile.mkdtemp(prefix="yt8m-salvaged-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        for number, (path, indices) in enumerate(usable.partial.items()):
            if indices:
                files.append(str(_copy(path, set(indices), directory / f"{number:04d}.tfrecord")))
    losses = Losses(len(usable.partial), len(usable.problems), usable.problems)
    if not files:
        raise InputError(f"{source.files[0]} ...: {losses.summary}; nothing is left to train on")
    return dataclasses.replace(source, files=tuple(files)), losses


def _copy(path: str, indices: set[int], target: Path) -> Path:
    with target.open("wb") as file:
        for raw in read_framing(path):
            if raw.index in indices:
                file.write(framed(raw.data))
    return target
