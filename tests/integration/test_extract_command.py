"""`yt8m extract`, from video files to records that other commands take as they are."""

import csv
import json
import signal
import subprocess
import sys
import time

import pytest

import yt8m as api
from yt8m.data.extraction import read_extraction
from yt8m.video.making import make_videos

NETWORK = """
import numpy as np

def colours(frames):
    return frames.reshape(len(frames), -1, 3).mean(axis=1) / 255

colours.frame_size = (8, 8)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Twelve videos of two seconds, with labels by name."""
    directory = tmp_path_factory.mktemp("made")
    make_videos(directory / "videos", 12, seconds=2)
    (directory / "own_network.py").write_text(NETWORK)
    return directory


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    (tmp_path / "videos").symlink_to(made / "videos")
    (tmp_path / "own_network.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


FLAGS = ["--network", "own_network:colours"]


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_records_with_labels_are_taken_as_they_are(yt8m, here):
    (here / "bad.mp4").write_bytes(b"")
    outcome = yt8m("extract", "videos", "bad.mp4", "--out", "mine", *FLAGS, "--labels", "videos/labels.csv")
    assert outcome.status == 2
    assert outcome.out.splitlines() == [
        "mine: 12 records of 13 videos, 24 frames; features colours:3:float32, log_mel:128:uint8:-5:7",
        f"{here}/bad.mp4: is empty (0 bytes)",
        "1 video of 13 failed: listed in mine/videos.csv",
    ]
    assert [row["id"] for row in rows_of("mine/videos.csv")] == [*(f"video{number:04d}" for number in range(12)), "bad"]
    assert (here / "mine/vocabulary.csv").read_bytes() == (here / "videos/vocabulary.csv").read_bytes()
    report = yt8m("inspect", "mine", "--json").json
    assert (report["num_records"], report["num_frames"]["mean"], report["corrupt_files"]) == (12, 2, [])
    assert report["features"] == {"colours": 3, "log_mel": 128}
    # Bytes do not tell their range; extraction.json does.
    assert report["flags"] == "--data.features colours:3:float32 log_mel:128:uint8:-5:7"
    names = {int(row["Index"]): row["Name"] for row in rows_of("mine/vocabulary.csv")}
    wanted = {row["path"]: set(row["labels"].split(";")) for row in rows_of("videos/labels.csv")}
    (batch,) = api.read_batches("mine", 12, num_classes=len(names))
    for video_id, labels in zip(batch["id"], batch["labels"], strict=True):
        assert {names[each] for each in labels if each >= 0} == wanted[f"{video_id.decode()}.mp4"]
    assert batch["num_frames"].tolist() == [2] * 12


def test_as_json_and_once_more(yt8m, here):
    words = ["extract", "videos", "--out", "mine", *FLAGS, "--json", "--max-frames", "1", "--ids", "short"]
    first = yt8m(*words).json
    assert first["num_extracted"] == first["num_videos"] == first["num_cut"] == first["num_frames"] == 12
    outcome = yt8m(*words)
    assert (outcome.status, outcome.json["num_extracted"], outcome.json["num_kept"]) == (0, 0, 12)
    assert "mine: going on; 12 of 12 videos are there" in outcome.err
    assert read_extraction("mine").network.name == "own_network:colours"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["extract", "videos", "--out", "videos/mine", *FLAGS], "videos/mine: lies in videos, which is read"),
        (["extract", "nowhere", "--out", "mine", *FLAGS], "nowhere: no such file or directory"),
        (["extract", "videos", "--out", ".", *FLAGS], ".: holds other things, such as own_network.py"),
        (["extract", "videos", "--out", "mine", "--network", "efficient"], "unknown network 'efficient'"),
        (["extract", "videos", "--out", "mine", *FLAGS, "--jobs", "0"], "--jobs is 0"),
        (["extract", "videos", *FLAGS], "give --out DIR for records of the videos, or --fit-pca FILE"),
        (["extract", "videos", *FLAGS, "--out", "mine", "--fit-pca", "pca.npz"], "one of the two"),
        (
            ["extract", "videos/video0000.mp4", *FLAGS, "--fit-pca", "pca.npz"],
            "needs 6 frames, one a second, and the videos have 2",
        ),
    ],
)
def test_what_cannot_work_is_told_in_a_line(yt8m, here, words, reason):
    outcome = yt8m(*words)
    assert outcome.status == 2
    (line,) = outcome.err.splitlines()
    assert reason in line
    assert not (here / "mine").exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--out", "mine", "--labels", "none.csv"], "none.csv: cannot be read as labels of videos"),
        (["--out", "mine", "--labels", "videos/labels.csv", "--vocabulary", "none.csv"], "none.csv: "),
        (["--out", "mine", "--vocabulary", "videos/vocabulary.csv"], "--vocabulary names the classes of --labels"),
        (["--out", "."], ".: holds other things, such as own_network.py"),
        (["--out", "own_network.py"], "own_network.py: is a file"),
        (["--out", "videos/mine"], "videos/mine: lies in videos"),
    ],
)
def test_mistyped_paths_are_told_before_a_network_is_loaded(yt8m, here, words, reason):
    """As loading one takes seconds. A network that cannot be loaded would be told instead."""
    outcome = yt8m("extract", "videos", *words, "--network", "no_such_networks:colours")
    assert outcome.status == 2
    (line,) = outcome.err.splitlines()
    assert reason in line
    assert not (here / "mine").exists()


