"""What an index knows of its videos and moments, beside their vectors, as a few arrays that load at once.

V = videos, M = moments, n = entries of all lists together.
"""

import io
import itertools
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from yt8m.errors import InputError


@dataclass(frozen=True)
class Texts:
    """Many texts, one after the other."""

    content: np.ndarray
    """Their UTF-8 bytes, uint8."""
    ends: np.ndarray
    """Where each ends, int64 [number of texts]."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Texts":
        """Packs texts. A text that is not UTF-8, such as some names of files, keeps its bytes."""
        encoded = [text.encode(errors="surrogateescape") for text in texts]
        ends = np.cumsum([len(each) for each in encoded], dtype=np.int64)
        return cls(np.frombuffer(b"".join(encoded), np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, number: int) -> str:
        begin = self.ends[number - 1] if number else 0
        return self.content[begin : self.ends[number]].tobytes().decode(errors="surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (self[number] for number in range(len(self)))

    @cached_property
    def _bytes(self) -> bytes:
        return self.content.tobytes()

    def find(self, text: str) -> int | None:
        """The number of a text; None if it is not there. It takes a millisecond for 100 000 ids."""
        wanted = text.encode(errors="surrogateescape")
        if not wanted:
            return next((number for number, each in enumerate(self) if not each), None)
        place = self._bytes.find(wanted)
        while place >= 0:
            number = int(np.searchsorted(self.ends, place, side="right"))
            begin = self.ends[number - 1] if number else 0
            if begin == place and self.ends[number] == place + len(wanted):
                return number
            place = self._bytes.find(wanted, place + 1)
        return None

    def take(self, keep: np.ndarray) -> "Texts":
        """Those that a mask keeps."""
        lengths = np.diff(self.ends, prepend=0)
        return Texts(self.content[np.repeat(keep, lengths)], np.cumsum(lengths[keep]))


@dataclass(frozen=True)
class Labels:
    """Lists of classes with weights, a list for each video or moment."""

    classes: np.ndarray
    """int32 [n]."""
    weights: np.ndarray
    """float32 [n], from 0 to 1: a probability, or 1 for a label."""
    ends: np.ndarray
    """Where each list ends, int64 [number of lists]."""

    @classmethod
    def of(cls, lists: Sequence[tuple[Sequence[int], Sequence[float]]]) -> "Labels":
        """Packs pairs of classes and weights."""
        classes = np.fromiter(itertools.chain.from_iterable(each for each, _ in lists), np.int32)
        weights = np.fromiter(itertools.chain.from_iterable(each for _, each in lists), np.float32)
        return cls(classes, weights, np.cumsum([len(each) for each, _ in lists], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    def of_row(self, number: int) -> list[tuple[int, float]]:
        """The classes of one list with their weights, the highest first."""
        some = slice(self.ends[number - 1] if number else 0, self.ends[number])
        pairs = zip(self.classes[some].tolist(), self.weights[some].tolist(), strict=True)
        return sorted(pairs, key=lambda pair: -pair[1])

    def highest(self, evidence: np.ndarray) -> np.ndarray:
        """The highest product of a weight and its class's value in each list, float32 [number of lists]; 0 for an empty list.

        Args:
            evidence: a value of 0 or more for each class, float32 [classes]. Classes beyond have 0.
        """
        found = np.zeros(len(self), np.float32)
        known = np.flatnonzero(self.classes < len(evidence))
        values = evidence[self.classes[known]] * self.weights[known]
        hits = np.flatnonzero(values)
        np.maximum.at(found, np.searchsorted(self.ends, known[hits], side="right"), values[hits])
        return found

    def take(self, keep: np.ndarray) -> "Labels":
        """The lists that a mask keeps."""
        lengths = np.diff(self.ends, prepend=0)
        entries = np.repeat(keep, lengths)
        return Labels(self.classes[entries], self.weights[entries], np.cumsum(lengths[keep]))


@dataclass(frozen=True)
class Table:
    """Videos and their moments."""

    ids: Texts
    """[V]."""
    paths: Texts
    """[V]: files of videos of one's own; empty if unknown."""
    seconds: np.ndarray
    """float32 [V]: how long each is, as far as its record goes; 0 if unknown."""
    labels: Labels
    """[V]."""
    videos: np.ndarray
    """int64 [M]: the number of each moment's video, ascending."""
    starts: np.ndarray
    """float32 [M]: the second each begins at."""
    ends: np.ndarray
    """float32 [M]: the second each ends at."""
    moment_labels: Labels
    """[M]."""

    def moments_of(self, video: int) -> range:
        """The numbers of a video's moments."""
        return range(*np.searchsorted(self.videos, [video, video + 1]).tolist())

    def take(self, keep: np.ndarray) -> "Table":
        """The videos that a mask keeps, with their moments."""
        of_moments = keep[self.videos]
        numbers = np.cumsum(keep) - 1
        return Table(
            self.ids.take(keep),
            self.paths.take(keep),
            self.seconds[keep],
            self.labels.take(keep),
            numbers[self.videos[of_moments]],
            self.starts[of_moments],
            self.ends[of_moments],
            self.moment_labels.take(of_moments),
        )


def joined(tables: Sequence[Table]) -> Table:
    """One table of all, in order."""
    if len(tables) == 1:
        return tables[0]
    firsts = np.cumsum([0, *(len(each.ids) for each in tables[:-1])])
    numbers = [each.videos + first for each, first in zip(tables, firsts, strict=True)]
    return Table(
        _joined_texts([each.ids for each in tables]),
        _joined_texts([each.paths for each in tables]),
        np.concatenate([each.seconds for each in tables]),
        _joined_labels([each.labels for each in tables]),
        np.concatenate(numbers),
        np.concatenate([each.starts for each in tables]),
        np.concatenate([each.ends for each in tables]),
        _joined_labels([each.moment_labels for each in tables]),
    )


def _joined_texts(parts: Sequence[Texts]) -> Texts:
    return Texts(np.concatenate([each.content for each in parts]), _joined_ends([each.ends for each in parts]))


def _joined_labels(parts: Sequence[Labels]) -> Labels:
    classes, weights = (np.concatenate([getattr(each, name) for each in parts]) for name in ("classes", "weights"))
    return Labels(classes, weights, _joined_ends([each.ends for each in parts]))


def _joined_ends(parts: Sequence[np.ndarray]) -> np.ndarray:
    lasts = np.cumsum([0, *(each[-1] if len(each) else 0 for each in parts[:-1])])
    return np.concatenate([each + last for each, last in zip(parts, lasts, strict=True)])


_TEXTS, _LABELS, _ARRAYS = ("ids", "paths"), ("labels", "moment_labels"), ("seconds", "videos", "starts", "ends")


def packed(table: Table) -> bytes:
    """The content of a file with a table."""
    arrays = {name: getattr(table, name) for name in _ARRAYS}
    for name in (*_TEXTS, *_LABELS):
        arrays |= {
            f"{name}_{field}": values for field, values in vars(getattr(table, name)).items() if field != "_bytes"
        }
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def read_table(path: Path) -> Table:
    """Reads a table. Raises InputError if it is damaged; FileNotFoundError passes."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            texts = {name: Texts(arrays[f"{name}_content"], arrays[f"{name}_ends"]) for name in _TEXTS}
            labels = {
                name: Labels(*(arrays[f"{name}_{field}"] for field in ("classes", "weights", "ends")))
                for name in _LABELS
            }
            return Table(**texts, **labels, **{name: arrays[name] for name in _ARRAYS})
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: is damaged ({error}); remove the index, and make it anew with --add") from error
