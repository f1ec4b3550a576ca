"""Records on `gs://`, read by TensorFlow's own file system from a stand-in on this machine."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from cloud_storage import cloud_storage
from remote_data import Ended, assert_clean_end, finish, start, train_tiny, write_data
from remote_reading import digest

import yt8m
from yt8m.runs import RunDirectory, read_metrics

pytestmark = pytest.mark.slow

BUCKET = "gs://records"


@dataclass(frozen=True)
class Cloud:
    """What the process did."""

    root: Path
    """The local directory with the same files."""
    process: Ended
    asked: list[tuple[str, str]]
    """Hosts and paths."""
    run: Path
    submission: Path

    @property
    def report(self) -> dict:
        """What `cloud_reading` printed."""
        return json.loads(self.process.out.splitlines()[0])


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    directory = tmp_path_factory.mktemp("cloud")
    root = write_data(directory / "buckets" / "records")
    (directory / "buckets" / "private").mkdir()
    run, submission = directory / "run", directory / "submission.csv"
    with cloud_storage(directory / "buckets", directory / "certificate.pem") as (environment, asked):
        process = start(Path(__file__).with_name("cloud_reading.py"), BUCKET, run, submission, **environment)
        return Cloud(root, finish(process), asked, run, submission)


def test_the_process_ends_well(cloud):
    assert_clean_end(cloud.process, 0)
    assert cloud.process.out.splitlines()[1:] == [f"{cloud.submission}: 12 videos, video task"]
    assert "tensorflow_io" not in cloud.report["modules"], "gs:// is TensorFlow's own"


def test_the_bytes_come_from_the_bucket(cloud):
    names = [f"/records/2/frame/train/train000{index}.tfrecord" for index in (0, 1)]
    assert {("storage.googleapis.com", name) for name in names} <= set(cloud.asked)


def test_a_directory_and_a_file_equal_the_local_ones(cloud):
    expected = digest(str(cloud.root / "2/frame/train"))
    assert len(expected) == 8
    assert cloud.report["directory"] == expected
    assert cloud.report["file"] == expected[4:]


def test_buckets_are_listed(cloud):
    expected = [f"2/frame/train/train000{index}.tfrecord" for index in (0, 1)]
    expected += [f"2/video/test/test000{index}.tfrecord" for index in (0, 1)]
    assert cloud.report["files"] == [f"{BUCKET}/{name}" for name in expected]
    assert cloud.report["splits"] == {"train": [f"{BUCKET}/2/frame/train"]}


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("nothing there", "BUCKET/none.tfrecord: no such file or directory"),
        ("no match", r"BUCKET/none\*.tfrecord: no file matches"),
        ("no bucket", "gs://nowhere/none.tfrecord: no such file or directory"),
        ("no bucket, no key", "gs://nowhere: no such file or directory"),
        ("not allowed", r"gs://private/train.tfrecord: cannot be listed \(.*403.*\)"),
        ("not a record", "BUCKET/notes.txt: the file is not a TFRecord file.*"),
        ("no splits", "BUCKET/none: no such directory; .*"),
        ("a run", "BUCKET/run: a run directory must be on a local disk .*"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(cloud, which, message):
    assert re.fullmatch(message.replace("BUCKET", BUCKET), cloud.report[which])  # a dot matches no line break


def test_a_run_from_a_bucket_equals_that_from_local_files(cloud, tmp_path):
    local = train_tiny(tmp_path / "run", cloud.root / "2/video/test")
    assert RunDirectory(cloud.run).config.read_text().count(f"{BUCKET}/2/video/test") == 2
    rows = [read_metrics(RunDirectory(run)) for run in (cloud.run, local)]
    for found, expected in zip(*rows, strict=True):
        found.pop("videos_per_second", None), expected.pop("videos_per_second", None)
        assert found == expected
    yt8m.predict(local, [str(cloud.root / "2/video/test")], tmp_path / "local.csv")
    assert cloud.submission.read_bytes() == (tmp_path / "local.csv").read_bytes()
