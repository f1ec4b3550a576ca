"""Requests to a server, repeated when they fail."""

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from yt8m.data.access.retries import Broken, Patience, Persistence, Refused, Stopped
from yt8m.data.access.web import reason_of

_CHUNK_BYTES = 2**19
_NOTHING_BEYOND = 416
_SPAN = re.compile(r"bytes (?P<first>[0-9]+)-[0-9]*/(?P<all>[0-9]+|\*)")
_TEMPORARY = {408, 425, 429}
_MOST_OF_A_REFUSAL = 2048
"""Bytes of a refusal's body that are read."""


class Client(Persistence):
    """Requests to servers, from several threads.

    Args:
        patience: how long to wait for a server.
        connections: connections to keep open, one per thread.
        stopping: set this to end all requests with `Stopped`.
    """

    def __init__(self, patience: Patience, connections: int, stopping: threading.Event):
        super().__init__(patience, stopping)
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=connections))

    def close(self) -> None:
        """Closes all connections."""
        self._session.close()

    @contextlib.contextmanager
    def _request(self, method: str, url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
        # With compression, a part of the body would not be a part of the file.
        headers = {"Accept-Encoding": "identity", **headers}
        try:
            with self._session.request(
                method, url, headers=headers, stream=True, timeout=self._patience.timeout, allow_redirects=True
            ) as response:
                self._check(response)
                yield response
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise Refused(str(error)) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Broken(reason_of(error, self._patience.timeout)) from error

    def _check(self, response: requests.Response) -> None:
        status = response.status_code
        if status in (200, 206, _NOTHING_BEYOND):
            return
        said = f"{status} {response.reason or ''}".strip()
        if status < 500 and status not in _TEMPORARY:
            raise Refused(said, status, _beginning(response))
        raise Broken(said, _retry_after(response))

    def get(
        self, url: str, first: int = 0, last: int | None = None
    ) -> contextlib.AbstractContextManager[requests.Response]:
        """Requests a file once.

        Args:
            url: the address of the file.
            first: the first byte to get. A server that ignores this sends the whole file.
            last: the last byte to get; None = to the end.

        Raises:
            Refused, Broken: when the `with` block is entered. Broken also when the body is read in the block.
        """
        wanted = {} if first == 0 and last is None else {"Range": f"bytes={first}-{'' if last is None else last}"}
        return self._request("GET", url, wanted)

    def chunks(self, response: requests.Response) -> Iterator[bytes]:
        """The body, in chunks as they arrive. Raises Stopped."""
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
            yield chunk
            if self._stopping.is_set():
                raise Stopped

    def content(self, url: str, most: int | None = None) -> bytes:
        """The content of a small file. Raises Refused, Unreachable or Stopped. See `persist` for `most`."""

        def attempt() -> bytes:
            with self.get(url) as response:
                content = b"".join(self.chunks(response))
                if len(content) < (extent(response, 0).end or 0):
                    raise Broken("the connection was closed early")
                return content

        return self.persist(attempt, most=most)

    def size(self, url: str) -> int | None:
        """The size of a file in bytes; None if the server does not say, or cannot be reached now."""
        try:
            with self._request("HEAD", url, {}) as response:
                response.raw.drain_conn()  # the body is empty, but a connection with unread data is not reused
                return extent(response, 0).end
        except (Refused, Broken):
            return None


@dataclass(frozen=True)
class Extent:
    """The bytes of a file that a body holds."""

    start: int
    end: int | None
    """The size of the file; None = unknown. A server may send less at a time."""


def extent(response: requests.Response, asked: int) -> Extent:
    """The first byte of a response, and the size of the file.

    Args:
        response: has the status 200, 206 or 416.
        asked: the first byte of the request.

    Raises:
        Broken: the response begins after that byte.
    """
    if response.status_code == _NOTHING_BEYOND:
        return Extent(asked, asked)
    length = response.headers.get("Content-Length", "")
    start, end = 0, int(length) if length.isdecimal() else None
    if response.status_code == 206:
        span = _SPAN.fullmatch(response.headers.get("Content-Range", "").strip())
        start = int(span["first"]) if span else asked
        end = int(span["all"]) if span and span["all"].isdecimal() else None
    if start > asked:
        raise Broken("the server sends other bytes than requested")
    return Extent(start, end)


def is_beyond(response: requests.Response) -> bool:
    """Whether the server says that the file ends before the first byte of the request."""
    return response.status_code == _NOTHING_BEYOND


def _beginning(response: requests.Response) -> bytes:
    """The beginning of the body of a refusal; what of it can be read."""
    with contextlib.suppress(requests.RequestException, urllib3.exceptions.HTTPError, OSError):
        return response.raw.read(_MOST_OF_A_REFUSAL)
    return b""


def _retry_after(response: requests.Response) -> float | None:
    header = response.headers.get("Retry-After")
    try:
        return Retry().parse_retry_after(header) if header else None
    except urllib3.exceptions.InvalidHeader:
        return None
