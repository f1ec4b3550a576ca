"""Files behind HTTP: where they are, and whether parts of them can be had; and why a server was not reached."""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from yt8m.errors import InputError

SCHEMES = ("http", "https")

_SECONDS = 30
"""To wait for an answer."""
_AT_ONCE = 16
"""Servers, or files of one, that are asked at a time."""
_WHOLE_BYTES = 256 << 10
"""The least that is asked for at a time by those who read records: a smaller file comes whole in any case."""
_NOTHING_BEYOND = 416


@dataclass(frozen=True)
class WebFile:
    """A file as its server has it."""

    address: str
    """Where it is in the end, with nothing in it that an address may not have."""
    num_bytes: int
    version: str
    """Its etag, or else the time of change that the server tells; empty if it tells neither."""


def is_web(path: str) -> bool:
    """Whether a path is an address behind HTTP."""
    return path.startswith(tuple(f"{scheme}://" for scheme in SCHEMES))


def find_all(urls: Iterable[str]) -> list[WebFile]:
    """`find` of several, side by side; raises what the first one that fails does."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(find, urls))


def find(url: str) -> WebFile:
    """Looks where a file is, following redirects, and whether parts of it can be had; remembered.

    tensorflow-io, which reads it, does not follow redirects, takes no spaces, and fails, or reads other bytes, where a server
    does not know what part it is asked for.

    Raises:
        InputError: the server does not answer, has no such file, or sends whole files alone and this one is large.
    """
    if url not in _found:
        found = _ask(url)
        _found[url] = _found[found.address] = found
    return _found[url]


_found: dict[str, WebFile] = {}


def _ask(url: str) -> WebFile:
    import requests

    address = requests.utils.requote_uri(url)
    # Compressed on the way, a part would be no part of the file.
    headers = {"Range": "bytes=0-0", "Accept-Encoding": "identity"}
    try:
        with requests.get(address, headers=headers, stream=True, timeout=_SECONDS) as response:
            if response.status_code >= 400 and response.status_code != _NOTHING_BEYOND:
                raise InputError(f"{url}: cannot be read (the server answers {response.status_code} {response.reason})")
            headers = response.headers
            version = headers.get("ETag") or headers.get("Last-Modified") or ""
            return WebFile(response.url if response.history else address, _size(url, response), version)
    except requests.TooManyRedirects as error:
        raise InputError(f"{url}: cannot be read (the server redirects in a circle)") from error
    except requests.exceptions.InvalidURL as error:
        raise InputError(f"{url}: is no address of a file; write http://HOST/PATH") from error
    except (requests.RequestException, OSError) as error:
        raise InputError(f"{url}: cannot be read ({reason_of(error, _SECONDS)})") from error


def _size(url: str, response) -> int:
    """The bytes of the whole file. Raises InputError if the server cannot send a part of it, and it is large."""
    if response.status_code == _NOTHING_BEYOND:  # not even the first byte
        return 0
    if response.status_code == 206:
        found = re.fullmatch(r"bytes 0-0/(\d+)", response.headers.get("Content-Range", "").strip())
        if found:
            return int(found[1])
    length = response.headers.get("Content-Length", "")
    if response.status_code == 206 or not length.isdecimal() or int(length) > _WHOLE_BYTES:
        raise InputError(
            f"{url}: cannot be read, as the server ignores Range requests, by which a file is read in parts; fetch the file "
            "(curl -LO), or serve it with nginx, Apache or Caddy, which know them (python -m http.server does not)"
        )
    return int(length)


def reason_of(error: Exception, timeout: float) -> str:
    """Why a server was not reached, in a few words.

    Args:
        error: of requests or urllib3.
        timeout: seconds that it was given.
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
    """An error and what is behind it, from the outside in."""
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
