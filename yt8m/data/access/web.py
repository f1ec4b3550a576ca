"""Finds files behind HTTP, finds out if they can be read in parts, and says why a server was not reached."""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from yt8m.errors import InputError

SCHEMES = ("http", "https")

_SECONDS = 30
"""Time to wait for an answer."""
_AT_ONCE = 16
"""Requests made at the same time."""
_WHOLE_BYTES = 256 << 10
"""The smallest request that TensorFlow's readers of records make. They fetch a smaller file whole in any case."""
_NOTHING_BEYOND = 416


@dataclass(frozen=True)
class WebFile:
    """A file on a web server."""

    address: str
    """The address after all redirects, with special characters quoted."""
    num_bytes: int | None
    """None if the server does not say."""
    version: str
    """The etag, or else the time of change; empty if the server gives neither."""
    in_parts: bool
    """Whether the server sends parts of the file."""


def is_web(path: str) -> bool:
    """Whether a path is an HTTP address."""
    return path.startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


def find_all(urls: Iterable[str]) -> list[WebFile]:
    """Finds several files in parallel; raises the error of the first one that fails."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(find, urls))


def find(url: str) -> WebFile:
    """Finds a file through redirects. Results are cached.

    Raises:
        InputError: the server does not answer or has no such file.
    """
    if url not in _found:
        found = _ask(url)
        _found[url] = _found[found.address] = found
    return _found[url]


_found: dict[str, WebFile] = {}


def forget(url: str) -> None:
    """Makes the next `find` ask again, as the file has changed."""
    found = _found.pop(url, None)
    if found:
        _found.pop(found.address, None)


def require_parts(url: str) -> None:
    """Refuses a large file of which the server does not send parts. TensorFlow's own readers would get wrong bytes of it.

    Raises:
        InputError: the file is large and the server sends only whole files. See also `find`.
    """
    found = find(url)
    if not found.in_parts and (found.num_bytes is None or found.num_bytes > _WHOLE_BYTES):
        raise InputError(
            f"{url}: cannot be read, as the server ignores Range requests, by which a file is read in parts; fetch the file "
            "(curl -LO), or serve it with nginx, Apache or Caddy, which know them (python -m http.server does not)"
        )


def version_of(response) -> str:
    """The version of the file that a server sends; see `WebFile`."""
    return response.headers.get("ETag") or response.headers.get("Last-Modified") or ""


def _ask(url: str) -> WebFile:
    import requests

    address = requests.utils.requote_uri(url)
    # A part of a compressed transfer would not be a part of the file.
    headers = {"Range": "bytes=0-0", "Accept-Encoding": "identity"}
    try:
        with requests.get(address, headers=headers, stream=True, timeout=_SECONDS) as response:
            if response.status_code >= 400 and response.status_code != _NOTHING_BEYOND:
                raise InputError(f"{url}: cannot be read (the server answers {response.status_code} {response.reason})")
            num_bytes, in_parts = _size(response)
            return WebFile(response.url if response.history else address, num_bytes, version_of(response), in_parts)
    except requests.TooManyRedirects as error:
        raise InputError(f"{url}: cannot be read (the server redirects in a circle)") from error
    except requests.exceptions.InvalidURL as error:
        raise InputError(f"{url}: is no address of a file; write http://HOST/PATH") from error
    except (requests.RequestException, OSError) as error:
        raise InputError(f"{url}: cannot be read ({reason_of(error, _SECONDS)})") from error


def _size(response) -> tuple[int | None, bool]:
    """The size of the whole file in bytes, if known, and whether the server sends parts."""
    if response.status_code == _NOTHING_BEYOND:  # the file is empty
        return 0, True
    if response.status_code == 206:
        found = re.fullmatch(r"bytes 0-0/(\d+)", response.headers.get("Content-Range", "").strip())
        return (int(found[1]), True) if found else (None, False)
    length = response.headers.get("Content-Length", "")
    return (int(length) if length.isdecimal() else None), False


def reason_of(error: Exception, timeout: float) -> str:
    """Says in a few words why a server was not reached.

    Args:
        error: from requests or urllib3.
        timeout: seconds that the server was given.
    """
    import requests
    import urllib3

    causes = list(_causes(error))
    texts = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    if texts:
        return texts[-1]
    timeouts = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
    if any(isinstance(cause, timeouts) for cause in causes):
        return f"no answer for {timeout:g} s"
    return "the connection broke"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and its causes, outermost first."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        behind = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [other for other in behind if isinstance(other, BaseException)]
