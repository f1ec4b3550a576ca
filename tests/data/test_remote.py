"""Records behind HTTP and S3, from servers on this machine, read in processes of their own."""

import contextlib
import http.server
import importlib.util
import json
import re
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
import tensorflow as tf
from remote_data import Ended, assert_clean_end, finish, start, train_tiny, write_data
from remote_reading import digest

import yt8m

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow_io") is None or not tf.__version__.startswith("2.16."),
        reason=f"http:// and s3:// need tensorflow-io beside TensorFlow 2.16; this is TensorFlow {tf.__version__}",
    ),
]

BUCKET = "records"


class RangeHandler(http.server.SimpleHTTPRequestHandler):
    """Files, whole or the bytes of one `Range: bytes=first-last`, which is how they are read.

    What lies at `/moved/x` is at `/x`, and of what lies at `/whole/x` there are no ranges.
    """

    protocol_version = "HTTP/1.1"
    requested_ranges: set[str]

    def do_HEAD(self):
        if not self._moves():
            super().do_HEAD()

    def _moves(self) -> bool:
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/moved"))
            self.send_header("Content-Length", "0")
            self.end_headers()
        if self.path.startswith("/whole/"):
            self.path = self.path.removeprefix("/whole")
            del self.headers["Range"]
        return self.path.startswith("/moved/")

    def do_GET(self):
        if self._moves():
            return
        path = Path(self.translate_path(self.path))
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not path.is_file() or not wanted:
            super().do_GET()
            return
        self.requested_ranges.add(self.path)
        content = path.read_bytes()
        first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
        if first >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        self.wfile.write(content[first : last + 1])

    def log_message(self, *_):
        """Says nothing."""


@contextlib.contextmanager
def http_server(directory: Path):
    """Serves a directory; its address, and the paths that ranges were asked of."""
    ranges: set[str] = set()

    class Handler(RangeHandler):
        requested_ranges = ranges

        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(directory))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", ranges
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def s3_server(directory: Path):
    """Serves the files of a directory as the keys of a bucket; the environment of its clients."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=BUCKET)
    for path in sorted(directory.rglob("*.*")):
        client.put_object(Bucket=BUCKET, Key=path.relative_to(directory).as_posix(), Body=path.read_bytes())
    client.close()
    yield {"S3_ENDPOINT": endpoint, "AWS_EC2_METADATA_DISABLED": "true", **credentials}
    server.stop()


@dataclass(frozen=True)
class Remote:
    """What the processes did, which ran at the same time."""

    root: Path
    """The local directory with the same files."""
    host: str
    ranges: set[str]
    reading: Ended
    predicting: Ended
    submission: Path
    run: Path
    temporary: Path
    """The directory of temporary files of the process that predicted."""

    @property
    def report(self) -> dict:
        """What `remote_reading` printed."""
        return json.loads(self.reading.out)


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    directory = tmp_path_factory.mktemp("remote")
    root = write_data(directory / "root")
    shards = [root / f"2/frame/train/train000{index}.tfrecord" for index in range(2)]
    (root / "a space").mkdir()
    shutil.copyfile(shards[1], root / "a space/train 1.tfrecord")
    (root / "large.tfrecord").write_bytes(shards[0].read_bytes() * 20)  # more than is read at a time
    run, submission, temporary = directory / "run", directory / "remote.csv", directory / "temporary"
    temporary.mkdir()
    bucket = f"s3://{BUCKET}"
    script = Path(__file__).with_name("remote_reading.py")
    with http_server(root) as (host, ranges), s3_server(root) as environment:
        reading = start(script, bucket, host, **environment)
        train_tiny(run, root / "2/video/test")
        flags = ("--run", run, "--data", f"{bucket}/2/video/test/*.tfrecord")
        predicting = start("-m", "yt8m", "predict", *flags, "--out", submission, TMPDIR=str(temporary), **environment)
        return Remote(root, host, ranges, finish(reading), finish(predicting), submission, run, temporary)


def test_a_command_that_fails_after_reading_from_s3_ends_cleanly(remote):
    assert_clean_end(remote.reading, 2)
    assert remote.reading.err == f"yt8m: s3://{BUCKET}/2/none.tfrecord: no such file or directory\n"


@pytest.mark.parametrize("which", ["s3 directory", "s3 glob", "http files"])
def test_frame_level_equals_the_local_files(remote, which):
    expected = digest(str(remote.root / "2/frame/train"))
    assert len(expected) == 8
    assert remote.report[which] == expected


def test_single_files_equal_the_local_ones(remote):
    for which, file in (
        ("s3 file", "2/frame/train/train0001.tfrecord"),
        ("http video level", "2/video/test/test0000.tfrecord"),
        ("http redirected", "2/frame/train/train0001.tfrecord"),
        ("http with a space", "2/frame/train/train0001.tfrecord"),
        ("http small", "2/video/test/test0000.tfrecord"),
        ("http without ranges", "large.tfrecord"),
    ):
        assert remote.report[which] == digest(str(remote.root / file))


def test_http_files_are_read_in_ranges(remote):
    names = {f"/2/frame/train/train000{index}.tfrecord" for index in (0, 1)}
    assert remote.ranges >= names | {"/2/video/test/test0000.tfrecord"}


def test_s3_is_listed(remote):
    expected = [f"2/frame/train/train000{index}.tfrecord" for index in (0, 1)]
    expected += [f"2/video/test/test000{index}.tfrecord" for index in (0, 1)]
    assert remote.report["s3 files"] == [f"s3://{BUCKET}/{name}" for name in expected]
    assert remote.report["s3 splits"] == {"train": [f"s3://{BUCKET}/2/frame/train"]}


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("http nothing there", r"HOST/none.tfrecord: cannot be read \(the server answers 404 File not found\)"),
        ("http not a record", "HOST/notes.txt: the file is not a TFRecord file.*"),
        ("http no server", r"http://127.0.0.1:9/a.tfrecord: cannot be read \(Connection refused\)"),
        ("s3 nothing there", "BUCKET/none.tfrecord: no such file or directory"),
        ("s3 no match", r"BUCKET/none\*.tfrecord: no file matches"),
        ("s3 no bucket", "s3://nowhere/none.tfrecord: no such file or directory"),
        ("s3 no bucket, no key", "s3://nowhere: no such file or directory"),
        ("s3 no splits", "BUCKET/none: no such directory; .*"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(remote, which, message):
    pattern = message.replace("HOST", re.escape(remote.host)).replace("BUCKET", f"s3://{BUCKET}")
    assert re.fullmatch(pattern, remote.report[which])  # a dot matches no line break


def test_no_temporary_files_are_left(remote):
    """Of TensorFlow's; the interpreter, which would remove them, does not shut down once tensorflow-io is loaded."""
    # Where Python may write what it compiles, it does so beside the code that TensorFlow generates there.
    assert [path.name for path in remote.temporary.iterdir() if path.name != "__pycache__"] == []


def test_prediction_from_s3_equals_the_local_one(remote, tmp_path):
    assert_clean_end(remote.predicting, 0)
    assert "12 videos, video task" in remote.predicting.out
    yt8m.predict(remote.run, [str(remote.root / "2/video/test")], tmp_path / "local.csv")
    assert remote.submission.read_bytes() == (tmp_path / "local.csv").read_bytes()
