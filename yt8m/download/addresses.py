"""Finds the YouTube addresses of the data set's ids, by the data set's own lookup.

Each id is asked for once: answers are kept in a cache, also that a video is gone.
"""

import os
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

from yt8m.data.access.client import Client
from yt8m.data.access.retries import Patience, Refused, Stopped, Unreachable
from yt8m.data.ids import PUBLISHED
from yt8m.download.address_cache import AddressCache, kept_answers
from yt8m.download.layout import Jobs, official_site, own_site
from yt8m.download.threads import Outcome, in_threads
from yt8m.errors import quantity
from yt8m.progress import SILENT, Progress
from yt8m.values import Range, checked

Rate = Annotated[float, Range(least=0.01, most=1000.0)]
"""Requests a second."""
DEFAULT_RATE, DEFAULT_CONNECTIONS = 10.0, 4
State = Literal["found", "gone", "own", "invalid", "failed"]

_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
"""Also the ids of the records of 2017."""
_ANSWER = re.compile(rb"""\s*[\w.$]+\s*\(\s*(["'])(?P<id>[^"']*)\1\s*,\s*(["'])(?P<youtube>[^"']*)\3\s*\)\s*;?\s*""")
_ERROR_PAGE = re.compile(rb"\s*(<\?xml[^>]*>\s*)?<Error[\s>]")
_GONE = (404, 410)
_PATIENCE = Patience(attempts=5)
_SECONDS_WORTH_A_REMARK = 120.0


@dataclass(frozen=True)
class Address:
    """What is known of an id."""

    id: str
    state: State
    """`found`: it has an address. `gone`: the lookup has it no more. `own`: a video of one's own, with a path. `invalid`: it is
    no id of the data set. `failed`: nobody answered."""
    youtube_id: str = ""
    path: str = ""
    """The file of a video of one's own."""
    problem: str = ""
    """Why there is neither, as a clause."""

    @property
    def url(self) -> str:
        """The address of the video's page; empty if there is none."""
        return watch_url(self.youtube_id) if self.youtube_id else ""


def watch_url(youtube_id: str, second: float = 0.0) -> str:
    """The address of a video's page, which begins to play at a second."""
    moment = f"&t={int(second)}s" if second >= 1 else ""
    return f"https://www.youtube.com/watch?v={youtube_id}{moment}"


def known_addresses(ids: Iterable[str], cache: str | os.PathLike | None = None) -> dict[str, str]:
    """The YouTube ids of those ids that `yt8m id` found before, for `watch_url`. It asks nobody.

    Args:
        ids: ids of records; others are left out of the result.
        cache: the directory of the cache; None = the user's. A missing or damaged one knows nothing.
    """
    return {video: youtube for video, youtube in kept_answers(ids, cache).items() if youtube}