def test_a_pca_is_fitted_and_used(yt8m, here):
    (here / "bad.mp4").write_bytes(b"")
    outcome = yt8m("extract", "videos", "bad.mp4", *FLAGS, "--fit-pca", "pca.npz", "--pca-values", "2", "--json")
    assert outcome.status == 2
    assert {name: outcome.json[name] for name in ("path", "num_values", "num_frames", "num_videos", "num_failed")} == {
        "path": "pca.npz",
        "num_values": 2,
        "num_frames": 24,
        "num_videos": 13,
        "num_failed": 1,
    }
    assert yt8m("extract", "videos", *FLAGS, "--pca", "pca.npz", "--out", "mine").status == 0
    extraction = read_extraction("mine")
    assert extraction.features[0].text == "colours_pca:2"
    assert extraction.network.pca == str(here / "pca.npz")
    assert extraction.identity["pca"] == outcome.json["sha256"]
    outcome = yt8m("extract", "videos", *FLAGS, "--pca", "pca.npz", "--fit-pca", "other.npz")
    assert outcome.err == "yt8m: network own_network:colours has a PCA already; fit one to a network without\n"


@pytest.mark.slow
def test_a_model_learns_from_them(yt8m, here, short_flags):
    assert yt8m("extract", "videos", "--out", "mine", *FLAGS, "--labels", "videos/labels.csv").status == 0
    data = "--data.train", "mine", "--data.validate", "mine"
    words = ["--training.num-steps", "2", "--training.batch-size", "4", "--training.validate-every-steps", "2"]
    assert yt8m("split", "mine", "--parts", "train=.5,validate=.5", "--out", "mine/parts").status == 0
    data = "--data.root", "mine/parts"
    outcome = yt8m("train", "frame_logistic", *data, "--run", "run", *words)
    assert outcome.status == 0, outcome.err
    config = json.loads((here / "run/config.json").read_text())
    assert config["data"]["features"] == ["colours:3:float32", "log_mel:128:uint8:-5:7"]
    assert config["data"]["num_classes"] == 6


@pytest.mark.slow
def test_a_killed_one_goes_on(yt8m, here):
    words = ["extract", "videos", *FLAGS, "--jobs", "1", "--records-per-shard", "2"]
    assert yt8m(*words, "--out", "whole").status == 0
    with subprocess.Popen([sys.executable, "-m", "yt8m", *words, "--out", "mine"]) as process:
        while process.poll() is None and not list((here / "mine").glob("*.tfrecord")):
            time.sleep(0.002)
        process.kill()
    assert process.returncode == -signal.SIGKILL, "it was done before it was killed; give it more to do"
    outcome = yt8m(*words, "--out", "mine")
    assert outcome.status == 0
    assert "mine: going on; " in outcome.err
    whole, gone_on = ({path.name: path.read_bytes() for path in (here / name).iterdir()} for name in ("whole", "mine"))
    assert gone_on == whole
