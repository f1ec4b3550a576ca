"""Submissions for the segment task as members of an ensemble.

A list has an order for each class but no scores. Its probabilities are set by these rules:

- The segment at place k of a class, counted from 1, has the odds 1 : k and thus the probability 1 / (k + 1).
- Segments that a list leaves out share the mean of the places after its last.
- A class without segments in a list gets the mean of the other members.

A full list has 100 million entries (1 GB). They are kept in temporary files, first with 8 and then with 4 bytes each. The system
holds as much of these in memory as fits. Lists are read class by class, and looked up part by part.

N = segments of a part, C = classes with a column, S = segments in all.
"""

import contextlib
import dataclasses
import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from yt8m.data.schema import LARGEST_NUM_CLASSES, SEGMENT_FRAMES
from yt8m.errors import InputError
from yt8m.predicting.listed import (
    ListedPredictions,
    Rows,
    SubmissionList,
    refuse_strangers,
    vocabulary_for,
)
from yt8m.predicting.parts import Description, Part, Predictions
from yt8m.progress import Progress
from yt8m.submission import SegmentRow, read_segment_submission
from yt8m.submission.segments import LONGEST_START

_PLACES = 10**LONGEST_START // SEGMENT_FRAMES
"""Largest number of segments in a video."""
_PART_SEGMENTS = 1 << 15
"""Rows of a part in an ensemble of lists alone. A part may have some more, to hold all segments of a video."""


class _Videos:
    """Numbers the videos from 0, in the order in which they are added."""

    def __init__(self) -> None:
        self.ids = np.empty(0, np.bytes_)
        """The ids in the order of the numbers."""
        self._sorted = self._order = np.empty(0, np.int64)

    def numbers(self, ids: np.ndarray, add: bool = False) -> np.ndarray:
        """Returns the numbers of ids, bytes [N], as int64 [N]. New ids get a number with `add`, and -1 without."""
        width = max(ids.itemsize, self.ids.itemsize, 1)
        found = self._find(ids, width)
        if add and (found < 0).any():
            self.ids = np.concatenate([self.ids, np.unique(ids[found < 0])]).astype(f"S{width}")
            self._order = np.argsort(_sortable(self.ids, width), kind="stable")
            self._sorted = _sortable(self.ids, width)[self._order]
            found = self._find(ids, width)
        return found

    def _find(self, ids: np.ndarray, width: int) -> np.ndarray:
        if not len(self.ids):
            return np.full(len(ids), -1)
        if _sortable(self.ids[:0], width).dtype != self._sorted.dtype:  # the new ids are longer than all before
            self._sorted = _sortable(self.ids, width)[self._order]
        wanted = _sortable(ids, width)
        places = np.minimum(np.searchsorted(self._sorted, wanted), len(self._sorted) - 1)
        return np.where(self._sorted[places] == wanted, self._order[places], -1)


def _sortable(ids: np.ndarray, width: int) -> np.ndarray:
    """Returns the ids in a type that sorts fast: as numbers in the same order, if no id is longer than eight bytes."""
    if width > 8:
        return ids.astype(f"S{width}")
    return np.ascontiguousarray(ids.astype("S8")).view(">u8").astype(np.uint64)


