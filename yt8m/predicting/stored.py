"""Predictions stored in a directory, written part by part, so that writing can be resumed after a stop.

======================  ================================================================================================
``predictions.json``    what the predictions are for and were made from (`Description`, the run, the records); once all parts
                        are there, also the number of rows and the digest of each part
``parts/00000.npz``     NumPy arrays, uncompressed: ``ids`` bytes [N]; ``logits`` float16 or float32 [N, C or k];
                        for segments ``starts`` int32 [N]; for the most probable classes alone ``classes`` uint16 or int32
                        [N, k]; for means of lists ``counts`` int32 [N], the number of these that count; ``records``, a digest
                        of the ids of the records that the part was made from, if known
======================  ================================================================================================

A part has the records of some whole files, about 256 MB, in their order. It stores logits, because float16 can tell 0.9990 from
0.9991 as logits but not as probabilities.
"""

import contextlib
import dataclasses
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yt8m.errors import InputError
from yt8m.files import NewFile, check_destination, check_local, make_directory, read_json, remove_empty, write_json
from yt8m.metrics.inputs import check_finite
from yt8m.predicting.differences import refusal
from yt8m.predicting.parts import (
    Description,
    Part,
    Predictions,
    refuse_repeats,
)
from yt8m.progress import SILENT, Progress

FORMAT = 1
_FILE = "predictions.json"
_LARGEST_LOGIT = 60_000.0
"""The largest float16 is 65 504."""


def _description_path(directory: Path) -> Path:
    return directory / _FILE


def _part_path(directory: Path, number: int) -> Path:
    return directory / "parts" / f"{number:05d}.npz"


def is_stored(directory: str | os.PathLike) -> bool:
    """Whether a directory holds stored predictions, complete or not."""
    return _description_path(Path(directory)).is_file()


def made_from(directory: str | os.PathLike) -> dict[str, Any] | None:
    """Returns what the predictions in a directory, complete or not, were made from; None if that cannot be read."""
    try:
        header = read_json(_description_path(Path(directory)))
    except InputError:
        return None
    return header.get("made_from") if isinstance(header, dict) else None


