"""Submissions as members of an ensemble: the code for both tasks.

A list has less than predictions have. A video or class that it does not have gets the mean of the other members. An entry that
it ranks but cut off comes after the entries that it kept. See `yt8m.predicting.listed_videos` and
`yt8m.predicting.listed_segments`.
"""

import hashlib
import itertools
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from yt8m.data.schema import DEFAULT_NUM_CLASSES, LARGEST_NUM_CLASSES
from yt8m.errors import InputError
from yt8m.predicting.parts import (
    Described,
    Description,
    Part,
    Predictions,
)
from yt8m.progress import Progress


class SubmissionList(ABC):
    """A submission that has been read but not yet aligned with other members; a `Described`.

    Args:
        path: the path of the file, which messages use as its name.

    Attributes:
        description: the description of its predictions. The vocabulary, and the ranked classes of segments, come from the
            other members (`describe`).
    """

    description: Description

    def __init__(self, path: str | os.PathLike):
        self.path = self.name = os.fspath(path)

    @property
    def made_from(self) -> dict[str, Any]:
        """What determines the list, as plain JSON values."""
        return _made_from(self.path)

    @property
    @abstractmethod
    def video_ids(self) -> Iterable[bytes]:
        """The ids of all videos in the list, each once."""

    @abstractmethod
    def describe(self, num_classes: int | None, classes: Sequence[int] | None, like: str) -> None:
        """Takes the vocabulary and the ranked classes of the other members.

        Args:
            num_classes: number of classes in the vocabulary; None = as many as this list needs.
            classes: the ranked classes of segments; None = the classes in this list.
            like: the name of the other members in messages.

        Raises:
            InputError: the list has other classes.
        """

    @abstractmethod
    def aligned(self, rows: Predictions, progress: Progress) -> Predictions:
        """Returns the list as predictions for these rows.

        Args:
            rows: predictions with these rows. Their logits are not read.
            progress: gets a line on videos and segments that the list lacks.

        Raises:
            InputError: the list has videos that are not among the rows.
        """

    def _refuse_classes(self, unknown: int, num_classes: int, like: str) -> InputError:
        return InputError(
            f"{self.path}: has class {unknown}, {like} {num_classes} classes; leave one of them out, as a class is another "
            "one in each"
        )


def _made_from(path: str) -> dict[str, Any]:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return {"submission": digest.hexdigest()}


class Rows(Predictions):
    """Rows without logits, for ensembles of lists alone."""

    def __init__(self, description: Description, parts: Sequence[Part]):
        self.description, self.name, self._parts = description, "the lists", parts
        self._digests = tuple(part.digest for part in parts)

    @property
    def digests(self) -> tuple[str, ...]:
        return self._digests

    def read(self, number: int) -> Part:
        return self._parts[number]

    read_rows = read


class ListedPredictions(Predictions):
    """A list aligned with the rows of other members."""

    def __init__(self, listed: SubmissionList, rows: Predictions):
        self.path, self.name, self.description = listed.path, listed.name, listed.description
        self._rows = rows

    @property
    def made_from(self) -> dict[str, Any]:
        """What determines the list, as plain JSON values."""
        return _made_from(self.path)

    @property
    def digests(self) -> tuple[str, ...]:
        return self._rows.digests

    @property
    def num_parts(self) -> int:
        """Number of parts."""
        return len(self.digests)

    def read_rows(self, number: int) -> Part:
        return self._rows.read_rows(number)

    @abstractmethod
    def shares(self, logits: np.ndarray) -> np.ndarray:
        """Maps logits of this list, float32 of any shape, to the share of entries that rank below each.

        It works as `yt8m.predicting.combining.RankTable` does, but is exact, because no logit was rounded.
        """


def vocabulary_for(largest_class: int) -> int:
    """Returns the number of classes of the newest data whose vocabulary has the class."""
    return DEFAULT_NUM_CLASSES if largest_class < DEFAULT_NUM_CLASSES else LARGEST_NUM_CLASSES


def refuse_strangers(lists: Sequence[SubmissionList]) -> None:
    """Raises InputError if a list has no video in common with the others."""
    for each in lists[1:]:
        if not any(_share_a_video(each, other) for other in lists if other is not each):
            raise InputError(
                f"{each.name}: has none of the videos of {lists[0].name}; give lists of predictions for the same records"
            )


def _share_a_video(one: SubmissionList, other: SubmissionList) -> bool:
    known = set(other.video_ids)
    return any(video in known for video in one.video_ids)


def describe_lists(members: Sequence[Described], classes: Sequence[int] | None = None) -> None:
    """Gives the lists among the members the vocabulary and the ranked classes of the others, or of each other.

    Args:
        members: the members, in any order. Members with another task than the first stay as they are.
        classes: the ranked classes of segments; None = those of the other members, or else all classes in any list.

    Raises:
        InputError: a list has other classes.
    """
    alike = [member for member in members if member.description.task == members[0].description.task]
    lists = [member for member in alike if isinstance(member, SubmissionList)]
    first = next((member for member in alike if not isinstance(member, SubmissionList)), None)
    if first is not None:
        num_classes, classes, like = first.description.num_classes, first.description.classes, first.name
    else:
        num_classes = max((each.description.num_classes for each in lists), default=None)
        like = "the list of classes"
        if classes is None:
            every = itertools.chain.from_iterable(each.description.classes or () for each in lists)
            classes = tuple(dict.fromkeys(every))
    for each in lists:
        each.describe(num_classes, classes, like)