class _Table:
    """Numbers of segments, int32, by the number of the video and the place in it; -1 for missing segments."""

    def __init__(self, lengths: np.ndarray):
        """Makes an empty table. `lengths`, int64, has the number of places of each video."""
        self._first = np.concatenate([[0], np.cumsum(lengths)])
        self._lengths = lengths
        self.numbers = np.full(self._first[-1], -1, np.int32)

    def where(self, videos: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Returns the positions of segments in `numbers`, int64; -1 for missing ones."""
        there = (videos >= 0) & (places < self._lengths[videos])
        return np.where(there, self._first[videos] + places, -1)

    def of(self, videos: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Returns the numbers of segments, -1 for missing ones."""
        found = self.where(videos, places)
        return np.where(found < 0, -1, self.numbers[found])

    def segments(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the videos and places of all numbered segments, in the order of videos and places."""
        found = np.flatnonzero(self.numbers >= 0)
        videos = np.searchsorted(self._first, found, side="right") - 1
        return videos, found - self._first[videos]


class _Spill:
    """Arrays of one type, one for each class, written to a temporary file during the `with` block.

    Args:
        path: the path of the list, for messages.
        dtype: the type of the arrays.
    """

    def __init__(self, path: str, dtype: type):
        self._path, self._dtype = path, np.dtype(dtype)
        self._slices: dict[int, slice] = {}
        self._count = 0

    def __enter__(self) -> "_Spill":
        with self._errors():
            self._file = tempfile.TemporaryFile(prefix="yt8m-list-")
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"{self._path}: its entries cannot be written to {tempfile.gettempdir()} ({error.strerror}); make room there, "
                "or name another place by the environment variable TMPDIR"
            ) from error

    def append(self, class_id: int, values: np.ndarray) -> None:
        """Writes the array of a class. Raises InputError if there is no room."""
        with self._errors():
            self._file.write(values.astype(self._dtype).tobytes())
        self._slices[class_id] = slice(self._count, self._count + len(values))
        self._count += len(values)

    def mapped(self) -> dict[int, np.ndarray]:
        """Maps the arrays into memory, by class, in the order of writing. They outlast the block."""
        with self._errors():
            self._file.flush()
        every = np.memmap(self._file, self._dtype, "r", shape=(self._count,)) if self._count else np.empty(0)
        return {class_id: every[chosen] for class_id, chosen in self._slices.items()}


class SegmentList(SubmissionList):
    """A submission for the segment task.

    Args:
        path: the CSV file.

    Raises:
        LineError, InputError: the file cannot be read, breaks the rules, or ranks nothing.
    """

    def __init__(self, path: str | os.PathLike):
        super().__init__(path)
        self.videos, self.lengths = _Videos(), np.empty(0, np.int64)
        with _Spill(self.path, np.int64) as entries:
            for row in read_segment_submission(self.path, range(LARGEST_NUM_CLASSES)):
                if len(row.ids):
                    entries.append(row.class_id, self._coded(row))
            self.entries = entries.mapped()
        if not self.entries:
            raise InputError(f"{self.path}: ranks no segment; leave it out")
        self.describe(None, None, "")

    def _coded(self, row: SegmentRow) -> np.ndarray:
        """Encodes each segment of a class as one number, int64."""
        numbers, places = self.videos.numbers(row.ids, add=True), row.starts // SEGMENT_FRAMES
        added = np.zeros(len(self.videos.ids) - len(self.lengths), np.int64)
        self.lengths = np.concatenate([self.lengths, added])
        np.maximum.at(self.lengths, numbers, places + 1)
        return numbers * _PLACES + places

    @property
    def video_ids(self) -> Iterable[bytes]:
        return self.videos.ids.tolist()

    def describe(self, num_classes: int | None, classes: Sequence[int] | None, like: str) -> None:
        own = list(self.entries)
        if num_classes is not None and max(own) >= num_classes:
            raise self._refuse_classes(max(own), num_classes, like)
        known = set(own if classes is None else classes)
        unknown = next((class_id for class_id in own if class_id not in known), None)
        if unknown is not None:
            raise InputError(
                f"{self.path}: ranks class {unknown}, which {like} does not; rank the same classes (--segment-classes)"
            )
        count = num_classes or vocabulary_for(max(own))
        self.description = Description(
            task="segment", num_classes=count, classes=tuple(classes or own), precision="float32"
        )

    def aligned(self, rows: Predictions, progress: Progress) -> "ListedSegments":
        return ListedSegments(self, rows, progress)

    def decoded(self) -> Iterable["_Ranked"]:
        """Yields each class with its segments."""
        for class_id, entries in self.entries.items():
            yield _Ranked(class_id, *np.divmod(entries, _PLACES))


class _Ranked(NamedTuple):
    """The segments of a class, best first."""

    class_id: int
    videos: np.ndarray
    """The numbers of the videos, [M]."""
    places: np.ndarray
    """The places of the segments in their videos, [M]."""


class ListedSegments(ListedPredictions):
    """A list of segments, aligned with the rows of other members; see `SubmissionList.aligned`."""

    def __init__(self, listed: SegmentList, rows: Predictions, progress: Progress):
        super().__init__(listed, rows)
        known = _numbered(rows)
        table, self._ends = known.table, known.ends
        numbers = known.videos.numbers(listed.videos.ids)
        if (numbers < 0).any():
            strange = listed.videos.ids[numbers < 0]
            raise InputError(
                f"{self.name}: has segments of video {strange[0].decode()!r}, which {rows.name} lacks, and so of "
                f"{len(strange)} videos in all; predict both for the same records"
            )
        left_out = 0
        with _Spill(self.name, np.int32) as entries:
            for ranked in listed.decoded():
                found = table.of(numbers[ranked.videos], ranked.places)
                left_out += int((found < 0).sum())
                entries.append(ranked.class_id, found[found >= 0])
            self._entries = {class_id: found for class_id, found in entries.mapped().items() if len(found)}
        if left_out:
            progress.message(
                f"{self.name}: ranks segments that {rows.name} does not have, {left_out} entries, which are left out"
            )
        lacking = [class_id for class_id in self.description.classes or () if class_id not in self._entries]
        if lacking:
            progress.message(
                f"{self.name}: ranks nothing for {len(lacking)} of the {self.description.num_columns} classes (the first: "
                f"{lacking[0]}), of which the other members alone are averaged"
            )

    def ranked(self, class_id: int) -> np.ndarray:
        """Returns the rows that the list ranks for a class, best first, int [K]; rows count through all parts."""
        return self._entries.get(class_id, np.empty(0, np.int32))

    def read(self, number: int) -> Part:
        rows = self.read_rows(number)
        first, last = self._ends[number], self._ends[number + 1]
        classes = self.description.classes or ()
        logits = np.zeros((len(classes), len(rows)), np.float32)  # transposed, so that a class is contiguous to write
        said = np.zeros((1, len(classes)), bool)
        for column, class_id in enumerate(classes):
            if class_id not in self._entries:
                continue
            said[0, column] = True
            found = self._entries[class_id]
            logits[column] = -np.log((len(found) + 1 + self._ends[-1]) / 2)
            chosen = np.flatnonzero((found >= first) & (found < last))
            logits[column, found[chosen] - first] = -np.log(chosen + 1)
        return dataclasses.replace(rows, logits=logits.T, said=said)

    def shares(self, logits: np.ndarray) -> np.ndarray:
        places = np.round(2 * np.exp(-logits.astype(np.float64))) / 2  # places are whole or means of whole ones
        return (1 - (places - 0.5) / self._ends[-1]).astype(np.float32)


class _Numbered(NamedTuple):
    """The numbered videos and segments of predictions."""

    videos: _Videos
    table: _Table
    """The numbers of the rows."""
    ends: np.ndarray
    """The row at which each part begins, and the number of rows."""


def _numbered(rows: Predictions) -> _Numbered:
    """Numbers the rows in the order of the parts."""
    videos, parts = _Videos(), list(rows.rows())
    numbers = [videos.numbers(part.ids, add=True) for part in parts]
    places = [part.starts // SEGMENT_FRAMES for part in parts if part.starts is not None]
    video, place = (np.concatenate([np.empty(0, np.int64), *columns]) for columns in (numbers, places))
    lengths = np.zeros(len(videos.ids), np.int64)
    np.maximum.at(lengths, video, place + 1)
    table = _Table(lengths)
    table.numbers[table.where(video, place)] = np.arange(len(video))
    return _Numbered(videos, table, np.cumsum([0, *map(len, parts)]))


def rows_of_segments(lists: Sequence[SegmentList]) -> Rows:
    """Returns all segments in any of the lists, sorted by video and time.

    Raises:
        InputError: a list has no video in common with the others.
    """
    refuse_strangers(lists)
    videos = _Videos()
    numbers = [videos.numbers(each.videos.ids, add=True) for each in lists]
    lengths = np.zeros(len(videos.ids), np.int64)
    for each, own in zip(lists, numbers, strict=True):
        np.maximum.at(lengths, own, each.lengths)
    table = _Table(lengths)
    for each, own in zip(lists, numbers, strict=True):
        for ranked in each.decoded():
            table.numbers[table.where(own[ranked.videos], ranked.places)] = 0
    video, place = table.segments()
    begins = np.flatnonzero(np.diff(video, prepend=-1))
    # A part begins with the video in which the count reaches another `_PART_SEGMENTS`.
    cuts = begins[np.flatnonzero(np.diff(begins // _PART_SEGMENTS, prepend=-1))]
    ends = itertools.pairwise([*cuts.tolist(), len(video)])
    starts = (place * SEGMENT_FRAMES).astype(np.int32)
    chosen = [slice(*each) for each in ends]
    parts = [Part(videos.ids[video[each]], np.empty((each.stop - each.start, 0)), starts[each]) for each in chosen]
    return Rows(lists[0].description, parts)
