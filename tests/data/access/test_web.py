"""Where files behind HTTP are, asked of a server on this machine that behaves in many ways."""

import http.server
import re
import socket
import threading

import pytest

from yt8m.data.access import web
from yt8m.data.access.web import find, find_all, forget, require_parts
from yt8m.data.sources import expand_paths
from yt8m.errors import InputError

LARGE = 300_000


class Server(http.server.BaseHTTPRequestHandler):
    """Knows one file, of 10 bytes or of many, in several ways; the path says in which."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str]]

    def do_GET(self):
        self.asked.append((self.path, self.headers["Range"]))
        name = self.path.rpartition("/")[2]
        size = LARGE if "large" in name else 10
        if self.path.startswith("/moved"):
            self._answer(302, Location="/loop" if "loop" in name else f"/files/{name}?signed=a%20b", Content_Length="0")
        elif self.path.startswith("/loop"):
            self._answer(302, Location="/moved/loop", Content_Length="0")
        elif self.path.startswith("/forbidden"):
            self._answer(403, Content_Length="0")
        elif self.path.startswith("/whole"):
            self._answer(200, Content_Length=str(size), ETag='"whole"', body=b"x" * size)
        elif self.path.startswith("/chunked"):
            self._answer(200, Transfer_Encoding="chunked", body=b"0\r\n\r\n")
        elif self.path.startswith("/empty"):
            self._answer(416, Content_Range="bytes */0", Content_Length="0")
        else:
            changed = {"Last_Modified": "Sat, 01 Jan 2022 00:00:00 GMT"}
            self._answer(206, Content_Range=f"bytes 0-0/{size}", Content_Length="1", body=b"x", **changed)

    def _answer(self, status: int, body: bytes = b"", **headers: str):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def asked() -> list[tuple[str, str]]:
    """The paths and ranges that were asked for."""
    return []


@pytest.fixture
def host(asked, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = type("Handler", (Server,), {"asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_file_of_which_parts_can_be_had(host, asked):
    found = find(f"{host}/files/large")
    assert (found.address, found.num_bytes) == (f"{host}/files/large", LARGE)
    assert found.version == "Sat, 01 Jan 2022 00:00:00 GMT"
    assert find(f"{host}/files/large") is found
    assert asked == [("/files/large", "bytes=0-0")], "asked once, for one byte"
    assert find(f"{host}/empty").num_bytes == 0


def test_what_no_address_may_have_is_encoded(host):
    assert find(f"{host}/files/a b é.tfrecord").address == f"{host}/files/a%20b%20%C3%A9.tfrecord"
    assert find(f"{host}/files/a%20b?c=d%2Fe").address == f"{host}/files/a%20b?c=d%2Fe", "as it is"


def test_redirects_are_followed(host, asked):
    found = find(f"{host}/moved/large")
    assert found.address == f"{host}/files/large?signed=a%20b"
    asked.clear()
    assert find(found.address) is found
    assert asked == []
    with pytest.raises(InputError, match=f"^{host}/moved/loop: cannot be read \\(the server redirects in a circle\\)$"):
        find(f"{host}/moved/loop")


def test_a_server_without_ranges_serves_small_files_alone_to_tensorflow(host):
    found = find(f"{host}/whole/small")
    assert (found.num_bytes, found.version, found.in_parts) == (10, '"whole"', False)
    require_parts(f"{host}/whole/small")
    assert find(f"{host}/files/large").in_parts
    require_parts(f"{host}/files/large")
    for path, size in (("whole/large", LARGE), ("chunked", None)):
        found = find(f"{host}/{path}")
        assert (found.num_bytes, found.in_parts) == (size, False)
        with pytest.raises(
            InputError, match=f"^{host}/{path}: cannot be read, as the server ignores Range requests, .*curl"
        ):
            require_parts(f"{host}/{path}")


def test_a_file_that_has_changed_is_asked_for_again(host, asked):
    found = find(f"{host}/moved/large")
    forget(f"{host}/moved/large")
    forget(f"{host}/moved/large")
    asked.clear()
    assert find(f"{host}/moved/large") == found
    assert [path for path, _ in asked] == ["/moved/large", "/files/large?signed=a%20b"]


def test_what_is_not_there_is_named(host):
    with pytest.raises(InputError, match=f"^{host}/forbidden: cannot be read \\(the server answers 403 Forbidden\\)$"):
        find(f"{host}/forbidden")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/a"
        with pytest.raises(InputError, match=f"^{nobody}: cannot be read \\(Connection refused\\)$"):
            find(nobody)
    with pytest.raises(InputError, match=re.escape("http:///a: is no address of a file; write http://HOST/PATH")):
        find("http:///a")


def test_a_server_that_does_not_answer(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(web, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        with pytest.raises(InputError, match=f"^{url}: cannot be read \\(no answer for 0.2 s\\)$"):
            find(url)


def test_several_are_asked_side_by_side_and_given_in_order(host, monkeypatch):
    monkeypatch.setattr("yt8m.data.sources.prepare_file_systems", lambda paths: None)
    paths = [f"{host}/files/{{3..1}}", f"{host}/moved/{{a,b}}"]
    expected = [f"{host}/files/{name}" for name in ("3", "2", "1", "a?signed=a%20b", "b?signed=a%20b")]
    assert expand_paths(paths) == expected
    assert [each.address for each in find_all([f"{host}/files/2", f"{host}/files/1"])] == expected[1:3]
    with pytest.raises(
        InputError, match=r"/\*\.tfrecord: a server's files cannot be listed; name each, several as \{0000,"
    ):
        expand_paths(f"{host}/*.tfrecord")
    with pytest.raises(InputError, match="forbidden/1: cannot be read"):
        expand_paths([f"{host}/files/1", f"{host}/forbidden/{{1,2}}"])
