"""A server on this machine that misbehaves as told and keeps a log. It can have the layout of the data set's."""

import contextlib
import hashlib
import http.server
import json
import random
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from yt8m.data.access.retries import Patience

PARTITION = "2/frame/train"
QUICK = Patience(timeout=20.0, attempts=4, first_wait=0.001, longest_wait=0.01)
NAMES = ("trainaa", "trainaB", "trainpj", "trainZ9", "train00", "train99")
"""On the server, less their ending."""
NUMBERS = {
    "trainaa": 0,
    "trainaB": 27,
    "trainpj": 939,
    "trainZ9": 51 * 62 + 61,
    "train00": 52 * 62 + 52,
    "train99": 3843,
}
"""Of the local names: 62 times the first digit's place in a-z, A-Z, 0-9, plus the second's."""


@dataclass(frozen=True)
class Fault:
    """How one answer is wrong.

    `drop` closes the connection after some bytes, `stall` sends nothing more after them, `wrong` changes that byte, `status`
    answers with it and `body` alone, `whole` sends the whole file whatever was asked for, and `most` gives that much of a range,
    which is allowed. `chunked` sends the whole file without telling its size.
    """

    drop: int | None = None
    stall: int | None = None
    wrong: int | None = None
    status: int | None = None
    body: bytes = b""
    whole: bool = False
    most: int | None = None
    chunked: bool = False


@dataclass
class Sent:
    """An answer to a GET: the file's bytes `first` to `first + count`, noted before they leave."""

    path: str
    status: int
    first: int
    count: int


@dataclass
class Served:
    """What the server has and did."""

    files: dict[str, bytes]
    url: str = ""
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    """By path, one an answer to a GET."""
    always: Fault = Fault()
    """Where a path has no fault of its own left."""
    log: list[Sent] = field(default_factory=list)
    connections: int = 0
    """That were opened."""
    tells_sizes: bool = True
    versions: dict[str, str] = field(default_factory=dict)
    """Etags by path."""
    seconds_a_block: float = 0.0
    """Waited before each 64 kB of a record file."""
    ended: threading.Event = field(default_factory=threading.Event)

    def path_of(self, name: str) -> str:
        """Of a record file."""
        return f"/{PARTITION}/{name}.tfrecord"

    def content(self, name: str) -> bytes:
        """Of a record file."""
        return self.files[self.path_of(name)]

    def gets(self, name: str) -> list[Sent]:
        """The answers to GETs of a record file."""
        return [sent for sent in self.log if sent.path == self.path_of(name)]

    @property
    def record_gets(self) -> list[Sent]:
        """The answers to GETs of record files."""
        return [sent for sent in self.log if sent.path.endswith(".tfrecord")]


def make_files(size: int = 50_000, names: tuple[str, ...] = NAMES, partition: str = PARTITION) -> dict[str, bytes]:
    """Paths and contents: noise of different lengths, and the plan of them."""
    noise = random.Random(1)
    files = {f"{name}.tfrecord": noise.randbytes(size + 1000 * index) for index, name in enumerate(names)}
    plan = {"files": {name: hashlib.md5(content).hexdigest() for name, content in files.items()}}
    version, level, split = partition.split("/")
    return {
        f"/{version}/download_plans/{level}_{split}.json": json.dumps(plan).encode(),
        **{f"/{partition}/{name}": content for name, content in files.items()},
        "/vocabulary.csv": b"Index,Name\n0,Game\n",
        "/segment_label_ids.csv": b"Index\n0\n",
    }


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers for the server's `served`."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_HEAD(self):
        served: Served = self.server.served
        content = served.files.get(self.path)
        if content is None or not served.tells_sizes:
            self._say(404 if content is None else 405)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()

    def do_GET(self):
        served: Served = self.server.served
        faults = served.faults.get(self.path)
        fault = faults.pop(0) if faults else served.always
        content = served.files.get(self.path)
        status = fault.status or (404 if content is None else 200)
        if status != 200:
            served.log.append(Sent(self.path, status, 0, 0))
            self._say(status, fault.body)
            return
        is_whole = fault.whole or fault.chunked
        wanted = None if is_whole else re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first = int(wanted[1]) if wanted else 0
        if wanted and first >= len(content):
            served.log.append(Sent(self.path, 416, first, 0))
            self._say(416)
            return
        last = int(wanted[2]) if wanted and wanted[2] else len(content)
        self._send(served, fault, content, slice(first, last + 1), is_part=wanted is not None)

    def _send(self, served: Served, fault: Fault, content: bytes, part: slice, is_part: bool):
        first = part.start
        if fault.wrong is not None:
            content = content[: fault.wrong] + bytes([content[fault.wrong] ^ 1]) + content[fault.wrong + 1 :]
        sent = Sent(self.path, 206 if is_part else 200, first, 0)
        served.log.append(sent)
        body = content[part][: fault.most if is_part else None]
        self.send_response(206 if is_part else 200)
        if is_part:
            self.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/{len(content)}")
        if self.path in served.versions:
            self.send_header("ETag", served.versions[self.path])
        if fault.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cuts = [cut for cut in (fault.drop, fault.stall) if cut is not None]
        with contextlib.suppress(OSError):  # whoever asked may be gone
            for start in range(0, len(body[: min(cuts, default=len(body))]), 2**16):
                block = body[start : min([start + 2**16, *cuts])]
                if served.seconds_a_block and self.path.endswith(".tfrecord"):
                    time.sleep(served.seconds_a_block)
                sent.count += len(block)
                self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if fault.chunked else block)
                self.wfile.flush()
            if fault.chunked and not cuts:
                self.wfile.write(b"0\r\n\r\n")
        if fault.stall is not None:
            served.ended.wait(60)
        if cuts:
            self.close_connection = True

    def _say(self, status: int, body: bytes = b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def process_request(self, request, client_address):
        self.served.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request, client_address):
        """A client that went away is no news."""


@contextlib.contextmanager
def serve(files: dict[str, bytes]) -> Iterator[Served]:
    """Serves files by path."""
    with _Server(("127.0.0.1", 0), Handler) as server:
        server.served = served = Served(files)
        served.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
        thread.start()
        try:
            yield served
        finally:
            served.ended.set()
            server.shutdown()
            thread.join()
