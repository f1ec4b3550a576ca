"""Predictions of runs: resumed, out of fold, stored and submitted."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_up import segments, stored_at, videos
from trained_runs import FRAMES, RATED, trained

from yt8m.config import to_dict
from yt8m.data.identity import read_ids
from yt8m.data.records import frame_level_record, framed, read_framing
from yt8m.data.sources import expand_paths
from yt8m.errors import InputError, RecordError
from yt8m.files import write_json
from yt8m.predicting import StoredPredictions, run_predictions
from yt8m.predicting.ensembling import ensemble
from yt8m.predicting.prediction import predict
from yt8m.predicting.run_predictions import RunPredictions
from yt8m.predicting.selection import Selection
from yt8m.progress import SILENT, Messages
from yt8m.runs import load_config
from yt8m.runs.model import load_run
from yt8m.runs.records import open_data
from yt8m.scoring.evaluation import evaluate
from yt8m.scoring.scorer import Scorer
from yt8m.submission import read_segment_submission, read_video_submission
from yt8m.training.loop import train

NUM_FOLDS = 3


def write_videos(path, *names, **counts):
    """Records without labels: videos of six frames, or of so many."""
    frames = np.random.default_rng(0).integers(0, 256, (10, 128), np.uint8)
    counts = dict.fromkeys(names, 6) | counts
    records = [frame_level_record(name, None, {"audio": frames[:count]}) for name, count in counts.items()]
    path.write_bytes(b"".join(map(framed, records)))
    return str(path)


@pytest.fixture(scope="module")
def run(once_trained) -> str:
    return once_trained()


@pytest.fixture(scope="module")
def folds(sample, tmp_path_factory) -> list[str]:
    directory = tmp_path_factory.mktemp("folds")
    return [
        trained(directory / f"fold-{index}", sample, records=RATED, fold=f"{index}/{NUM_FOLDS}")
        for index in range(NUM_FOLDS)
    ]


def logits_of(run, source) -> dict[bytes, list[np.ndarray]]:
    """The logits of every row, by video."""
    found: dict[bytes, list[np.ndarray]] = {}
    for batch in Scorer(load_run(run)).scores(source, load_config(run), segments="all"):
        for video, row in zip(batch.ids, batch.logits, strict=True):
            found.setdefault(video, []).append(row)
    return found


@pytest.mark.thorough
def test_a_run_of_segments_says_that_it_predicts_whole_videos(run, folds, sample):
    """Records that nobody rated, as those of the test split, are whole videos unless the task is named."""

    def told(run, **options):
        lines = Messages()
        made = RunPredictions(run, [str(sample / "3/frame/test")], progress=lines, **options)
        return made.description.task, [line for line in lines.lines if "--task segment ranks their segments" in line]

    task, lines = told(folds[0])
    assert (task, len(lines)) == ("video", 1)
    assert lines[0].startswith(
        f"{expand_paths(str(sample / '3/frame/test'))[0]} ...: holds no rated segments, from which"
    )
    assert told(folds[0], task="segment") == ("segment", [])
    assert told(folds[0], task="video") == ("video", [])
    assert told(run) == ("video", []), "a run of whole videos"


@pytest.mark.thorough
def test_a_run_that_was_not_validated_is_one_of_segments_by_its_training_records(run, folds, sample, tmp_path):
    config = load_config(folds[0])
    without = dataclasses.replace(config, data=dataclasses.replace(config.data, fold="", validate=()))
    assert run_predictions._learned_segments(tmp_path, without)
    assert not run_predictions._learned_segments(tmp_path, load_config(run))
    gone = dataclasses.replace(without, data=dataclasses.replace(without.data, train=(str(tmp_path / "gone"),)))
    assert not run_predictions._learned_segments(tmp_path, gone)


def test_a_run_with_audio_on_records_without_says_so(run, tmp_path):
    frames = {"rgb": np.zeros((3, 1024), np.uint8)}
    audio = {"audio": np.zeros((3, 128), np.uint8)}
    path = tmp_path / "a.tfrecord"
    path.write_bytes(
        framed(frame_level_record("a", None, frames)) + framed(frame_level_record("b", None, frames | audio))
    )
    lines = Messages()
    RunPredictions(run, [str(path)], progress=lines)
    assert lines.lines == [f"{path}: found rgb, audio; 1 of 2 records lacks audio, and zeros stand in for it"]


def test_the_surest_classes_of_videos_are_stored(run, sample, tmp_path):
    stored = RunPredictions(run, [str(sample / FRAMES)], selection=Selection(top_k=4)).store(tmp_path / "stored")
    expected = logits_of(run, open_data(load_config(run), str(sample / FRAMES)))
    assert [video for part in stored.parts() for video in part.ids.tolist()] == list(expected)
    for part in stored.parts():
        for video, classes, logits in zip(part.ids.tolist(), part.classes, part.logits, strict=True):
            best = np.argsort(-expected[video][0])[:4]
            assert classes.tolist() == best.tolist()
            np.testing.assert_allclose(logits, expected[video][0][best], rtol=1e-3)


def test_all_ranked_classes_of_segments_are_stored(run, sample, tmp_path):
    stored = RunPredictions(run, [str(sample / RATED)]).store(tmp_path / "stored")
    listed = [int(line) for line in (sample / "segment_label_ids.csv").read_text().split()[1:]]
    assert stored.description.classes == tuple(listed)
    expected = logits_of(run, open_data(load_config(run), str(sample / RATED)))
    rows = np.concatenate([part.logits for part in stored.parts()])
    np.testing.assert_allclose(rows, np.concatenate(list(expected.values()))[:, listed], rtol=2e-3, atol=1e-6)


def test_a_file_that_is_cut_off_is_found_before_the_first_part(run, sample, tmp_path):
    files = shutil.copytree(sample / FRAMES, tmp_path / "records")
    (last := files / "validate0001.tfrecord").write_bytes(last.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"validate0001\.tfrecord, record \d+: is cut off .*; fetch it again"):
        RunPredictions(run, [str(files)])


@pytest.mark.parametrize("part_bytes", [1, 10**9])
def test_parts_are_of_whole_files_and_hold_the_same_rows(run, sample, tmp_path, part_bytes):
    stored = RunPredictions(run, [str(sample / FRAMES)]).store(tmp_path / "stored", part_bytes=part_bytes)
    num_files = len(expand_paths(str(sample / FRAMES)))
    assert num_files == 2
    assert len(stored.digests) == {1: num_files, 10**9: 1}[part_bytes]
    ids = [video for part in stored.parts() for video in part.ids.tolist()]
    assert ids == read_ids(expand_paths(str(sample / FRAMES)))


KILLED = """
import os, signal, sys
from yt8m.predicting import prediction, run_predictions
from yt8m.progress import Progress
run, data, out, limit = sys.argv[1:]
run_predictions.PART_BYTES = 1
left = int(limit)
class Killer(Progress):
    def advance(self, count, total=None):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
