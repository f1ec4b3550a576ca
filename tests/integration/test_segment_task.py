"""The segment challenge as commands: folds, stored predictions, weights, ensembles, prior."""

import json

import numpy as np
import pytest

from yt8m.data.records import Ratings, frame_level_record, framed

pytestmark = pytest.mark.slow

RATED, ALL = "3/frame/validate", "3/frame/test"


@pytest.fixture(scope="module")
def runs(sample, tmp_path_factory):
    """A run of whole videos and two of folds that went on from it; made by the commands, in this process."""
    from yt8m.cli import main

    directory = tmp_path_factory.mktemp("segments")
    common = ["--data.num-classes", "12", "--data.features", "audio", "--training.batch-size", "8", "--verbose"]
    common += ["--training.validate-every-steps", "0", "--training.num-steps", "4"]
    rated = ["--data.train", str(sample / RATED), "--training.initial-run", str(directory / "videos")]
    for name, flags in (
        ("videos", ["--data.train", str(sample / "2/frame/train")]),
        ("fold-0", [*rated, "--data.fold", "0/2"]),
        ("fold-1", [*rated, "--data.fold", "1/2", "--data.segment-context", "0"]),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["train", "frame_logistic", *common, *flags, "--run", str(directory / name)])
        assert ended.value.code == 0
    return directory


@pytest.fixture
def stored(yt8m, runs, sample, tmp_path):
    """Predictions for the rated videos: out of fold, and of the run of whole videos."""
    folds = (runs / "fold-0", runs / "fold-1")
    outcome = yt8m("predict", "--run", *folds, "--data", sample / RATED, "--store", tmp_path / "folds")
    assert outcome.status == 0, outcome.err
    outcome = yt8m("predict", "--run", runs / "videos", "--data", sample / RATED, "--store", tmp_path / "videos")
    assert outcome.status == 0, outcome.err
    return [tmp_path / "folds", tmp_path / "videos"]


def test_from_stored_predictions_to_a_submission_with_learned_weights(yt8m, runs, stored, sample, tmp_path):
    rated, weights, out = sample / RATED, tmp_path / "weights.json", tmp_path / "both.csv"
    learned = yt8m("weigh", *stored, "--data", rated, "--out", weights, "--json").json
    assert json.loads(weights.read_text()) == learned
    assert learned["metric"] == "segment_map"
    assert sum(learned["weights"]) == pytest.approx(1)
    assert learned["alone"][0] == pytest.approx(
        yt8m("score", stored[0], "--data", rated, "--json").json["segment_map"], abs=5e-3
    )
    text = yt8m("weigh", *stored, "--data", rated, "--out", weights).out
    told = next(line for line in text.splitlines() if line.startswith("learned weights "))
    assert told.endswith("on videos that they were not learned from")

    made = yt8m("ensemble", *stored, "--weights", weights, "--out", out, "--prior", runs / "videos", "--data", rated)
    assert (made.status, "mean of 2, segment task" in made.out) == (0, True)
    assert list((runs / "videos" / "predictions").glob("*/parts/00000.npz")), "the prior's predictions are kept"
    assert yt8m("validate", out, "--json").json["errors"] == []
    keys = {"segment_map", "segment_map_submitted", "num_segments", "num_videos", "videos_per_second"}
    assert set(yt8m("score", out, "--data", rated, "--json").json) == keys


def test_runs_are_predicted_once_and_their_predictions_kept(yt8m, runs, sample, tmp_path):
    command = ("ensemble", runs / "fold-0", runs / "fold-1", "--data", sample / ALL, "--out", tmp_path / "out.csv")
    first = yt8m(*command)
    assert first.status == 0
    assert first.err.count("predicting, kept in") == 2
    content = (tmp_path / "out.csv").read_bytes()
    again = yt8m(*command)
    assert "predicting" not in again.err
    assert (tmp_path / "out.csv").read_bytes() == content
    assert yt8m("ensemble", runs / "fold-0", "--out", tmp_path / "x.csv").err.endswith(
        "is a run; name the records to predict with --data, or give stored predictions\n"
    )


