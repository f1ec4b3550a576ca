"""Data sets of other features than rgb and audio, from records to a submission, an export and a report."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from yt8m.data.pipeline import read_records
from yt8m.data.tools.synthetic import synthesise
from yt8m.diagnosing import sanity
from yt8m.runs import load_config
from yt8m.runs.model import load_run
from yt8m.runs.records import open_data
from yt8m.scoring.scorer import Scorer

NUM_CLASSES = 6
SHORT = [
    *("--data.max-frames", "120", "--training.batch-size", "8", "--training.num-steps", "6"),
    *("--training.log-every-steps", "2", "--training.validate-every-steps", "3"),
]


def made(tmp_path_factory, *features: str) -> Path:
    directory = tmp_path_factory.mktemp("data") / "data"
    synthesise(directory, 20, NUM_CLASSES, 2, features=features)
    return directory


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """Floats alone."""
    return made(tmp_path_factory, "clip:16:float32")


def succeed(outcome):
    assert outcome.status == 0, outcome.err
    return outcome


def features_of(run: Path) -> list[str]:
    return json.loads((run / "config.json").read_text())["data"]["features"]


def columns(path: Path) -> list[str]:
    with open(path) as file:
        return [row[0] for row in csv.reader(file)][1:]


def serialized(directory: Path) -> list[bytes]:
    return list(tf.data.TFRecordDataset(sorted(map(str, directory.glob("*.tfrecord")))).as_numpy_iterator())


def ids_of(directory: Path) -> list[str]:
    examples = map(tf.train.SequenceExample.FromString, serialized(directory))
    return [example.context.feature["id"].bytes_list.value[0].decode() for example in examples]


@pytest.fixture(scope="module")
def frame_run(clips, tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "frame"


class TestFloatsAlone:
    """No flag names the feature: it is found, and kept in the run."""

    @pytest.fixture
    def run(self, yt8m, clips, frame_run):
        if not frame_run.exists():
            data = "--data.train", clips / "2/frame/train", "--data.validate", clips / "2/frame/validate"
            outcome = succeed(
                yt8m(
                    "train",
                    "netvlad",
                    *data,
                    "--run",
                    frame_run,
                    *SHORT,
                    "--model.num-clusters",
                    2,
                    "--model.hidden-size",
                    8,
                )
            )
            assert (
                f"{clips}/2/frame/train/train0000.tfrecord ...: found clip:16:float32 in 20 records"
                in outcome.err + outcome.out
            )
        return frame_run

    @pytest.mark.thorough
    def test_training_finds_and_keeps_it(self, run):
        assert features_of(run) == ["clip:16:float32"]
        assert {each.name: each.dtype for each in load_run(run).inputs} == {"clip": "float32", "num_frames": "int32"}

    def test_what_is_read_is_what_was_written(self, clips):
        """Against TensorFlow's protos, one float at a time."""
        (batch,) = read_records(str(clips / "2/frame/validate"), max_frames=50).as_numpy_iterator()
        for row, record in enumerate(serialized(clips / "2/frame/validate")):
            example = tf.train.SequenceExample.FromString(record)
            frames = [list(frame.float_list.value) for frame in example.feature_lists.feature_list["clip"].feature][:50]
            count = batch["num_frames"][row]
            assert count == len(frames)
            assert batch["clip"][row, :count].tolist() == frames
            assert not batch["clip"][row, count:].any()

    @pytest.mark.thorough
    def test_it_is_evaluated_and_predicted(self, yt8m, run, clips, tmp_path):
        evaluated = succeed(yt8m("evaluate", "--run", run, "--json")).json
        assert evaluated["num_videos"] == 4
        out = tmp_path / "submission.csv"
        succeed(yt8m("predict", "--run", run, "--data", clips / "2/frame/test", "--out", out))
        assert columns(out) == ids_of(clips / "2/frame/test")

    @pytest.mark.slow
    def test_an_exported_model_says_the_same_of_records_and_frames(self, yt8m, run, clips, tmp_path):
        succeed(
            yt8m("export", "--run", run, "--format", "saved-model", "--out", tmp_path / "model", "--top-k", NUM_CLASSES)
        )
        signatures = tf.saved_model.load(str(tmp_path / "model")).signatures
        (batch,) = read_records(str(clips / "2/frame/validate"), max_frames=120).as_numpy_iterator()
        expected = tf.sigmoid(
            load_run(run)({"clip": batch["clip"], "num_frames": batch["num_frames"]}, training=False)
        ).numpy()
        inputs = {
            key: spec.shape.rank for key, spec in signatures["serving_default"].structured_input_signature[1].items()
        }
        assert inputs == {"clip": 3, "num_frames": None}
        found = signatures["serving_default"](
            clip=tf.constant(batch["clip"][:, :90]), num_frames=tf.constant(batch["num_frames"])
        )
        short = batch["num_frames"] <= 90
        assert short.any()
        np.testing.assert_allclose(found["predictions"].numpy()[short], expected[short], atol=1e-5)
        answer = signatures["sequence_examples"](tf.constant(serialized(clips / "2/frame/validate")))
        ordered = np.zeros_like(expected)
        np.put_along_axis(ordered, answer["class_indexes"].numpy(), answer["predictions"].numpy(), axis=1)
        np.testing.assert_allclose(ordered, expected, atol=1e-5)

    @pytest.mark.thorough
    def test_it_is_reported_shown_and_inspected(self, yt8m, run, clips, tmp_path):
        succeed(yt8m("report", run, "--out", tmp_path / "report.html"))
        assert "clip:16:float32 (frame level)" in (tmp_path / "report.html").read_text()
        video = ids_of(clips / "2/frame/test")[0]
        shown = succeed(
            yt8m(
                "show", video, "--data", clips / "2/frame/test", "--run", run, "--out", tmp_path / "video.png", "--json"
            )
        ).json
        assert shown["features"] == ["clip"]
        assert (tmp_path / "video.png").stat().st_size > 10_000
        report = succeed(yt8m("inspect", clips / "2/frame/train", "--plots", tmp_path / "plots", "--json")).json
        assert (report["features"], report["num_records"], report["corrupt_files"]) == ({"clip": 16}, 20, [])
        assert (tmp_path / "plots/features.png").stat().st_size > 10_000

    def test_means_of_its_frames(self, yt8m, clips, tmp_path):
        succeed(yt8m("convert", clips / "2/frame/validate", "--to", "video", "--std", "--out", tmp_path / "means"))
        (made_means,) = read_records(str(tmp_path / "means")).as_numpy_iterator()
        (frames,) = read_records(str(clips / "2/frame/validate")).as_numpy_iterator()
        for row, count in enumerate(frames["num_frames"]):
            mean = frames["clip"][row, :count].astype(np.float64).mean(axis=0)
            np.testing.assert_allclose(made_means["mean_clip"][row], mean, atol=1e-6)
            example = tf.train.Example.FromString(serialized(tmp_path / "means")[row])
            deviation = frames["clip"][row, :count].astype(np.float64).std(axis=0)
            np.testing.assert_allclose(example.features.feature["std_clip"].float_list.value, deviation, atol=1e-5)


