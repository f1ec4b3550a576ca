"""`yt8m label` on video files: what it says of a video is what it says of the record of that video."""

import json
import os
import shutil

import numpy as np
import pytest
from small_runs import configure

import yt8m as package
from yt8m.cli import main
from yt8m.data.extraction import NetworkChoice
from yt8m.data.tables.videos import read_videos
from yt8m.errors import InputError
from yt8m.extracting.extraction import extract
from yt8m.extracting.networks.registry import load_network
from yt8m.labelling.inputs import sort_inputs
from yt8m.labelling.labelling import label
from yt8m.labelling.options import LabelOptions
from yt8m.video.making import make_videos

EVERYTHING = LabelOptions(threshold=0, top_k=6, window=2)


def colours(frames):
    """Mean and deviation of each colour, in each of two columns of the picture."""
    frames = frames[:, ::4, ::4].astype(np.float32) / 255
    halves = np.stack(np.split(frames[:, :, : frames.shape[2] // 2 * 2], 2, axis=2), axis=1)
    return np.concatenate([halves.mean((2, 3)), halves.std((2, 3))], axis=2).reshape(len(frames), -1)


def greys(frames):
    """Another network, with as many values."""
    return colours(frames[..., :1].repeat(3, axis=-1))


@pytest.fixture(scope="module")
def place(sample, tmp_path_factory):
    """Six videos of five seconds, their records, and a run that was trained on these."""
    place = tmp_path_factory.mktemp("own")
    make_videos(place / "videos", num_videos=6, seconds=5)
    network = load_network("test_label_videos:colours")
    extract(str(place / "videos"), place / "records", network, labels=str(place / "videos/labels.csv"))
    data = {"features": ("colours:12:float32",), "num_classes": 6, "train": (str(place / "records"),)}
    package.train(configure(place / "run", sample, "frame_logistic", data=data, num_steps=3))
    return place


def values_of(videos):
    return [
        (each.video_id, os.path.basename(each.path), each.seconds, each.labels, each.windows)
        for each in sorted(videos, key=lambda each: each.video_id)
    ]


@pytest.mark.thorough
def test_a_video_and_its_record_have_the_same_labels(place):
    of_videos = label([str(place / "videos")], place / "run", EVERYTHING)
    of_records = label([str(place / "records")], place / "run", EVERYTHING)
    assert of_videos.problems == of_records.problems == []
    assert len(of_videos.videos) == 6
    for one, other in zip(values_of(of_videos.videos), values_of(of_records.videos), strict=True):
        assert one[:3] == other[:3]
        for mine, theirs in zip(
            [one[3], *(each.labels for each in one[4])], [other[3], *(each.labels for each in other[4])], strict=True
        ):
            assert [each.name for each in mine] == [each.name for each in theirs]
            assert [each.probability for each in mine] == pytest.approx([each.probability for each in theirs], abs=1e-6)
    listed = (place / "records/vocabulary.csv").read_text()
    assert all(each.name in listed for each in of_videos.videos[0].labels), "the vocabulary beside the training records"
    assert [(each.start, each.end) for each in of_videos.videos[0].windows] == [(0, 2), (2, 4), (4, 5)]


def test_a_new_video_gets_an_id_of_its_own(place, tmp_path):
    first = sorted((place / "videos").glob("*.mp4"))[0]
    other = shutil.copy(first, tmp_path / first.name)
    found = label([str(first), str(other), str(tmp_path / "*")], place / "run", EVERYTHING).videos
    assert [each.path for each in found] == [str(first), str(other)]
    assert found[0].video_id == first.stem
    assert found[1].video_id not in {each.stem for each in (place / "videos").glob("*.mp4")}
    assert found[0].labels == found[1].labels


@pytest.mark.thorough
def test_several_videos_are_read_at_once_and_come_in_the_order_they_were_given(place, tmp_path, monkeypatch):
    from yt8m.extracting import pool

    paths = [str(each) for each in sorted((place / "videos").glob("*.mp4"), reverse=True)]
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("no video")
    given = [str(tmp_path / "text.mp4"), *paths[:2], str(tmp_path / "empty.mp4"), *paths[2:]]
    readers = []
    whole = pool.Pool._work
    monkeypatch.setattr(pool.Pool, "_work", lambda self: readers.append(self) or whole(self))
    one = label(given, place / "run", EVERYTHING, jobs=1)
    assert len(readers) == 1
    several = label(given, place / "run", EVERYTHING, jobs=3)
    assert len(readers) == 4
    assert [each.path for each in one.videos] == [each.path for each in several.videos] == paths
    assert one.problems == several.problems
    assert [each.split(":")[0] for each in one.problems] == [given[0], given[3]]


@pytest.mark.thorough
def test_videos_that_were_moved_have_the_ids_of_extract(place, tmp_path):
    """Whether a folder is labelled or added to the records, its videos have the same ids."""
    shutil.copytree(place, tmp_path / "own", ignore=shutil.ignore_patterns("run"))
    shutil.copytree(place / "run", tmp_path / "run")
    config = json.loads((tmp_path / "run/config.json").read_text())
    config["data"]["train"] = [str(tmp_path / "own/records")]
    (tmp_path / "run/config.json").write_text(json.dumps(config))
    table = tmp_path / "own/records/videos.csv"
    table.write_text(table.read_text().replace(str(place), str(tmp_path / "former place")))
    moved = tmp_path / "own/moved"
    (tmp_path / "own/videos").rename(moved)
    (moved / "video0000.mp4").rename(moved / "other.mp4")
    found = label([str(moved)], tmp_path / "run", EVERYTHING).videos
    network = load_network("test_label_videos:colours")
    extract(str(moved), tmp_path / "own/records", network)
    known = {row.path: row.id for row in read_videos(tmp_path / "own/records").values()}
    assert {each.path: each.video_id for each in found} == {each.path: known[each.path] for each in found}
    assert {each.video_id for each in found} == {"other", *(f"video{number:04d}" for number in range(1, 6))}


def test_one_bad_video_does_not_end_the_work(place, tmp_path, capfd):
    first = sorted((place / "videos").glob("*.mp4"))[0]
    (tmp_path / "empty.mp4").write_bytes(b"")
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["label", str(tmp_path / "empty.mp4"), str(first), "--run", str(place / "run"), "--json", "--verbose"])
    values = json.loads(capfd.readouterr().out)
    assert ended.value.code == 2
    assert [each["id"] for each in values["videos"]] == [first.stem]
    (problem,) = values["problems"]
    assert problem.startswith(f"{tmp_path / 'empty.mp4'}: ")


@pytest.fixture
def copied(place, tmp_path):
    """Another copy of the run, whose configuration may be changed."""
    shutil.copytree(place / "run", tmp_path / "run")

    def change(**data):
        path = tmp_path / "run/config.json"
        config = json.loads(path.read_text())
        config["data"].update(data)
        path.write_text(json.dumps(config))
        return str(tmp_path / "run")

    return change


def test_features_that_are_not_the_runs_are_refused(place, copied, tmp_path):
    video = str(sorted((place / "videos").glob("*.mp4"))[0])
    grey = NetworkChoice("test_label_videos:greys")
    with pytest.raises(
        InputError, match=r"run: reads colours:12:float32, and .*:greys gives greys:12:float32, log_mel"
    ):
        label([video], place / "run", choice=grey)
    gone = copied(train=["nowhere/at/all"])
    with pytest.raises(InputError, match="nothing says which network made the features it was trained on"):
        label([video], gone)
    by_name = label([video], gone, EVERYTHING, choice=NetworkChoice("test_label_videos:colours"))
    assert len(by_name.videos[0].labels) == 6
    # Another network under the same name: its identity differs.
    shutil.copytree(place / "records", tmp_path / "records")
    path = tmp_path / "records/extraction.json"
    values = json.loads(path.read_text())
    values["identity"]["files"] = {"colours.py": "0" * 64}
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"extraction\.json has another files; name that network with --network"):
        label([video], copied(train=[str(tmp_path / "records")]))


@pytest.mark.thorough
def test_a_run_that_was_trained_elsewhere_knows_its_network(place, sample, tmp_path, monkeypatch):
    video = str(sorted((place / "videos").glob("*.mp4"))[0])
    data = {"features": ("colours:12:float32",), "num_classes": 6, "train": ("records",)}
    monkeypatch.chdir(place)
    package.train(configure(tmp_path / "run", sample, "frame_logistic", data=data, num_steps=1))
    monkeypatch.chdir(tmp_path)
    (found,) = label([video], tmp_path / "run", EVERYTHING).videos
    assert found.video_id in {each.stem for each in (place / "videos").glob("*.mp4")}
    assert not any(each.name.startswith("Class ") for each in found.labels)


def test_records_are_told_from_videos(place, tmp_path):
    record = str(next((place / "records").glob("*.tfrecord")))
    video = str(sorted((place / "videos").glob("*.mp4"))[0])
    named, plain = shutil.copy(record, tmp_path / "records without ending"), shutil.copy(video, tmp_path / "a video")
    found = sort_inputs(
        [record, str(place / "records"), named, video, plain, "gs://bucket/x", f"{place}/records/*.tfrecord"]
    )
    assert found.records == [record, str(place / "records"), str(named), "gs://bucket/x", f"{place}/records/*.tfrecord"]
    assert found.videos == [video, str(plain)]
    assert len(sort_inputs([str(place / "videos")]).videos) == 6
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="nothing: has neither records nor videos"):
        sort_inputs([str(tmp_path / "nothing")])


def test_pyav_is_asked_for_where_videos_are(place, monkeypatch, capfd):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    video = str(sorted((place / "videos").glob("*.mp4"))[0])
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["label", video, "--run", str(place / "run"), "--verbose"])
    err = capfd.readouterr().err
    assert ended.value.code == 2
    assert "yt8m[video]" in err
    assert label([str(place / "records")], place / "run").problems == []
