"""Videos of one's own: extracted, added, found by their files, and named by `yt8m id`."""

import json
import shutil

import pytest
from grey_videos import write_grey

from yt8m.cli import main
from yt8m.data.extraction import NetworkChoice
from yt8m.data.tables.videos import read_videos
from yt8m.extracting.extraction import extract
from yt8m.extracting.networks.registry import load_network

NETWORK = """
import numpy as np

def looks(frames):
    grey = frames.mean(axis=(1, 2, 3))
    return np.stack([grey, 255 - grey], 1)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A dark video of 12 seconds, a light one, and one of 6 seconds that is like the dark one."""
    directory = tmp_path_factory.mktemp("videos")
    for name, seconds, first in (("night", 12, 10), ("light", 12, 60), ("evening", 6, 12)):
        write_grey(directory / f"{name}.mp4", seconds, first=first)
    return directory


@pytest.fixture
def videos(made, tmp_path, monkeypatch):
    """The directory of these videos, beside a network."""
    (tmp_path / "search_network.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(made, tmp_path / "videos")


@pytest.fixture
def index(videos, search, tmp_path):
    """An index of the first two."""
    name = "search_network:looks"
    files = [str(videos / f"{each}.mp4") for each in ("night", "light")]
    extract(files, tmp_path / "own", load_network(name), choice=NetworkChoice(name))
    status, added, err = search("--add", tmp_path / "own")
    assert (status, err) == (0, "")
    assert added["videos"] == 2
    return tmp_path / "index"


@pytest.mark.thorough
def test_a_video_file_is_looked_for_and_added_as_the_others_were_extracted(search, index, videos):
    status, found, err = search("--like", videos / "evening.mp4")
    assert status == 0, err
    assert [(each["id"], each["path"]) for each in found["results"]] == [
        ("night", str(videos / "night.mp4")),
        ("light", str(videos / "light.mp4")),
    ]
    best = search("--like", f"{videos / 'evening.mp4'}@4")[1]["results"][0]
    assert (best["id"], best["start"]) == ("night", 0.0)
    status, added, err = search("--add", videos / "evening.mp4")
    assert (status, added["added"], added["videos"]) == (0, 1, 3)
    assert search("--add", videos / "evening.mp4")[1]["replaced"] == 1
    assert [each["id"] for each in search("--like", videos / "evening.mp4")[1]["results"]] == ["night", "light"]
    assert [each["id"] for each in search("--like", "evening")[1]["results"]] == ["night", "light"]


def test_a_broken_video_file_does_not_end_the_others(search, index, videos):
    (videos / "broken.mp4").write_bytes(b"no video")
    status, added, err = search("--add", videos / "broken.mp4", videos / "evening.mp4")
    assert (status, added["added"], added["videos"]) == (2, 1, 3)
    assert err.count("\n") == 1
    assert "broken.mp4" in err


def test_a_network_that_has_changed_is_refused(search, index, videos, tmp_path):
    header = json.loads((index / "index.json").read_text())
    header["extractor"]["identity"]["files"] = {"search_network.py": "0"}
    (index / "index.json").write_text(json.dumps(header))
    status, _, err = search("--like", videos / "evening.mp4")
    assert (status, err.count("\n")) == (2, 1)
    assert "search_network:looks gives other features now" in err


def test_video_files_need_an_index_with_a_network(search, videos, records, tmp_path):
    from searching_records import video_record

    status, _, err = search("--add", videos / "evening.mp4")
    assert (status, err.count("\n")) == (2, 1)
    assert "make one of records with --add RECORDS" in err
    search("--add", records("a", video_record("a", [1.0])))
    for words in (["--add", videos / "evening.mp4"], ["--like", videos / "evening.mp4"]):
        status, _, err = search(*words)
        assert (status, err.count("\n")) == (2, 1)
        assert "does not know the network to extract it by" in err


@pytest.mark.usefixtures("_signal_handlers")
def test_ids_of_ones_own_videos_give_their_paths(index, videos, tmp_path, capfd):
    def run(*words):
        with pytest.raises(SystemExit) as ended:
            main(["id", *map(str, words), "--cache", str(tmp_path / "cache"), "--json", "--verbose"])
        out, err = capfd.readouterr()
        return ended.value.code, json.loads(out), err

    status, found, err = run("night", "--videos", tmp_path / "own" / "videos.csv")
    assert (status, err) == (0, "")
    assert [(each["id"], each["state"], each["path"]) for each in found["videos"]] == [
        ("night", "own", str(videos / "night.mp4"))
    ]
    status, found, _ = run("--videos", tmp_path / "own")
    assert [each["id"] for each in found["videos"]] == ["night", "light"]


@pytest.mark.usefixtures("_signal_handlers")
@pytest.mark.parametrize("naming", ["name", "short"])
def test_nobody_is_asked_for_ones_own_videos_in_a_submission(videos, tmp_path, capfd, monkeypatch, naming):
    """Also if nothing but the submission is given: the lookup would answer with the video of somebody else."""
    name = "search_network:looks"
    (videos / "light.mp4").rename(videos / "0001.mp4")
    extract(str(videos), tmp_path / "own", load_network(name), choice=NetworkChoice(name), naming=naming)
    ids = list(read_videos(tmp_path / "own"))
    (tmp_path / "submission.csv").write_text(
        "VideoId,LabelConfidencePairs\n" + "".join(f"{each},3 0.5 4 0.25\n" for each in ids)
    )
    monkeypatch.setattr("yt8m.data.access.client.Client.content", lambda *_: pytest.fail("somebody is asked"))
    words = ["--submission", "submission.csv", "--cache", str(tmp_path / "cache"), "--json", "--verbose"]

    def run(*further):
        with pytest.raises(SystemExit) as ended:
            main(["id", *words, *further])
        return ended.value.code, {each["id"]: each["state"] for each in json.loads(capfd.readouterr().out)["videos"]}

    assert run() == (2, dict.fromkeys(ids, "invalid"))
    assert run("--videos", str(tmp_path / "own")) == (0, dict.fromkeys(ids, "own"))
