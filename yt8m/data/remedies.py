"""What users can do about errors in records that are being read."""

import contextlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from yt8m.data import locating
from yt8m.data.repeats import RepeatError
from yt8m.data.source import Source
from yt8m.errors import RecordError


class Remedies(NamedTuple):
    """What the user of a command can do about records that hold too much, as clauses."""

    classes: str
    labels: str

    def add_to(self, error: RecordError) -> RecordError:
        """Adds what to do to an error of this kind; returns others as they are."""
        if re.search(r"(those of 2017 need|this one needs) \d+( or more)?$", error.reason):
            return RecordError(error.path, error.record, f"{error.reason}; {self.classes}")
        if re.search(r" labels, more than \d+$", error.reason):
            return RecordError(error.path, error.record, f"{error.reason}; {self.labels}")
        return error


OF_TRAINING = Remedies("raise --data.num-classes", "raise --data.max-labels")

OF_A_RUN = Remedies(
    "another run is needed, trained with that --data.num-classes",
    "another run is needed, trained with a higher --data.max-labels",
)


@contextlib.contextmanager
def remedied(source: Source, remedies: Remedies) -> Iterator[None]:
    """Adds remedies to a `RecordError` in the block, and turns a `RepeatError` into one that names both records.

    Args:
        source: the records being read.
        remedies: the command's remedies.
    """
    try:
        yield
    except RepeatError as error:
        raise locating.locate_repeat(source.files, error) from error
    except RecordError as error:
        raise remedies.add_to(error) from error