class Lookup:
    """Asks for addresses. Use it in a `with` block, which closes the connections and the cache.

    Args:
        cache: the directory of the cache; None = the user's.
        base_url: the address of another server with the same lookup; None = the data set's.
        jobs: ids to ask for at a time.
        rate: requests a second, at most.
        again: ask again for ids that were gone.
        patience: how long to wait for the server.
        progress: gets the progress.

    Raises:
        InputError: the cache cannot be used, or `base_url` is no address.
    """

    @checked
    def __init__(
        self,
        cache: str | os.PathLike | None = None,
        *,
        base_url: str | None = None,
        jobs: Jobs = DEFAULT_CONNECTIONS,
        rate: Rate = DEFAULT_RATE,
        again: bool = False,
        patience: Patience | None = None,
        progress: Progress = SILENT,
    ):
        self._site = (official_site("us") if base_url is None else own_site(base_url)).plans
        self._jobs, self._again, self._progress = jobs, again, progress
        self._stopping = threading.Event()
        self._pace = _Pace(rate, self._stopping)
        self._cache = AddressCache(cache)
        self._client = Client(patience or _PATIENCE, jobs, self._stopping)

    def __enter__(self) -> "Lookup":
        return self

    def __exit__(self, *_) -> None:
        self._client.close()
        self._cache.__exit__()

    def find(self, ids: Iterable[str], paths: Mapping[str, str] = MappingProxyType({})) -> list[Address]:
        """Finds addresses, each id once, in the order of the ids. A server that does not answer is not asked further.

        Args:
            ids: ids of records. One that has no address says why, in its `problem`.
            paths: the files of videos of one's own, by id. Nobody is asked for these.

        Raises:
            InputError: an answer cannot be kept.
        """
        self._stopping.clear()
        wanted = dict.fromkeys(ids)
        found = {video: Address(video, "own", path=paths[video]) for video in wanted if video in paths}
        found |= {video: each for video in wanted if video not in found and (each := _without_asking(video, paths))}
        for video, youtube in self._cache.known(video for video in wanted if video not in found).items():
            if youtube is not None:
                found[video] = Address(video, "found", youtube)
            elif not self._again:
                found[video] = _gone(video)
        asked = [video for video in wanted if video not in found]
        if asked:
            self._ask(asked, found)
        never = "not asked, as the server does not answer"
        return [found.get(video) or Address(video, "failed", problem=never) for video in wanted]

    def _ask(self, ids: Sequence[str], found: dict[str, Address]) -> None:
        unreached = 0

        def finished(outcome: Outcome[str, Address]) -> None:
            nonlocal unreached
            error = outcome.error
            if error is None:
                address = outcome.result
                self._cache.add(address.id, address.youtube_id or None)
            elif isinstance(error, _NoAnswer | Refused | Unreachable):
                address = Address(outcome.item, "failed", problem=str(error))
            else:
                raise error
            unreached = unreached + 1 if isinstance(error, Unreachable) else 0
            found[outcome.item] = address
            self._progress.advance(1)
            if unreached >= self._jobs:
                self._stopping.set()

        seconds = len(ids) / self._pace.rate
        if seconds > _SECONDS_WORTH_A_REMARK:
            self._progress.message(
                f"{quantity(len(ids), 'id', ',')} at {self._pace.rate:g} a second take about {seconds / 60:,.0f} minutes; "
                "stopped, the same command goes on where it stood"
            )
        with self._progress.working("asking for addresses", "id", total=len(ids)):
            in_threads(self._ask_for, ids, self._jobs, self._stopping, finished)

    def _ask_for(self, video: str) -> Address:
        """Asks for one id, in a thread. Raises Refused, Unreachable, Stopped or _NoAnswer."""
        self._pace.wait()
        try:
            content = self._client.content(f"{self._site}/2/j/i/{video[:2]}/{video}.js")
        except Refused as error:
            if error.status in _GONE or _ERROR_PAGE.match(error.body):
                return _gone(video)
            raise
        if _ERROR_PAGE.match(content):
            return _gone(video)
        answer = _ANSWER.fullmatch(content)
        if not answer:
            raise _NoAnswer("the server sends something else than an address; check the network, or --base-url")
        given, youtube = (answer[group].decode(errors="replace") for group in ("id", "youtube"))
        if given != video or not _YOUTUBE_ID.fullmatch(youtube):
            raise _NoAnswer(f"the server answers with {given[:20]!r} and {youtube[:20]!r}, which is no address of it")
        return Address(video, "found", youtube)


class _NoAnswer(Exception):
    """The server sends something that says nothing of the id."""


class _Pace:
    """Lets threads begin so many requests a second, together."""

    def __init__(self, rate: float, stopping: threading.Event):
        self.rate, self._stopping = rate, stopping
        self._lock, self._next = threading.Lock(), 0.0

    def wait(self) -> None:
        """Waits for this thread's turn. Raises Stopped."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + 1 / self.rate
        if self._stopping.wait(turn - now):
            raise Stopped


def _gone(video: str) -> Address:
    return Address(video, "gone", problem="the video is gone")


def _without_asking(video: str, paths: Mapping[str, str]) -> Address | None:
    """What an id alone says; None for an id to ask for."""
    if _YOUTUBE_ID.fullmatch(video):
        return Address(video, "found", video)
    if PUBLISHED.fullmatch(video):
        return None
    listed = "is not in the table of videos, and " if paths else ""
    return Address(video, "invalid", problem=f"{listed}is no id of the data set, which has four letters or digits")
