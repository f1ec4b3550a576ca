"""`make bench-download`: `yt8m download` beside `curl --parallel`, from a server on this machine.

The server sends files from the page cache with sendfile, in a process of its own; curl checks no md5. They take turns.
"""

import contextlib
import hashlib
import http.server
import json
import os
import shutil
import socketserver
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import documents
from benchmarks.sizes import SAME_SIZE, parser_of, sized

NUM_FILES = sized(200, 4)
FILE_BYTES = sized(5_000_000, 10_000)
JOBS = 8
ROUNDS = sized(5, 1)
PARTITION = "2/frame/train"
_DIGITS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def write_files(root: Path) -> list[str]:
    """The layout of the data set's servers; the files' paths below the root."""
    directory, plan = root / PARTITION, root / "2" / "download_plans" / "frame_train.json"
    directory.mkdir(parents=True)
    plan.parent.mkdir()
    files = {}
    for index in range(NUM_FILES):
        content = os.urandom(FILE_BYTES)
        name = f"train{_DIGITS[index // 62]}{_DIGITS[index % 62]}.tfrecord"
        (directory / name).write_bytes(content)
        files[name] = hashlib.md5(content).hexdigest()
    plan.write_text(json.dumps({"files": files}))
    return [f"{PARTITION}/{name}" for name in files]


class Handler(http.server.SimpleHTTPRequestHandler):
    """Sends whole files as fast as the kernel can."""

    protocol_version = "HTTP/1.1"

    def copyfile(self, source, outputfile):
        self.wfile.flush()
        self.connection.sendfile(source)

    def log_message(self, *_):
        """Says nothing."""


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128


def serve(root: str) -> None:
    """Serves a directory; prints the port."""
    os.chdir(root)
    with Server(("127.0.0.1", 0), Handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


@contextlib.contextmanager
def serving(root: Path) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.download", "--serve", str(root), *SAME_SIZE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def with_curl(url: str, paths: list[str], out: Path) -> list[str]:
    """Its command, with a file of what it fetches."""
    config = out.parent / "curl.config"
    lines = [f'url = "{url}/{path}"\noutput = "{out / Path(path).name}"' for path in paths]
    config.write_text("\n".join(lines))
    return [
        "curl",
        "--parallel",
        "--parallel-max",
        str(JOBS),
        "--silent",
        "--show-error",
        "--fail",
        "--config",
        str(config),
    ]


def with_us(url: str, out: Path) -> list[str]:
    """Our command."""
    options = ["--out", str(out), "--base-url", url, "--jobs", str(JOBS)]
    return [sys.executable, "-m", "yt8m", "download", PARTITION, *options]


def seconds(command: list[str], out: Path) -> float:
    """That a command takes to fill an empty directory, its start included."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    taken = time.perf_counter() - start
    fetched = sum(path.stat().st_size for path in out.rglob("*.tfrecord"))
    if fetched != NUM_FILES * FILE_BYTES:
        raise RuntimeError(f"{command[0]} fetched {fetched} bytes of {NUM_FILES * FILE_BYTES}")
    return taken


def measure() -> str:
    """The table."""
    if not shutil.which("curl"):
        return "Not run: there is no curl here."
    with tempfile.TemporaryDirectory() as place:
        root, out = Path(place) / "root", Path(place) / "out"
        paths = write_files(root)
        with serving(root) as url:
            commands = (with_curl(url, paths, out), with_us(url, out))
            turns = [tuple(seconds(command, out) for command in commands) for _ in range(ROUNDS + 1)][1:]
            again = seconds_again(commands[1])
    theirs, ours = (statistics.median(column) for column in zip(*turns, strict=True))
    ratio = statistics.median(curl / us for curl, us in turns)
    megabytes = NUM_FILES * FILE_BYTES / 1e6
    version = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    rows = [
        [f"curl {version} `--parallel --parallel-max {JOBS}`", f"{theirs:.2f}", f"{megabytes / theirs:,.0f}", ""],
        [
            "`yt8m download`, with md5",
            f"{ours:.2f}",
            f"{megabytes / ours:,.0f}",
            f"{ratio:.2f} of curl's rate; aim 0.5",
        ],
        ["the same once more: nothing to fetch", f"{again:.2f}", "", ""],
    ]
    return documents.table([f"{NUM_FILES} files of {FILE_BYTES / 1e6:.0f} MB", "seconds", "MB/s", ""], rows)


def seconds_again(command: list[str]) -> float:
    """That a command takes when all is there."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = parser_of("benchmarks.download", __doc__)
    parser.add_argument("--serve", metavar="DIR", help="serve a directory, as one of its processes does")
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return
    documents.write("download", measure())


if __name__ == "__main__":
    main()