prediction.predict(run, [data], out, progress=Killer())
"""
"""Predicts a file a part, and is killed after so many batches."""


@pytest.mark.slow
@pytest.mark.usefixtures("_preloaded")
@pytest.mark.parametrize(("records", "limit"), [(FRAMES, 1), (RATED, 1)])
def test_a_killed_prediction_goes_on_where_it_stopped_and_gives_the_same_file(
    run, sample, tmp_path, monkeypatch, records, limit
):
    data, out = str(sample / records), tmp_path / "out.csv"
    command = [sys.executable, "-c", KILLED, run, data, str(out), str(limit)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    assert subprocess.run(command, env=environment).returncode == -signal.SIGKILL
    assert not out.exists()
    kept = sorted((tmp_path / ".out.csv.predictions").glob("own/parts/*.npz"))
    assert len(kept) == limit
    scored = []
    original = Scorer.scores
    monkeypatch.setattr(
        Scorer,
        "scores",
        lambda self, source, *args, **options: scored.append(source.files) or original(self, source, *args, **options),
    )
    monkeypatch.setattr(run_predictions, "PART_BYTES", 1)
    predict(run, [data], out)
    files = expand_paths(data)
    assert scored == [(path,) for path in files[limit:]]
    predict(run, [data], tmp_path / "whole.csv")
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "whole.csv"]


@pytest.mark.slow
def test_what_another_run_left_unfinished_is_replaced(run, folds, sample, tmp_path):
    out, data = tmp_path / "out.csv", str(sample / FRAMES)
    RunPredictions(folds[0], [data], selection=Selection(top_k=20, precision="float32")).store(
        tmp_path / ".out.csv.predictions" / "own"
    )
    predict(run, [data], out)
    predict(run, [data], tmp_path / "other.csv")
    assert out.read_bytes() == (tmp_path / "other.csv").read_bytes()


@pytest.mark.slow
def test_what_another_prior_left_unfinished_is_replaced(run, folds, sample, tmp_path):
    data, beside = [str(sample / RATED)], tmp_path / ".out.csv.predictions"
    RunPredictions(folds[0], data, task="video", selection=Selection(class_ids=[1, 2])).store(
        beside / "prior", part_bytes=1
    )
    predict(run, data, tmp_path / "out.csv", prior=run)
    predict(run, data, tmp_path / "other.csv", prior=run)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()


def test_an_error_leaves_nothing_behind(run, sample, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise InputError("a broken record")
        yield

    monkeypatch.setattr(Scorer, "scores", fail)
    for places in ({"out": tmp_path / "out.csv"}, {"out": None, "stored": tmp_path / "new" / "stored"}):
        with pytest.raises(InputError, match="a broken record"):
            predict(run, [str(sample / FRAMES)], **places)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_every_fold_predicts_the_videos_it_left_out(folds, sample, tmp_path):
    done = predict(folds, [str(sample / RATED)], None, stored=tmp_path / "stored")
    stored = StoredPredictions(tmp_path / "stored")
    ids = [video for part in stored.parts() for video in part.ids.tolist()]
    assert list(dict.fromkeys(ids)) == read_ids(expand_paths(str(sample / RATED)))
    assert (done.num_videos, done.num_segments, done.task) == (len(set(ids)), len(ids), "segment")
    rows = np.concatenate([part.logits for part in stored.parts()])
    listed = list(stored.description.classes)
    num_seen = 0
    for run in folds:
        source = open_data(load_config(run), str(sample / RATED), part="held out")
        for video, logits in logits_of(run, source).items():
            chosen = [place for place, each in enumerate(ids) if each == video]
            np.testing.assert_allclose(rows[chosen], np.array(logits)[:, listed], rtol=2e-3, atol=1e-6)
            num_seen += len(chosen)
    assert num_seen == len(ids)
    assert predict(folds, (), tmp_path / "out.csv").num_segments == len(ids), "the training records are theirs"


@pytest.mark.slow
def test_runs_that_are_no_folds_of_one_training(run, folds, sample, tmp_path):
    for runs, message in (
        (folds[:2], "each left out another fold of the videos, and none is missing"),
        ([*folds, folds[0]], "none is missing"),
        ([run, run], "none is missing .*run none"),
    ):
        with pytest.raises(InputError, match=message):
            predict(runs, [str(sample / RATED)], tmp_path / "out.csv")
    changed = str(shutil.copytree(folds[2], tmp_path / "changed"))
    config = json.loads(Path(changed, "config.json").read_text())
    config["data"]["max_frames"] = 20
    Path(changed, "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"differ in data\.max_frames"):
        predict([*folds[:2], changed], [str(sample / RATED)], tmp_path / "out.csv")


@pytest.mark.thorough
def test_a_model_of_video_level_ranks_segments_and_is_a_prior(run, once_trained, sample, tmp_path):
    means = once_trained(model="logistic", records="2/video/train")
    done = predict(means, [str(sample / RATED)], tmp_path / "segments.csv")
    assert done.task == "segment"
    done = predict(run, [str(sample / RATED)], tmp_path / "prior.csv", prior=means, prior_weight=1.0)
    of_videos = logits_of(means, open_data(load_config(means), str(sample / RATED), segments=False))
    for row in read_segment_submission(tmp_path / "prior.csv", range(12)):
        found = [of_videos[video][0][row.class_id] for video in row.ids.tolist()]
        assert (np.diff(np.float16(found)) <= 0).all()
    assert done.num_segments == sum(1 for _ in row.ids)


@pytest.mark.parametrize(("records", "task"), [(FRAMES, "video"), (RATED, "segment")])
def test_rows_are_counted_without_reading_logits(run, sample, tmp_path, monkeypatch, records, task):
    predict(run, [str(sample / records)], None, stored=tmp_path / "first")
    predict(run, [str(sample / records)], None, stored=tmp_path / "second")
    monkeypatch.setattr(StoredPredictions, "read", lambda *_: pytest.fail("logits are read"))
    done = predict(run, [str(sample / records)], None, stored=tmp_path / "first")
    rows = [name for part in StoredPredictions(tmp_path / "first").rows() for name in part.names()]
    videos = {name.partition(":")[0] for name in rows}
    assert (done.task, done.num_videos, done.num_segments) == (
        task,
        len(videos),
        len(rows) if task == "segment" else None,
    )


def test_the_rows_of_a_mean_are_counted_without_reading_its_logits(run, sample, tmp_path, monkeypatch):
    members = [tmp_path / "first", tmp_path / "second"]
    for member in members:
        predict(run, [str(sample / RATED)], None, stored=member)
    read = StoredPredictions.read

    def read_members(stored, number):
        assert stored.directory in members, "the logits of the mean are read"
        return read(stored, number)

    monkeypatch.setattr(StoredPredictions, "read", read_members)
    done = ensemble(members, stored=tmp_path / "mean")
    assert (done.num_videos, done.num_segments) == (13, StoredPredictions(members[0]).num_rows)


def test_every_five_seconds_that_begin_are_ranked_and_what_is_short_is_told(run, tmp_path):
    counts = {"none": 0, "four": 4, "five": 5, "nine": 9, "ten": 10}
    data = write_videos(tmp_path / "test.tfrecord", **counts)
    told = Messages()
    made = predict(run, [data], tmp_path / "out.csv", task="segment", progress=told)
    expected = {("four", 0), ("five", 0), ("nine", 0), ("nine", 5), ("ten", 0), ("ten", 5)}
    for row in read_segment_submission(tmp_path / "out.csv", range(12)):
        found = {(video.decode(), int(start)) for video, start in zip(row.ids, row.starts, strict=True)}
        assert found == expected
    assert (made.num_videos, made.num_segments) == (4, 6)
    assert told.lines[-2:] == [
        f"{run}: 2 segments have fewer than five frames, as the last of a video or the only one; "
        "what there is of them is ranked",
        f"{run}: 1 video has no frames, so no segment, and nothing of that is ranked",
    ]


@pytest.mark.thorough
def test_without_a_list_all_classes_are_ranked_and_that_is_told(run, sample, tmp_path):
    data = write_videos(tmp_path / "test.tfrecord", "abcd")
    told = Messages()

    def ranked(**options):
        told.lines.clear()
        predict(run, [data], tmp_path / "out.csv", task="segment", progress=told, **options)
        return [row.class_id for row in read_segment_submission(tmp_path / "out.csv")]

    line = (
        f"{data}: no list of the classes that segments are ranked for is at the root of its data set, so all 12 are ranked; rows "
        "of classes that nobody rated add nothing to segment MAP, and take time and room; name the list "
        "(segment_label_ids.csv) with --segment-classes"
    )
    assert ranked() == list(range(12))
    assert told.lines.count(line) == 1
    other = shutil.copytree(run, tmp_path / "other")
    told.lines.clear()
    ensemble([run, other], tmp_path / "both.csv", data=[data], task="segment", progress=told)
    assert told.lines.count(line) == 1
    (tmp_path / "kaggle.csv").write_text('Index,Name,WikiDescription\n7,A,"two\nlines"\n3,B,\n')
    assert ranked(segment_classes=tmp_path / "kaggle.csv") == [7, 3]
    assert line not in told.lines
    (tmp_path / "kaggle.csv").rename(tmp_path / "vocabulary.csv")
    assert ranked() == [7, 3]
    assert line not in told.lines


def test_stored_and_submitted_at_once(run, sample, tmp_path):
    predict(run, [str(sample / FRAMES)], tmp_path / "out.csv", stored=tmp_path / "stored", stored_top_k=0)
    stored = StoredPredictions(tmp_path / "stored")
    assert stored.description.classes == tuple(range(12))
    rows = list(read_video_submission(tmp_path / "out.csv", 12))
    part = stored.read(0)
    assert rows[0].video_id == part.ids[0].decode()
    assert rows[0].scores[0] == pytest.approx(1 / (1 + np.exp(-float(part.logits[0].max()))), rel=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "stored"]


WRONG = {
    "nothing to write": ({"out": None}, "nothing to write"),
    "top k": ({"top_k": 21}, "--top-k is 21; it must be from 1 to 20"),
    "weight": ({"prior_weight": 1.5}, "--prior-weight is 1.5"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_arguments_that_cannot_be_used(run, sample, tmp_path, arguments, message):
    arguments = {"out": tmp_path / "out.csv"} | arguments
    with pytest.raises(InputError, match=message):
        predict(run, [str(sample / FRAMES)], **arguments)
    assert not (tmp_path / "out.csv").exists()


WRONG_PRIORS = {
    "of videos": (videos(num_classes=12), FRAMES, "is for the segment task; these predictions are of whole videos"),
    "of segments": (segments(), RATED, "is of segments; name a run, or predictions, of whole videos"),
    "lacks a class": (
        videos(num_classes=6),
        RATED,
        "says nothing of class 7, which is ranked; name one that knows all",
    ),
    "lacks a video": (videos(num_classes=12), RATED, "has no video '.*'; predict it for the same records"),
    "nothing": (None, RATED, "is neither a run nor stored predictions; name a run of whole videos, or make some with"),
}


@pytest.fixture
def _nothing_is_predicted(monkeypatch):
    monkeypatch.setattr(Scorer, "scores", lambda *_, **__: pytest.fail("something is predicted"))


@pytest.mark.usefixtures("_nothing_is_predicted")
@pytest.mark.parametrize(("predictions", "records", "message"), WRONG_PRIORS.values(), ids=WRONG_PRIORS)
def test_a_prior_that_cannot_be_used_is_refused_at_once(run, sample, tmp_path, predictions, records, message):
    if predictions is not None:
        stored_at(tmp_path / "prior", predictions)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=f"^--prior {tmp_path}/prior:? {message}"):
        predict(run, [str(sample / records)], tmp_path / "new" / "out.csv", prior=str(tmp_path / "prior"))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.usefixtures("_nothing_is_predicted")
def test_a_run_that_cannot_be_a_prior_is_refused_at_once(run, sample, tmp_path):
    other, config = shutil.copytree(run, tmp_path / "other"), load_config(run)
    of_segments = dataclasses.replace(config, data=dataclasses.replace(config.data, segment_context=2))
    of_six = dataclasses.replace(config, data=dataclasses.replace(config.data, num_classes=6))
    for changed, message in (
        (of_segments, "is of segments and what is around them .*; name a run of whole videos"),
        (of_six, "says nothing of class 7, which is ranked"),
    ):
        write_json(other / "config.json", to_dict(changed))
        with pytest.raises(InputError, match=f"^--prior {other}: {message}"):
            predict(run, [str(sample / RATED)], tmp_path / "out.csv", prior=str(other))
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


@pytest.mark.parametrize("task", ["video", "segment"])
def test_an_id_that_cannot_stand_in_a_submission_is_refused_before_predicting(run, tmp_path, monkeypatch, task):
    data = [write_videos(tmp_path / "test.tfrecord", "abcd", "a,b")]
    monkeypatch.setattr(Scorer, "scores", lambda *_, **__: pytest.fail("something is predicted"))
    message = (
        rf"^{data[0]}: video 'a,b': the id has a comma and cannot stand in a submission; give the video another one .*, "
        "leave it out, or keep the predictions with --store DIR and without --out"
    )
    with pytest.raises(InputError, match=message):
        predict(run, data, tmp_path / "new" / "out.csv", task=task, stored=tmp_path / "stored")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test.tfrecord"]


def test_an_id_of_a_later_file_is_refused_when_it_is_met_and_predictions_without_a_submission_take_it(run, tmp_path):
    data = [write_videos(tmp_path / "a.tfrecord", "abcd"), write_videos(tmp_path / "b.tfrecord", 'q"', "c d")]
    with pytest.raises(InputError, match=f"^{data[0]} ...: video 'q\"': the id has a quote and cannot stand in a"):
        predict(run, data, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    assert predict(run, data, None, stored=tmp_path / "stored").num_videos == 3
    with pytest.raises(InputError, match=f"^{tmp_path}/stored: video 'q\"': the id has a quote"):
        ensemble([tmp_path / "stored"], tmp_path / "out.csv", stored=tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_a_prior_without_a_submission_is_refused(run, sample, tmp_path):
    with pytest.raises(InputError, match=f"^--prior {run} is for ranking a submission; name that with --out"):
        predict(run, [str(sample / RATED)], None, stored=tmp_path / "stored", prior=run)
    assert list(tmp_path.iterdir()) == []


def test_messages_name_the_run_and_not_where_its_predictions_are_kept(run, sample, tmp_path):
    with pytest.raises(InputError, match=f"^{run}: no video has a segment to rank"):
        predict(run, [str(sample / RATED)], tmp_path / "out.csv", skip_first_segments=60)


@pytest.mark.thorough
def test_weights_that_changed_are_other_predictions(run, sample, tmp_path):
    made = RunPredictions(run, [str(sample / FRAMES)])
    made.store(tmp_path / "stored")
    other = dataclasses.replace(load_config(run), run=str(tmp_path / "other"))
    train(dataclasses.replace(other, training=dataclasses.replace(other.training, seed=5)))
    with pytest.raises(InputError, match=r"holds predictions of another kind or from elsewhere \(weights differ\)"):
        RunPredictions(other.run, [str(sample / FRAMES)]).store(tmp_path / "stored")
    assert Path(tmp_path / "stored" / "predictions.json").exists()


@pytest.mark.parametrize("level", ["whole", "rated"])
def test_what_comes_twice_is_neither_measured_nor_predicted(run, folds, sample, tmp_path, level):
    """Of rated segments, those of one video in two records are measured, as long as none of them comes twice."""
    path = tmp_path / "a.tfrecord"
    first = next(read_framing(expand_paths(str(sample / (FRAMES if level == "whole" else RATED)))[0])).data
    path.write_bytes(framed(first) * 2)
    what = "holds video" if level == "whole" else "holds the segment at"
    for work in (evaluate, lambda run, data: RunPredictions(run, data).store(tmp_path / "stored")):
        with pytest.raises(
            RecordError, match=rf"a.tfrecord, record 1: {what} .* again, which .*a.tfrecord, record 0, holds"
        ):
            work(run if level == "whole" else folds[0], [str(path)])


def test_predictions_that_were_begun_are_not_completed_with_a_video_twice(run, sample, tmp_path):
    """Another process has made the first part, and this one the second, with the same video."""
    content = framed(next(read_framing(expand_paths(str(sample / FRAMES))[0])).data)
    for name in ("a", "b"):
        (tmp_path / f"{name}.tfrecord").write_bytes(content)
    paths = [str(tmp_path / f"{name}.tfrecord") for name in ("a", "b")]
    made, other = (RunPredictions(run, paths) for _ in range(2))
    into = made.open_store(tmp_path / "stored", part_bytes=1)
    made._make([Scorer(load_run(run))], [(path,) for path in paths], {0}, into, SILENT)
    with pytest.raises(
        RecordError, match=r"b.tfrecord, record 0: holds video .* again, which .*a.tfrecord, record 0, holds"
    ):
        other.store(tmp_path / "stored", part_bytes=1)
    with pytest.raises(InputError, match="is not complete"):
        StoredPredictions(tmp_path / "stored")