@pytest.mark.parametrize("mean", ["arithmetic", "rank"])
def test_the_mean_is_stored_too(yt8m, stored, sample, tmp_path, mean):
    weights = ("--weights", "3", "1", "--mean", mean)
    assert yt8m("ensemble", *stored, *weights, "--store", tmp_path / "both").status == 0
    assert yt8m("ensemble", *stored, *weights, "--out", tmp_path / "first.csv").status == 0
    assert yt8m("ensemble", tmp_path / "both", "--out", tmp_path / "second.csv").status == 0
    scores = [
        yt8m("score", tmp_path / f"{name}.csv", "--data", sample / RATED, "--json").json for name in ("first", "second")
    ]
    assert scores[0]["segment_map"] == pytest.approx(scores[1]["segment_map"], abs=0.02)  # float16 ties some
    other = yt8m("ensemble", *stored, "--mean", mean, "--store", tmp_path / "both")
    assert (other.status, "holds predictions of another kind or from elsewhere" in other.err) == (2, True)


def test_stored_predictions_are_scored_with_their_own_number_of_classes(yt8m, runs, sample, tmp_path):
    data = sample / "2/frame/validate"
    yt8m("predict", "--run", runs / "videos", "--data", data, "--store", tmp_path / "stored")
    scored = yt8m("score", tmp_path / "stored", "--data", data, "--num-classes", "3", "--json")
    assert scored.status == 0, scored.err
    evaluated = yt8m("evaluate", "--run", runs / "videos", "--data", data, "--json")
    assert scored.json["gap"] == pytest.approx(evaluated.json["gap"], abs=1e-3)


def test_an_ensemble_of_the_video_task(yt8m, runs, sample, tmp_path):
    other = tmp_path / "other"  # none of whose videos a member learned from
    assert yt8m("synth", other, "--num-videos", 40, "--num-classes", 12, "--num-shards", 1, "--seed", 9).status == 0
    members, data = (runs / "videos", runs / "fold-0"), other / "2/frame/validate"
    weights, out = tmp_path / "weights.json", tmp_path / "out.csv"
    assert yt8m("weigh", *members, "--data", data, "--out", weights).status == 0
    assert json.loads(weights.read_text())["metric"] == "gap"
    assert yt8m("ensemble", *members, "--data", data, "--weights", weights, "--out", out).status == 0
    assert yt8m("validate", out, "--json").json["task"] == "video"
    assert yt8m("score", out, "--data", data, "--json").json["gap"] > 0.1


def test_segments_that_nobody_rated_are_ranked_on_request(yt8m, runs, sample, tmp_path):
    """The test split has no ratings, by which records of segments are told from those of whole videos."""
    command = ("ensemble", runs / "fold-0", runs / "fold-1", "--data", sample / ALL, "--out", tmp_path / "out.csv")
    assert "video task" in yt8m(*command).out
    assert "segment task" in yt8m(*command, "--task", "segment").out
    assert yt8m("validate", tmp_path / "out.csv", "--json").json["task"] == "segment"


def test_the_whole_video_as_context(yt8m, runs, sample, tmp_path):
    train = ("train", "frame_logistic", "--data.train", sample / RATED, "--data.num-classes", "12")
    flags = ("--data.segment-context", "video", "--data.context-num-frames", "6", "--data.fold", "0/2")
    flags += ("--training.initial-run", runs / "videos", "--training.num-steps", "2", "--training.batch-size", "8")
    outcome = yt8m(*train, *flags, "--data.features", "audio", "--run", tmp_path / "run")
    assert outcome.status == 0, outcome.err
    assert "segment MAP" in outcome.out
    predict = ("predict", "--run", tmp_path / "run", "--data", sample / ALL, "--out", tmp_path / "a.csv")
    outcome = yt8m(*predict)
    assert (outcome.status, "segment task" in outcome.out) == (0, True), outcome.err
    outcome = yt8m(*predict, "--task", "video")
    assert outcome.status == 2
    assert "holds whole videos, and --data.segment-context, which this run has, is of rated segments" in outcome.err


