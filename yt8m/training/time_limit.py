"""The time that a call of training may take, with what its end takes, and the time between two validations."""

import contextlib
import math
import time
from collections.abc import Iterator

_LARGEST_MARGIN, _MARGIN_SHARE = 60.0, 0.05
"""Seconds kept for curves and the end of the process, and the most of the limit that they may be."""
_SPREAD = 1.25
"""A validation or a checkpoint may take longer than the longest so far."""
_BYTES_PER_SECOND = 50e6
"""The rate at which a checkpoint is written, until one was."""
_SHARE_BEFORE_VALIDATION = 0.25
"""The share of the limit after which the first validation comes at the latest, so that its time is known in the end."""


class TimeLimit:
    """The limit of `--training.max-hours` for one call. Training ends when the rest of the time is what its end takes.

    Args:
        hours: the limit; 0 = none.
        started: when the call began, by `time.perf_counter`.
    """

    def __init__(self, hours: float, started: float):
        self._seconds = 3600 * hours if hours else math.inf
        self._started = started
        self._validation: float | None = None
        self._saving = 0.0
        self._steps = 0.0

    def assume(self, num_bytes: int, validation: float | None) -> None:
        """Sets what the end takes until it is measured.

        Args:
            num_bytes: bytes of a checkpoint and of the best weights.
            validation: seconds of a validation in an earlier call; None if there was none.
        """
        self._saving = num_bytes / _BYTES_PER_SECOND
        self._validation = validation

    @contextlib.contextmanager
    def validating(self) -> Iterator[None]:
        """Measures a validation. One that fails or is stopped does not count."""
        before = time.perf_counter()
        yield
        self._validation = max(self._validation or 0.0, time.perf_counter() - before)

    @contextlib.contextmanager
    def saving(self) -> Iterator[None]:
        """Measures the writing of a checkpoint."""
        before = time.perf_counter()
        yield
        self._saving = max(self._saving, time.perf_counter() - before)

    @contextlib.contextmanager
    def stepping(self) -> Iterator[None]:
        """Measures the steps of one call into TensorFlow. Later ones are expected to take as long."""
        before = time.perf_counter()
        yield
        self._steps = time.perf_counter() - before

    @property
    def _used(self) -> float:
        return time.perf_counter() - self._started

    @property
    def _margin(self) -> float:
        return min(_LARGEST_MARGIN, _MARGIN_SHARE * self._seconds)

    @property
    def is_over(self) -> bool:
        """Whether further steps would leave too little time for a validation and for saving."""
        end = _SPREAD * (self._saving + (self._validation or 0.0)) + self._steps + self._margin
        return self._used + end >= self._seconds

    @property
    def is_over_for_validation(self) -> bool:
        """Whether a validation must stop now, to leave time for saving."""
        return self._used + _SPREAD * self._saving + self._margin >= self._seconds

    @property
    def wants_validation(self) -> bool:
        """Whether nobody knows yet how long a validation takes, and it is time to find out."""
        return self._validation is None and self._used >= _SHARE_BEFORE_VALIDATION * self._seconds


class Interval:
    """The time from one validation to the next, by `--training.validate-every-minutes`.

    Args:
        minutes: its length; None = it never ends.
    """

    def __init__(self, minutes: float | None):
        self._seconds = math.inf if minutes is None else 60 * minutes
        self.restart()

    def restart(self) -> None:
        """Begins the next interval."""
        self._began = time.perf_counter()

    @property
    def is_over(self) -> bool:
        """Whether it is time for a validation."""
        return time.perf_counter() - self._began >= self._seconds