class PredictionStore:
    """Writes stored predictions. Resumes a directory that has some of the same predictions.

    Nothing is written before the first part, so that an earlier failure leaves no directory.

    Args:
        directory: the directory to write, created if it does not exist.
        description: the description of the predictions.
        made_from: plain JSON values that determine the predictions. A directory made from anything else is refused.
        num_parts: number of parts in all.
        replace: whether to remove predictions made from anything else instead of refusing them.
        name: the name of the predictions in messages; None = the directory.

    Raises:
        InputError: the directory holds other things, is not local or cannot be written.
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        description: Description,
        made_from: Mapping[str, Any],
        num_parts: int,
        replace: bool = False,
        name: str | None = None,
    ):
        check_local(directory, "the directory")
        self.directory, self.description, self.num_parts = Path(directory), description, num_parts
        self._name = name
        header = {"format": FORMAT, **dataclasses.asdict(description), "made_from": made_from, "num_parts": num_parts}
        self._header = json.loads(json.dumps(header))
        path = _description_path(self.directory)
        found = read_json(path) if path.exists() else None
        self._gives_way = found is not None and _differs(found, self._header)
        if self._gives_way and not replace:
            raise InputError(f"{self.directory}: {refusal(found, self._header)}")
        if found is None and self.directory.exists() and (not self.directory.is_dir() or any(self.directory.iterdir())):
            raise InputError(f"{self.directory}: holds other things; give an empty or new directory")
        self._is_complete = found is not None and "parts" in found and not self.missing()
        if not self._is_complete:
            check_destination(path, shown=self.directory)

    def missing(self) -> list[int]:
        """Returns the numbers of the parts that are still missing."""
        every = range(self.num_parts)
        return [number for number in every if self._gives_way or not _part_path(self.directory, number).exists()]

    def records(self, number: int) -> str:
        """Returns the `records` that `write` was given for a part that is there."""
        with _arrays(self.directory, number) as arrays:
            return str(arrays["records"]) if "records" in arrays else ""

    def discard(self, numbers: Sequence[int]) -> None:
        """Removes parts, so that they are missing again."""
        if numbers:
            write_json(_description_path(self.directory), self._header)  # no longer marked as complete
            self._is_complete = False
        for number in numbers:
            _part_path(self.directory, number).unlink(missing_ok=True)

    def write(self, number: int, part: Part, records: str = "") -> None:
        """Writes one part, whole or not at all.

        Args:
            number: the number of the part.
            part: the contents of the part.
            records: a digest of the ids of the records that it was made from; empty if it is not needed.

        Raises:
            InputError: a logit is NaN or infinite, or the disk is full.
        """
        content = encoded(part, self.description, records)
        with self.begun():
            self.put(number, content)

    def put(self, number: int, content: bytes) -> None:
        """Writes the bytes of a part, from `encoded`, within `begun`. Raises InputError if it cannot."""
        with NewFile(_part_path(self.directory, number)) as file:
            file.write(content)

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """Makes the directory ready for parts if needed, and removes it again after an error, unless there are parts by then.

        Raises:
            InputError: it cannot be written.
        """
        if self._gives_way:
            shutil.rmtree(self.directory)
            self._gives_way = False
        path = _description_path(self.directory)
        if path.exists():
            yield
            return
        made = make_directory(self.directory)
        try:
            write_json(path, self._header)
            yield
        except BaseException:
            if len(self.missing()) == self.num_parts:
                path.unlink(missing_ok=True)
                remove_empty(made)
            raise

    def finish(self) -> "StoredPredictions":
        """Marks the predictions as complete. All parts must be there.

        Raises:
            RepeatError: a video, or a segment, occurs twice.
        """
        if self._is_complete:
            return StoredPredictions(self.directory, self._name)
        parts = [_read_part(self.directory, number, rows_alone=True) for number in range(self.num_parts)]
        refuse_repeats(parts)
        index = [{"num_rows": len(part), "digest": part.digest} for part in parts]
        write_json(_description_path(self.directory), self._header | {"parts": index})
        return StoredPredictions(self.directory, self._name)


def encoded(part: Part, description: Description, records: str = "") -> bytes:
    """The bytes of a part's file; arguments and errors: see `PredictionStore.write`."""
    check_finite(
        part.logits,
        part.names(),
        part.classes if part.classes is not None else description.classes,
        kind=description.task,
    )
    # Row by row, however the part was put together: equal parts have equal bytes.
    logits = np.clip(part.logits, -_LARGEST_LOGIT, _LARGEST_LOGIT).astype(description.precision, order="C")
    arrays = {"ids": part.ids, "logits": logits}
    if part.starts is not None:
        arrays["starts"] = part.starts.astype(np.int32)
    if part.classes is not None:
        small = description.num_classes <= np.iinfo(np.uint16).max
        arrays["classes"] = part.classes.astype(np.uint16 if small else np.int32)
    if part.counts is not None:
        arrays["counts"] = part.counts.astype(np.int32)
    if records:
        arrays["records"] = np.array(records)
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def _differs(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return any(found.get(key) != wanted[key] for key in wanted)


class StoredPredictions(Predictions):
    """Complete stored predictions.

    Args:
        directory: the directory of the predictions.
        name: their name in messages; None = the directory.

    Raises:
        InputError: there are none, they are not complete, or they have another version of the format.
    """

    def __init__(self, directory: str | os.PathLike, name: str | None = None):
        self.directory, self.name = Path(directory), name or os.fspath(directory)
        if not is_stored(directory):
            raise InputError(
                f"{directory}: holds no stored predictions; make some with yt8m predict --store {directory}"
            )
        header = read_json(_description_path(self.directory))
        if header.get("format") != FORMAT:
            raise InputError(
                f"{directory}: is of format {header.get('format')}, this version reads {FORMAT}; make it anew"
            )
        if "parts" not in header:
            raise InputError(f"{directory}: is not complete; give the command that makes it again, and it goes on")
        fields = {field.name: header.get(field.name) for field in dataclasses.fields(Description)}
        if fields["classes"] is not None:
            fields["classes"] = tuple(fields["classes"])
        self.description = Description(**fields)
        self.made_from: dict[str, Any] = header["made_from"]
        self._parts = header["parts"]

    @property
    def digests(self) -> tuple[str, ...]:
        return tuple(part["digest"] for part in self._parts)

    @property
    def num_parts(self) -> int:
        """Number of parts."""
        return len(self._parts)

    @property
    def num_rows(self) -> int:
        """Number of rows in all parts."""
        return sum(part["num_rows"] for part in self._parts)

    def read(self, number: int) -> Part:
        return self._checked(number, _read_part(self.directory, number))

    def read_rows(self, number: int) -> Part:
        return self._checked(number, _read_part(self.directory, number, rows_alone=True))

    def _checked(self, number: int, part: Part) -> Part:
        """Returns a part. Raises InputError unless it has the rows that it is listed with."""
        if part.digest != self._parts[number]["digest"]:
            path = _part_path(self.directory, number)
            raise InputError(
                f"{path}: has other rows than {_FILE} lists for it; remove {self.directory}, and make it anew"
            )
        return part


@contextlib.contextmanager
def _arrays(directory: Path, number: int) -> Iterator[Mapping[str, np.ndarray]]:
    """Opens the arrays of a part. Raises InputError if it is damaged, even while they are read."""
    path = _part_path(directory, number)
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            yield arrays
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read ({error}); remove it and make the predictions again") from error


def _read_part(directory: Path, number: int, rows_alone: bool = False) -> Part:
    """Reads a part; with `rows_alone`, without its logits, which are most of its bytes."""
    with _arrays(directory, number) as arrays:
        columns = {key: arrays.get(key) for key in ("ids", "starts")}
        if rows_alone:
            return Part(**columns, logits=np.empty((len(columns["ids"]), 0)))
        more = {key: arrays.get(key) for key in ("classes", "counts")}
        return Part(**columns, **more, logits=arrays["logits"])


def store(
    parts: Iterable[Callable[[], Part]],
    into: PredictionStore,
    progress: Progress = SILENT,
    records: Callable[[int], str] = lambda number: "",
) -> StoredPredictions:
    """Makes the missing parts and completes the store.

    Args:
        parts: a function for each part, which makes it.
        into: the store.
        progress: counts the rows of parts that were there already.
        records: returns the `records` of a part for `PredictionStore.write`.
    """
    missing = set(into.missing())
    for number, make in enumerate(parts):
        if number in missing:
            into.write(number, make(), records(number))
        else:
            progress.advance(len(_read_part(into.directory, number, rows_alone=True)))
    return into.finish()


def concatenated(parts: Sequence[Part]) -> Part:
    """Joins several parts into one."""
    assert parts, "there is no part without rows"
    columns = {}
    for key in ("ids", "logits", "starts", "classes"):
        values = [getattr(part, key) for part in parts]
        columns[key] = None if values[0] is None else np.concatenate(values)
    return Part(**columns)