SEVERAL = ("tags:8:uint8:-1:1", "half:6:float16", "clip:4:float32")


@pytest.fixture(scope="module")
def several(tmp_path_factory) -> Path:
    return made(tmp_path_factory, *SEVERAL)


class TestSeveralTypes:
    """Bytes of another range, halves, which only a flag can tell, and floats."""

    def train(self, yt8m, recipe, run, *flags):
        succeed(yt8m("train", recipe, "--run", run, "--data.features", ",".join(SEVERAL), *SHORT, *flags))
        assert features_of(run) == list(SEVERAL)

    @pytest.mark.thorough
    def test_frames(self, yt8m, several, tmp_path):
        run, out = tmp_path / "run", tmp_path / "submission.csv"
        self.train(yt8m, "frame_logistic", run, "--data.root", several)
        succeed(yt8m("predict", "--run", run, "--out", out))
        assert columns(out) == ids_of(several / "2/frame/test")
        outcome = yt8m("evaluate", "--run", run, "--data", several / "2/frame/validate", "--json")
        assert succeed(outcome).json["num_videos"] == 4

    @pytest.mark.slow
    def test_segments_with_their_video(self, yt8m, several, tmp_path):
        """The exported model reads records by TensorFlow's parser; the run by its own."""
        run, out = tmp_path / "run", tmp_path / "segments.csv"
        rated = several / "3/frame/validate"
        flags = "--data.train", rated, "--data.segment-context", "video", "--data.context-num-frames", 7
        self.train(yt8m, "frame_logistic", run, *flags)
        succeed(yt8m("predict", "--run", run, "--data", rated, "--task", "segment", "--out", out))
        assert columns(out)
        succeed(
            yt8m("export", "--run", run, "--format", "saved-model", "--out", tmp_path / "model", "--top-k", NUM_CLASSES)
        )
        signatures = tf.saved_model.load(str(tmp_path / "model")).signatures
        answer = signatures["segments"](tf.constant(serialized(rated)))
        config = load_config(run)
        batches = list(Scorer(load_run(run)).scores(open_data(config, str(rated), segments=True), config, "all"))
        assert answer["video_id"].numpy().tolist() == [each for batch in batches for each in batch.ids]
        expected = np.concatenate([batch.scores for batch in batches])
        found = np.zeros_like(expected)
        np.put_along_axis(found, answer["class_indexes"].numpy(), answer["predictions"].numpy(), axis=1)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        names = signatures["serving_default"].structured_input_signature[1]
        own = {"tags", "half", "clip", "num_frames"}
        assert set(names) == own | {f"context_{each}" for each in own}

    @pytest.mark.thorough
    def test_sampled_frames_and_a_check(self, yt8m, several, monkeypatch):
        monkeypatch.setattr(sanity, "RATE_SECONDS", 0.1)
        monkeypatch.setattr(sanity, "OVERFIT_SECONDS", 0.1)
        found = succeed(
            yt8m(
                "check",
                "frame_logistic",
                "--data.train",
                several / "2/frame/train",
                "--data.features",
                *SEVERAL,
                "--data.num-frames",
                5,
                "--training.batch-size",
                8,
                "--json",
            )
        )
        values = "\n".join(each["value"] for each in found.json["findings"])
        for text in (
            ", ".join(SEVERAL),
            "tags uint8 [8, 5, 8]",
            "half float16 [8, 5, 6]",
            "clip float32 [8, 5, 4]",
        ):
            assert text in values