def segment_file(path, *rows, num_frames=12):
    """A record with these ratings (start, class, score) in a data set whose segments are ranked for classes 1 and 3."""
    ratings = Ratings(
        start_times=[row[0] for row in rows],
        end_times=[row[0] + 5 for row in rows],
        labels=[row[1] for row in rows],
        scores=[row[2] for row in rows],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = {"audio": np.zeros((num_frames, 128), np.uint8)}
    path.write_bytes(framed(frame_level_record("abcd", [1], frames, ratings)))
    (path.parent / "segment_label_ids.csv").write_text("Index\n1\n3\n")
    return path


BAD = {
    "past the end": ([(0, 1, 1.0), (15, 1, 0.0)], "record 0: has a segment at 15 s, past the end of its 12 frames"),
    "contradiction": ([(0, 1, 1.0), (0, 1, 0.0)], "rates class 1 in the segment at 0 s both present and absent"),
    "class": (
        [(0, 1, 1.0), (5, 2, 1.0)],
        "rates class 2, which is not one of the 2 classes that segments are ranked for",
    ),
    "none": ([], "there is nothing to evaluate; the files hold no rated segment"),
    "no positive": ([(0, 1, 0.0)], "none of 1 rated segment is positive for a class"),
}


@pytest.mark.parametrize(("rows", "message"), BAD.values(), ids=BAD)
def test_ratings_that_cannot_be_used(yt8m, runs, tmp_path, rows, message):
    path = segment_file(tmp_path / "data" / "a.tfrecord", *rows)
    outcome = yt8m("evaluate", "--run", runs / "videos", "--data", path)
    assert (outcome.status, outcome.out) == (2, "")
    assert len(outcome.err.splitlines()) == 1, outcome.err
    assert message in outcome.err
    assert str(path) in outcome.err


def test_lists_of_different_lengths(yt8m, runs, tmp_path):
    path = segment_file(tmp_path / "data" / "a.tfrecord")
    ratings = Ratings(start_times=[0, 5], end_times=[5, 10], labels=[1], scores=[1.0, 0.0])
    frames = {"audio": np.zeros((12, 128), np.uint8)}
    path.write_bytes(framed(frame_level_record("abcd", [1], frames, ratings)))
    outcome = yt8m("evaluate", "--run", runs / "videos", "--data", path)
    assert outcome.status == 2
    assert "has segment lists of different lengths: 2 segment_start_times" in outcome.err


def test_predictions_of_different_videos(yt8m, runs, stored, sample, tmp_path):
    files = sorted((sample / RATED).glob("*.tfrecord"))
    yt8m("predict", "--run", runs / "videos", "--data", files[0], "--store", tmp_path / "half")
    outcome = yt8m("ensemble", stored[0], tmp_path / "half", "--out", tmp_path / "out.csv")
    assert outcome.status == 2
    assert len(outcome.err.splitlines()) == 1
    assert "half: has no segment '" in outcome.err
    assert "predict both for the same records" in outcome.err
    assert not (tmp_path / "out.csv").exists()


def test_what_is_no_member(yt8m, runs, stored, sample, tmp_path):
    out = ("--out", tmp_path / "out.csv")
    for arguments, message in (
        ((tmp_path, stored[0]), "is neither a run nor stored predictions"),
        ((*stored, "--weights", "1"), "--weights: 1 given, 2 needed; give one a member"),
        ((*stored, "--prior", runs / "videos"), "is a run; name the records to predict with --data"),
        ((*stored, "--prior", stored[1]), "is of segments; name a run, or predictions, of whole videos"),
        ((*stored, "--weights", "a", "b"), "--weights a b: give one number a member, or one file of yt8m weigh"),
        ((*stored, "--weights", stored[0] / "predictions.json"), "holds no weights; make some with yt8m weigh"),
    ):
        outcome = yt8m("ensemble", *arguments, *out)
        assert (outcome.status, message in outcome.err) == (2, True), outcome.err
    outcome = yt8m("weigh", *stored, "--data", sample / "2/frame/validate", "--out", tmp_path / "weights.json")
    assert (outcome.status, "has no rated ones" in outcome.err) == (2, True)
    assert not (tmp_path / "weights.json").exists()
