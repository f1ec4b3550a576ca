"""Reads the bytes of files behind HTTP, whatever the server can do, and tries again where a connection breaks."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from yt8m.data.access import web
from yt8m.data.access.client import Client, extent, is_beyond
from yt8m.data.access.retries import PATIENCE, Broken, Refused, Unreachable
from yt8m.errors import RecordError

Result = TypeVar("Result")


class WebReader:
    """Reads a file. Several threads may read parts of it at the same time.

    All methods raise RecordError if the file cannot be read or has changed since it was found, and
    `yt8m.data.access.retries.Stopped` after `close`.

    Args:
        url: the address of the file.
        connections: parts that are read at the same time.

    Attributes:
        num_bytes: the size of the file; None if the server does not say.
        in_parts: whether the server sends parts.
    """

    def __init__(self, url: str, connections: int = 1):
        self._url, self._file = url, web.find(url)
        self.num_bytes, self.in_parts = self._file.num_bytes, self._file.in_parts
        self._stopping = threading.Event()
        self._client = Client(PATIENCE, connections, self._stopping)

    def close(self) -> None:
        """Ends all reading."""
        self._stopping.set()
        self._client.close()

    def part(self, begin: int, end: int) -> bytes:
        """The bytes from `begin` to `end`, the latter excluded; both are within the file."""
        content = bytearray()

        def receive() -> None:
            while len(content) < end - begin:
                before = len(content)
                for chunk in self._body(begin + before, end):
                    content.extend(chunk)
                if len(content) == before:
                    raise Broken("the connection was closed early")

        self._persist(receive, lambda: len(content))
        del content[end - begin :]
        return bytes(content)

    def chunks(self) -> Iterator[bytes]:
        """All bytes, in chunks as they arrive. If the connection breaks, a server without parts sends those before again."""
        position, body = 0, None

        def receive() -> bytes:
            nonlocal body
            if body is None:
                body = self._body(position, None)
            try:
                return next(body, b"")
            except Broken:
                body = None
                raise

        while chunk := self._persist(receive):
            position += len(chunk)
            yield chunk

    def _persist(self, attempt: Callable[[], Result], reached: Callable[[], int] = lambda: 0) -> Result:
        try:
            return self._client.persist(attempt, reached)
        except (Refused, Unreachable) as error:
            raise RecordError(self._url, None, f"cannot be read ({error})") from error

    def _body(self, begin: int, end: int | None) -> Iterator[bytes]:
        """The bytes from `begin` on that one request gives, up to `end`, or to the end of the file."""
        with contextlib.closing(self._answer(begin, end)) as chunks:
            yield from chunks

    def _answer(self, begin: int, end: int | None) -> Iterator[bytes]:
        last = None if end is None else end - 1
        with self._client.get(self._file.address, begin, last) as response:
            if is_beyond(response):
                if begin or self.num_bytes:
                    self._refuse_change()
                return
            found = extent(response, begin)
            if self._file.version and web.version_of(response) not in ("", self._file.version):
                self._refuse_change()
            if None not in (found.end, self.num_bytes) and found.end != self.num_bytes:
                self._refuse_change()
            position = found.start
            for chunk in self._client.chunks(response):
                new = chunk[max(0, begin - position) :]  # a server that ignores ranges sends all bytes
                position += len(chunk)
                if new:
                    yield new
                if end is not None and position > end:  # a connection whose body is read to its end is used again
                    break
        if end is None and found.end is not None and position < found.end:
            raise Broken("the connection was closed early")

    def _refuse_change(self) -> None:
        web.forget(self._url)
        raise RecordError(self._url, None, "was changed while it was read; start again")