class TestMeans:
    @pytest.mark.slow
    def test_bytes_and_floats_at_video_level(self, yt8m, tmp_path_factory, tmp_path):
        """Found in video-level records; the same run then reads frames, of which it takes the means."""
        data = made(tmp_path_factory, "audio", "clip:16:float32")
        run = tmp_path / "run"
        outcome = yt8m("train", "logistic", "--data.root", data, "--run", run, *SHORT)
        assert "found audio, clip:16:float32, and no rgb, in " in succeed(outcome).out + outcome.err
        assert features_of(run) == ["audio", "clip:16:float32"]
        assert {each.name: each.shape[1] for each in load_run(run).inputs} == {"mean_audio": 128, "mean_clip": 16}
        metrics = [
            succeed(yt8m("evaluate", "--run", run, "--data", data / f"2/{level}/validate", "--json")).json
            for level in ("video", "frame")
        ]
        assert metrics[0]["num_videos"] == metrics[1]["num_videos"] == 4
        assert metrics[0]["gap"] == pytest.approx(metrics[1]["gap"], abs=1e-4)
        succeed(
            yt8m("export", "--run", run, "--format", "saved-model", "--out", tmp_path / "model", "--top-k", NUM_CLASSES)
        )
        signatures = tf.saved_model.load(str(tmp_path / "model")).signatures
        answers = [
            signatures[name](tf.constant(serialized(data / f"2/{level}/validate")))
            for name, level in (("examples", "video"), ("sequence_examples", "frame"))
        ]
        np.testing.assert_allclose(answers[0]["predictions"], answers[1]["predictions"], atol=1e-4)


@pytest.mark.thorough
def test_a_record_without_the_feature_counts_as_zeros(yt8m, clips, tmp_path):
    run = tmp_path / "run"
    flags = "--data.features", "rgb", "clip:16:float32"
    succeed(yt8m("train", "frame_logistic", "--data.train", clips / "2/frame/train", "--run", run, *flags, *SHORT))
    outcome = succeed(yt8m("evaluate", "--run", run, "--data", clips / "2/frame/validate"))
    assert "none of 4 records has rgb; zeros stand in for what the model was made for" in outcome.err + outcome.out
    (batch,) = read_records(str(clips / "2/frame/validate"), features=("rgb", "clip:16:float32")).as_numpy_iterator()
    for row, count in enumerate(batch["num_frames"]):
        assert (batch["rgb"][row, :count] == 127).all()
        assert not batch["rgb"][row, count:].any()
