"""What predictions are, wherever they come from: parts of some thousand rows that fit into memory.

N = rows of a part (videos, or segments), C = classes with a column, k = classes kept of a video.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from yt8m.data.repeats import Once
from yt8m.submission import Task


@dataclass(frozen=True, kw_only=True)
class Description:
    """What all parts have in common."""

    task: Task
    """What the rows are: videos, or segments."""
    num_classes: int
    """Of the vocabulary."""
    classes: tuple[int, ...] | None
    """The class of each column; None where each row has classes of its own, the surest ones."""
    top_k: int | None = None
    """k, where each row has classes of its own."""
    precision: Literal["float16", "float32"] = "float16"
    """Of the logits. float16 tells probabilities apart that differ by a few tenths of a percent, in half the room."""

    @property
    def num_columns(self) -> int:
        """C or k."""
        return len(self.classes) if self.classes is not None else self.top_k or 0


@dataclass(frozen=True)
class Part:
    """Some rows."""

    ids: np.ndarray
    """Bytes [N]: the row's video."""
    logits: np.ndarray
    """float [N, C], or [N, k] descending."""
    starts: np.ndarray | None = None
    """int32 [N]: the segment's first second; None of whole videos."""
    classes: np.ndarray | None = None
    """int [N, k]; None where columns are classes."""
    rest: np.ndarray | None = None
    """float32 [N]: of all classes without a column; None = the lowest of the row."""
    counts: np.ndarray | None = None
    """int [N]: how many of the row's classes are meant, the first ones; the others only fill it up. None = all."""
    said: np.ndarray | None = None
    """bool [N, 1] or [1, C]: of which rows, or classes, something is said at all; None = of all. The others take no part in a
    mean."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def digest(self) -> str:
        """Of which rows there are, in their order."""
        digest = hashlib.md5(b" ".join(self.ids.tolist()), usedforsecurity=False)
        if self.starts is not None:
            digest.update(b" " + self.starts.astype("<i4").tobytes())
        return digest.hexdigest()

    def names(self) -> list[str]:
        """The rows as messages call them: `abcd`, or `abcd:15`."""
        ids = [each.decode("utf-8", "backslashreplace") for each in self.ids.tolist()]
        if self.starts is None:
            return ids
        return [f"{video}:{start}" for video, start in zip(ids, self.starts.tolist(), strict=True)]

    def take(self, rows: Sequence[int]) -> "Part":
        """Some of the rows, in this order."""
        chosen = np.asarray(rows, np.int64)
        by_row = self.said is not None and len(self.said) == len(self) and self.said.shape[1] == 1
        columns = {key: getattr(self, key) for key in ("ids", "logits", "starts", "classes", "rest", "counts")}
        taken = {key: None if each is None else each[chosen] for key, each in columns.items()}
        return Part(**taken, said=self.said[chosen] if by_row else self.said)

    def dense(self, description: Description, class_ids: np.ndarray) -> np.ndarray:
        """Logits of some classes, float32 [N, len(class_ids)].

        A class that was not kept of a row has the row's `rest`, or the lowest logit that was: it had at most that.

        Args:
            description: of the predictions that this is of.
            class_ids: int; where columns are classes, only such as have one.
        """
        if self.classes is None:
            columns = np.full(description.num_classes, -1)
            columns[list(description.classes or ())] = np.arange(description.num_columns)
            wanted = columns[class_ids]
            assert (wanted >= 0).all(), "the caller asks for classes that are there"
            if np.array_equal(wanted, np.arange(description.num_columns)):
                return self.logits.astype(np.float32)
            return self.logits[:, wanted].astype(np.float32)
        lowest = self.logits.min(axis=1, initial=np.inf) if self.rest is None else self.rest
        every = np.repeat(lowest.astype(np.float32)[:, None], description.num_classes, axis=1)
        np.put_along_axis(every, self.classes.astype(np.int64), self.logits.astype(np.float32), axis=1)
        return every[:, class_ids]

    def named(self, description: Description, class_ids: np.ndarray) -> np.ndarray:
        """Which classes rows name, bool [N, len(class_ids)]: those that they have for their own, or have a column."""
        every = np.zeros((len(self), description.num_classes), bool)
        if self.classes is None:
            every[:, list(description.classes or ())] = True
        else:
            counts = self.classes.shape[1] if self.counts is None else self.counts[:, None]
            meant = np.broadcast_to(np.arange(self.classes.shape[1]) < counts, self.classes.shape)
            np.put_along_axis(every, self.classes.astype(np.int64), meant, axis=1)
        return every[:, class_ids]


class Described(Protocol):
    """Predictions, made or yet to be made."""

    name: str
    """What messages call them."""
    description: Description


class Predictions(ABC):
    """Predictions for many rows, a part at a time: `Described`."""

    name: str
    description: Description

    @property
    @abstractmethod
    def digests(self) -> tuple[str, ...]:
        """Which rows each part has: those of equal digests have the same in the same order."""

    @abstractmethod
    def read(self, number: int) -> Part:
        """One part, from 0 to len(digests) - 1."""

    @abstractmethod
    def read_rows(self, number: int) -> Part:
        """One part without its logits, which are nearly all of it: they have no column."""

    def parts(self) -> Iterator[Part]:
        """All parts, one after the other."""
        return (self.read(number) for number in range(len(self.digests)))

    def rows(self) -> Iterator[Part]:
        """All parts without their logits."""
        return (self.read_rows(number) for number in range(len(self.digests)))


def refuse_repeats(parts: Iterable[Part]) -> None:
    """Raises RepeatError if a video, or a segment, has two rows."""
    once = Once()
    for part in parts:
        once.add(part.ids.tolist(), None if part.starts is None else part.starts.tolist())
