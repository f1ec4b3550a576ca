"""One rule of repeating what fails for a while, such as requests to servers."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import urllib3
from urllib3.util.retry import Retry

Result = TypeVar("Result")

_LONGEST_ASKED_FOR = 600.0


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for a server."""

    timeout: float = 20.0
    """Seconds without a byte until a connection counts as lost."""
    attempts: int = 10
    """Attempts in a row without progress until a file is given up."""
    first_wait: float = 1.0
    """Seconds before the second retry, doubled for every further one. The first retry is immediate."""
    longest_wait: float = 60.0


PATIENCE = Patience()
"""How long readers of records wait for a server."""


class Refused(Exception):
    """The server refuses the file. Another request would not help.

    Attributes:
        status: the HTTP status of the answer; None if there was no answer.
        body: the beginning of the answer's body, at most 2 kB.
    """

    def __init__(self, reason: str, status: int | None = None, body: bytes = b""):
        super().__init__(reason)
        self.status, self.body = status, body


class Broken(Exception):
    """An attempt failed, but another may succeed.

    Attributes:
        retry_after: seconds to wait, as the server asked, or None.
    """

    def __init__(self, reason: str, retry_after: float | None = None):
        super().__init__(reason)
        self.retry_after = retry_after


class Unreachable(Exception):
    """The allowed number of attempts failed."""


class Stopped(Exception):
    """The work was stopped."""


class Persistence:
    """Repeats attempts, in several threads.

    Args:
        patience: how long to wait for a server.
        stopping: set this to end all waiting with `Stopped`.
    """

    def __init__(self, patience: Patience, stopping: threading.Event):
        self._patience, self._stopping = patience, stopping

    def persist(
        self, attempt: Callable[[], Result], reached: Callable[[], int] = lambda: 0, most: int | None = None
    ) -> Result:
        """Repeats an attempt until it succeeds.

        Args:
            attempt: raises `Broken` to be repeated.
            reached: the progress so far. An attempt that increases it starts the count of attempts again.
            most: attempts in a row; None = as in `patience`.

        Raises:
            Unreachable: too many attempts in a row made no progress.
            Stopped: stopped while waiting for the next attempt.
        """
        farthest, retry = reached(), self._new_row(most)
        while True:
            try:
                return attempt()
            except Broken as error:
                if reached() > farthest:
                    farthest, retry = reached(), self._new_row(most)
                try:
                    retry = retry.increment("GET", error=error)
                except urllib3.exceptions.MaxRetryError:
                    raise Unreachable(str(error)) from error
                self._wait(max(retry.get_backoff_time(), min(error.retry_after or 0.0, _LONGEST_ASKED_FOR)))

    def _new_row(self, most: int | None) -> Retry:
        patience = self._patience
        total = min(patience.attempts, most or patience.attempts) - 1
        return Retry(total, backoff_factor=patience.first_wait / 2, backoff_max=patience.longest_wait)

    def _wait(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise Stopped
