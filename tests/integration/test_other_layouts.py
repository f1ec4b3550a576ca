"""Training, evaluation and prediction on records in the layouts of other programs."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from other_layouts import audioset, flat, floats_of, frames_of, write_bare

from yt8m import read_batches
from yt8m.data.records import frame_level_record, framed

SHORT = [
    *("--training.batch-size", "4", "--training.num-steps", "4", "--training.log-every-steps", "2"),
    *("--training.validate-every-steps", "2", "--data.max-frames", "12"),
]


def write(path: Path, *records: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(map(framed, records)))
    return path


def succeed(outcome):
    assert outcome.status == 0, outcome.err
    return outcome


def data_of(run: Path) -> dict:
    return json.loads((run / "config.json").read_text())["data"]


def predicted(path: Path) -> list[str]:
    with open(path) as file:
        return [row["VideoId"] for row in csv.DictReader(file)]


@pytest.fixture
def trained(yt8m, tmp_path):
    """Trains on records, evaluates and predicts others; returns the run, the metrics and what was told."""

    def work(train, others, *flags, unlabelled=None):
        run, out = tmp_path / "run", tmp_path / "submission.csv"
        told = succeed(
            yt8m(
                "train",
                "frame_logistic",
                "--data.train",
                train,
                "--data.validate",
                others,
                "--run",
                run,
                *SHORT,
                *flags,
            )
        )
        metrics = succeed(yt8m("evaluate", "--run", run, "--json")).json
        succeed(yt8m("predict", "--run", run, "--data", unlabelled or others, "--out", out))
        return run, metrics, predicted(out), told.out + told.err

    return work


@pytest.mark.slow
def test_audioset(trained, tmp_path):
    def records(prefix: str, count: int):
        return [audioset(f"{prefix}{i:010d}", [i, 526], frames_of(i, 10, 128)) for i in range(count)]

    train, others = (
        write(tmp_path / "train.tfrecord", *records("a", 12)),
        write(tmp_path / "b.tfrecord", *records("b", 5)),
    )
    run, metrics, ids, told = trained(train, others, "--data.num-classes", 527)
    assert (data_of(run)["features"], data_of(run)["num_classes"]) == (["audio"], 527)
    assert f"{train}: found audio, and no rgb, in 12 records" in told
    assert metrics["num_videos"] == 5
    assert ids == [f"b{i:010d}" for i in range(5)]


@pytest.mark.thorough
def test_labels_beyond_the_classes_are_refused_with_the_flag(yt8m, tmp_path):
    train = write(tmp_path / "a.tfrecord", *(audioset(f"v{i}", [i, 526], frames_of(i, 10, 128)) for i in range(8)))
    outcome = yt8m(
        "train", "frame_logistic", "--data.train", train, "--run", tmp_path / "run", *SHORT, "--data.num-classes", 500
    )
    assert outcome.status == 2
    assert "label 526 is out of range; the 500 classes go from 0 to 499, this one needs 527 or more" in outcome.err
    told = yt8m("train", "frame_logistic", "--data.train", train, "--run", tmp_path / "other", *SHORT)
    assert (
        "the labels of 8 records go up to 526, and the model has 3862 classes; --data.num-classes 527"
        in told.err + told.out
    )


@pytest.mark.thorough
def test_examples_with_frames(trained, tmp_path):
    def records(prefix: str, count: int):
        streams = [{"rgb": frames_of(i, 5 + i, 1024), "audio": frames_of(i, 5 + i, 128)} for i in range(count)]
        return [flat(f"{prefix}{i}", [i % 3], **each) for i, each in enumerate(streams)]

    train, others = (
        write(tmp_path / "train.tfrecord", *records("a", 12)),
        write(tmp_path / "b.tfrecord", *records("b", 5)),
    )
    run, metrics, ids, _ = trained(train, others, "--data.num-classes", 3)
    assert data_of(run)["features"] == ["rgb", "audio"]
    assert metrics["num_videos"] == 5
    assert ids == [f"b{i}" for i in range(5)]


class TestMediaPipe:
    @pytest.fixture
    def labels(self, tmp_path) -> Path:
        path = tmp_path / "labels.csv"
        names = [f"{kind}{i}" for kind in "ab" for i in range(6)]
        path.write_text("path,labels\n" + "".join(f"/videos/{name}.mp4,{i % 3}\n" for i, name in enumerate(names)))
        return path

    @pytest.mark.slow
    def test_directories_of_files_and_labels_from_a_file(self, trained, yt8m, tmp_path, labels):
        train = write_bare(tmp_path / "train", *(f"a{i}" for i in range(6)))
        others = write_bare(tmp_path / "others", *(f"b{i}" for i in range(6)))
        without = write_bare(tmp_path / "without", "c0", "c1")
        flags = ("--data.num-classes", 3, "--data.labels", labels)
        run, metrics, ids, told = trained(train, others, *flags, unlabelled=without)
        assert data_of(run)["features"] == ["rgb:1024:float32", "audio:128:float32"]
        assert data_of(run)["labels"] == str(labels)
        assert "found rgb:1024:float32, audio:128:float32 in 6 records" in told
        assert metrics["num_videos"] == 6
        assert ids == ["/videos/c0.mp4", "/videos/c1.mp4"]
        refused = yt8m("evaluate", "--run", run, "--data", without)
        assert refused.status == 2
        assert (
            f"{labels}: names none of the records of {without}/c0.pb by its id, and evaluation needs their labels"
            in refused.err
        )
        of_others = tmp_path / "other_labels.csv"
        of_others.write_text("id,labels\nc0,0 1\nc1,2\n")
        evaluated = succeed(yt8m("evaluate", "--run", run, "--data", without, "--labels", of_others, "--json")).json
        assert evaluated["num_videos"] == 2

    def test_training_without_labels_is_refused(self, yt8m, tmp_path):
        train = write_bare(tmp_path / "train", "a", "b")
        outcome = yt8m("train", "frame_logistic", "--data.train", train, "--run", tmp_path / "run", *SHORT)
        assert outcome.status == 2
        assert "its records have no labels" in outcome.err
        assert "yt8m predict alone; --data.labels FILE.csv gives them" in outcome.err
        assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_2048_values_of_the_starter_code(trained, tmp_path):
    def records(prefix: str, count: int):
        return [frame_level_record(f"{prefix}{i}", [i % 3], {"rgb": frames_of(i, 6, 2048)}) for i in range(count)]

    train, others = (
        write(tmp_path / "train.tfrecord", *records("a", 12)),
        write(tmp_path / "b.tfrecord", *records("b", 5)),
    )
    run, metrics, ids, told = trained(train, others, "--data.num-classes", 3)
    assert data_of(run)["features"] == ["rgb:2048"]
    assert "found rgb:2048, and no audio, in 12 records" in told
    assert metrics["num_videos"] == 5
    assert ids == [f"b{i}" for i in range(5)]


@pytest.mark.parametrize(("flag", "status"), [("rgb:2048", 0), ("rgb", 2)])
def test_the_flag_for_2048_values(yt8m, tmp_path, flag, status):
    records = [frame_level_record(f"v{i}", [i % 3], {"rgb": frames_of(i, 6, 2048)}) for i in range(6)]
    train = write(tmp_path / "train.tfrecord", *records)
    flags = ("--data.num-classes", 3, "--data.features", flag)
    outcome = yt8m("train", "frame_logistic", "--data.train", train, "--run", tmp_path / "run", *SHORT, *flags)
    assert outcome.status == status
    assert status == 0 or "--data.features rgb:2048 in training reads it" in outcome.err


def test_a_video_is_shown_by_its_path(yt8m, tmp_path):
    videos, picture = write_bare(tmp_path / "videos", "a", "b"), tmp_path / "video.png"
    succeed(yt8m("show", "/videos/b.mp4", "--data", videos, "--out", picture))
    assert picture.stat().st_size > 1000
    picture.unlink()
    path = write(
        tmp_path / "a.tfrecord", flat("v", [1], clip=frames_of(0, 9, 6)), flat("w", [1], clip=frames_of(0, 1, 6))
    )
    succeed(yt8m("show", "w", "--data", path, "--out", picture))


def test_means_of_frames(yt8m, tmp_path):
    videos = write_bare(tmp_path / "videos", "a", "b")
    succeed(yt8m("convert", videos, "--out", tmp_path / "means", "--to", "video"))
    (batch,) = read_batches(str(tmp_path / "means"), 8)
    assert batch["id"].tolist() == [b"/videos/a.mp4", b"/videos/b.mp4"]
    expected = [floats_of(number, 3 + number, 1024).mean(axis=0, dtype=np.float64) for number in range(2)]
    assert np.allclose(batch["mean_rgb"], expected, atol=1e-6)


def test_inspecting_tells_keys_and_flags(yt8m, tmp_path):
    path = write(tmp_path / "a.tfrecord", *(audioset(f"v{i}", [i], frames_of(i, 10, 128)) for i in range(8)))
    told = succeed(yt8m("inspect", path)).out
    assert "audio_embedding     10 frames of 1 bytes value of 128 bytes, in 8 records" in told
    assert told.count("keys of 8 records") == 1
    assert "they are read with --data.features audio --data.num-classes 527 (8 as AudioSet's records)" in told
