"""The interface of all predictions: parts of some thousand rows, which fit into memory.

N = rows of a part (videos, or segments), C = classes with a column, k = classes kept for a video.
"""

import dataclasses
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from yt8m.data.identity import read_ids
from yt8m.data.repeats import Once
from yt8m.submission import Task


@dataclass(frozen=True, kw_only=True)
class Description:
    """The properties that all parts share."""

    task: Task
    """The kind of the rows: videos, or segments."""
    num_classes: int
    """Number of classes in the vocabulary."""
    classes: tuple[int, ...] | None
    """The class of each column; None if each row has its own classes, the most probable ones."""
    top_k: int | None = None
    """k, if each row has its own classes."""
    precision: Literal["float16", "float32"] = "float16"
    """Precision of the logits. float16 takes half the room and resolves differences of a few tenths of a percent."""

    @property
    def num_columns(self) -> int:
        """C or k."""
        return len(self.classes) if self.classes is not None else self.top_k or 0


@dataclass(frozen=True)
class Part:
    """Some rows."""

    ids: np.ndarray
    """bytes [N]: the video of each row."""
    logits: np.ndarray
    """float [N, C]; or [N, k], descending."""
    starts: np.ndarray | None = None
    """int32 [N]: the first second of the segment; None for whole videos."""
    classes: np.ndarray | None = None
    """int [N, k]: the classes of each row; None if columns are classes."""
    rest: np.ndarray | None = None
    """float32 [N]: the logit of all classes without a column; None = the lowest one of the row."""
    counts: np.ndarray | None = None
    """int [N]: number of classes that count, from the first on; the others only fill up the row. None = all count."""
    said: np.ndarray | None = None
    """bool [N, 1] or [1, C]: the rows, or classes, that have values; None = all. The others take no part in a mean."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def digest(self) -> str:
        """Returns a digest of the rows and their order."""
        digest = hashlib.md5(b" ".join(self.ids.tolist()), usedforsecurity=False)
        if self.starts is not None:
            digest.update(b" " + self.starts.astype("<i4").tobytes())
        return digest.hexdigest()

    def names(self) -> list[str]:
        """Returns the names of the rows in messages: `abcd`, or `abcd:15`."""
        ids = [each.decode("utf-8", "backslashreplace") for each in self.ids.tolist()]
        if self.starts is None:
            return ids
        return [f"{video}:{start}" for video, start in zip(ids, self.starts.tolist(), strict=True)]

    def take(self, rows: Sequence[int]) -> "Part":
        """Returns some of the rows, in this order."""
        chosen = np.asarray(rows, np.int64)
        by_row = self.said is not None and len(self.said) == len(self) and self.said.shape[1] == 1
        columns = {key: getattr(self, key) for key in ("ids", "logits", "starts", "classes", "rest", "counts")}
        taken = {key: None if each is None else each[chosen] for key, each in columns.items()}
        return Part(**taken, said=self.said[chosen] if by_row else self.said)

    def dense(self, description: Description, class_ids: np.ndarray) -> np.ndarray:
        """Returns logits of some classes, float32 [N, len(class_ids)].

        A class that was not kept for a row gets the row's `rest`, or else the lowest kept logit, which is an upper bound.

        Args:
            description: the description of the predictions that this part belongs to.
            class_ids: classes, int. If columns are classes, each must have a column.
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
        """Returns which classes rows name, bool [N, len(class_ids)]: their own ones, or all with a column."""
        every = np.zeros((len(self), description.num_classes), bool)
        if self.classes is None:
            every[:, list(description.classes or ())] = True
        else:
            counts = self.classes.shape[1] if self.counts is None else self.counts[:, None]
            meant = np.broadcast_to(np.arange(self.classes.shape[1]) < counts, self.classes.shape)
            np.put_along_axis(every, self.classes.astype(np.int64), meant, axis=1)
        return every[:, class_ids]


class Described(Protocol):
    """Predictions that have been made or will be."""

    name: str
    """The name in messages."""
    description: Description


class Predictions(ABC):
    """Predictions for many rows, read part by part; a `Described`."""

    name: str
    description: Description

    @property
    @abstractmethod
    def digests(self) -> tuple[str, ...]:
        """A digest of the rows of each part. Parts with equal digests have the same rows in the same order."""

    @abstractmethod
    def read(self, number: int) -> Part:
        """Reads one part. `number` is from 0 to len(digests) - 1."""

    @abstractmethod
    def read_rows(self, number: int) -> Part:
        """Reads one part without its logits, which are most of its bytes; `logits` has no columns then."""

    def parts(self) -> Iterator[Part]:
        """Yields all parts in order."""
        return (self.read(number) for number in range(len(self.digests)))

    def rows(self) -> Iterator[Part]:
        """Yields all parts in order, without their logits."""
        return (self.read_rows(number) for number in range(len(self.digests)))


def refuse_repeats(parts: Iterable[Part]) -> None:
    """Raises RepeatError if a video, or a segment, has more than one row."""
    once = Once()
    for part in parts:
        once.add(part.ids.tolist(), None if part.starts is None else part.starts.tolist())


def in_file_order(part: Part, files: Sequence[str]) -> Part:
    """Returns a part with its rows in the order of its files."""
    order = {video: place for place, video in enumerate(read_ids(files))}
    rows = np.argsort([order[video] for video in part.ids.tolist()], kind="stable")
    keys = ("ids", "logits", "starts", "classes")
    return dataclasses.replace(part, **{key: value[rows] for key in keys if (value := getattr(part, key)) is not None})
