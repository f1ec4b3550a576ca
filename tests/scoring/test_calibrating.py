"""Calibrations of runs: what they are worth against a slow version, what they do to predictions, and what is refused."""

import dataclasses
import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_up import sigmoid, together
from trained_runs import FRAMES, RATED

from yt8m import runs
from yt8m.data.labels import open_labelled, read_labels
from yt8m.errors import InputError
from yt8m.metrics import SegmentMetrics, VideoMetrics, global_average_precision, reliability
from yt8m.metrics.logits import probability
from yt8m.predicting import StoredPredictions
from yt8m.predicting.ensembling import ensemble, weigh
from yt8m.predicting.prediction import predict
from yt8m.predicting.run_predictions import RunPredictions
from yt8m.predicting.selection import Selection
from yt8m.progress import Messages
from yt8m.scoring import calibrating
from yt8m.scoring.calibrating import CalibrationObserver, calibrate, half_of
from yt8m.scoring.calibration import IDENTITY, Calibration, LogitMap, LogitMaps, read
from yt8m.scoring.calibration_fitting import fit
from yt8m.scoring.evaluation import Measured, evaluate
from yt8m.scoring.scorer import Scored, Scorer

NUM_CLASSES = 30


@pytest.fixture(scope="module")
def trained_once(once_trained, sample) -> str:
    return once_trained(validate=(str(sample / FRAMES),))


@pytest.fixture
def run(trained_once, tmp_path) -> str:
    return str(shutil.copytree(trained_once, tmp_path / "run"))


def line_for(run, path, line, **changes) -> Path:
    """A calibration of a run that is this line."""
    digest = hashlib.md5((Path(run) / "best" / "model.weights.h5").read_bytes()).hexdigest()
    fields = {"run": str(run), "weights": digest, "task": "video", "method": "platt", "num_classes": 12, "data": []}
    path.write_text(json.dumps(Calibration(**fields | changes, maps=LogitMaps(line)).as_json()))
    return path


def videos(num_videos=300, seed=0):
    """Logits float32 [N, C] that are half as far again from -1 as the true ones, labels bool [N, C], and ids."""
    random = np.random.default_rng(seed)
    true = random.normal(-2.5, 2, (num_videos, NUM_CLASSES))
    labels = random.random(true.shape) < sigmoid(true)
    return (1.5 * (true + 1) - 1).astype(np.float32), labels, [b"v%d" % video for video in range(num_videos)]


def observed(logits, labels, ids, by_class=False, seed=0) -> CalibrationObserver:
    """Batches of videos seen by two workers."""
    rows = np.full((len(labels), NUM_CLASSES + 2), -1, np.int32)
    for row, own in enumerate(labels):
        rows[row, : own.sum()] = np.flatnonzero(own)
    workers = [CalibrationObserver(NUM_CLASSES, by_class, seed) for _ in range(2)]
    for batch in range(4):
        some = range(batch, len(ids), 4)
        batch_of = Scored([ids[row] for row in some], logits[some], rows[some], np.zeros(len(some), np.float32))
        workers[batch % 2].update(batch_of)
    workers[0].merge(workers[1])
    return workers[0]


@pytest.mark.parametrize("own", [[], [2, 7, 8]])
@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_each_half_is_measured_with_what_was_fitted_on_the_other(method, own):
    logits, labels, ids = videos()
    observer = observed(logits, labels, ids, by_class=bool(own))
    halves = np.array([half_of(video, 0) for video in ids])
    of_halves = [fit(observer.counts, method, own, halves=[1 - half]) for half in (0, 1)]
    calibrated = np.empty_like(logits)
    for half in (0, 1):
        alone = observed(
            *(np.asarray(each)[halves == 1 - half] for each in (logits, labels)),
            [video for video, there in zip(ids, halves, strict=True) if there == 1 - half],
            bool(own),
        )
        assert of_halves[half] == fit(alone.counts, method, own), "only the other half decides"
        calibrated[halves == half] = of_halves[half](logits[halves == half], np.arange(NUM_CLASSES))
    metrics = VideoMetrics(NUM_CLASSES)
    metrics.update(probability(calibrated), labels)
    found = observer.measure(of_halves)
    assert found.result == pytest.approx(metrics.result(), abs=1e-12)
    error = reliability(metrics.pooled()).expected_calibration_error
    assert reliability(found.pooled()).expected_calibration_error == pytest.approx(error, abs=1e-9)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_one_function_for_all_classes_keeps_the_ranking_and_mends_the_probabilities(method):
    logits, labels, ids = videos(num_videos=600)
    observer = observed(logits, labels, ids)
    maps = fit(observer.counts, method)
    calibrated = maps(logits, np.arange(NUM_CLASSES))
    before, after = (global_average_precision(each, labels) for each in (logits, calibrated))
    assert after == pytest.approx(before, abs=1e-6)
    np.testing.assert_array_equal(
        np.argsort(-calibrated, axis=1, kind="stable"), np.argsort(-logits, axis=1, kind="stable")
    )
    metrics = VideoMetrics(NUM_CLASSES)
    metrics.update(probability(logits), labels)
    held_out = observer.measure([fit(observer.counts, method, halves=[1 - half]) for half in (0, 1)])
    errors = [reliability(each.pooled()).expected_calibration_error for each in (Measured({}, metrics, None), held_out)]
    assert errors[1] < errors[0] / 3


def test_without_the_hundredth_isotonic_regression_ties_what_other_videos_tell_apart():
    found = fit(observed(*videos()).counts, "isotonic").pooled
    logits, labels, _ = videos(num_videos=3000, seed=1)
    steps = np.interp(logits.astype(np.float64), found.points, found.offsets)
    plain, tied, kept = (global_average_precision(each, labels) for each in (logits, steps, found(logits)))
    assert tied < plain - 1e-3
    assert kept == pytest.approx(plain, abs=1e-6)


def counted_halves(num_videos: tuple[int, int], num_labels: tuple[int, int]) -> CalibrationObserver:
    """Halves of so many videos each, the first ones of each half with one label each."""
    every = [b"v%d" % video for video in range(1000)]
    ids, labels = [], []
    for half in (0, 1):
        ids += [video for video in every if half_of(video, 0) == half][: num_videos[half]]
        labels += [np.arange(NUM_CLASSES) < int(place < num_labels[half]) for place in range(num_videos[half])]
    return observed(np.zeros((len(ids), NUM_CLASSES), np.float32), np.array(labels), ids)


def test_halves_of_few_videos_or_labels_are_told():
    least = (calibrating.ENOUGH_VIDEOS, calibrating.ENOUGH_POSITIVES)
    assert least == (50, 20), "docs/calibration.md says so"
    assert counted_halves((50, 51), (20, 20)).few() is None
    for videos_of, labels_of in (
        ((49, 60), (20, 30)),
        ((60, 49), (30, 20)),
        ((50, 50), (19, 50)),
        ((50, 50), (50, 19)),
    ):
        found = counted_halves(videos_of, labels_of)
        (one, other), (first, second) = videos_of, labels_of
        assert found.few() == (
            f"the halves of the records have {one} and {other} videos, {first} and {second} labels; below 50 videos or 20 "
            "labels in a half, the figures are mostly chance"
        )


def test_halves_are_about_equal_and_the_seed_decides():
    ids = [b"v%d" % video for video in range(1000)]
    first, again, other = ([half_of(video, seed) for video in ids] for seed in (0, 0, 1))
    assert first == again != other
    assert 450 < sum(first) < 550


def test_segments_count_where_they_are_rated():
    random = np.random.default_rng(3)
    num_segments = 400
    logits = random.normal(0, 2, (num_segments, NUM_CLASSES)).astype(np.float32)
    labels = np.full((num_segments, 3), -1, np.int32)
    labels[:, 0], labels[::2, 1] = random.integers(0, 15, num_segments), random.integers(15, 30, num_segments // 2)
    chances = sigmoid(0.5 * np.take_along_axis(logits, np.maximum(labels, 0), axis=1) + 1)
    scores = np.where(labels >= 0, random.random(labels.shape) < chances, -1).astype(np.float32)
    ids, starts = (
        [b"v%d" % (row // 4) for row in range(num_segments)],
        5 * (np.arange(num_segments, dtype=np.int32) % 4),
    )
    observer = CalibrationObserver(NUM_CLASSES, by_class=False, seed=0)
    observer.update(Scored(ids, logits, labels, np.zeros(num_segments, np.float32), starts, scores))
    assert observer.counts.pooled.sum() == (labels >= 0).sum()
    assert observer.counts.pooled[:, 1].sum() == (scores == 1).sum()
    maps = fit(observer.counts, "platt")
    assert (maps.pooled.slope, maps.pooled.offsets[0]) == pytest.approx((0.5, 1), abs=0.25)
    metrics = SegmentMetrics(NUM_CLASSES)
    metrics.update(maps(logits, np.arange(NUM_CLASSES)), ids, starts, labels, scores)
    assert observer.measure([maps, maps]).result == pytest.approx(metrics.result(), abs=1e-12)


@pytest.mark.thorough
def test_a_run_is_calibrated_and_its_file_used(run, sample, tmp_path):
    """The figures before are those of an evaluation. The file is fitted on all videos, and evaluation and prediction use it."""
    plain = evaluate(run)
    made = calibrate(run, method="platt")
    assert made.path == f"{run}/calibration.json"
    written = json.loads(Path(made.path).read_text())
    assert (written["before"], written["after"]) == (made.before, made.after)
    assert (
        list(made.before)
        == list(made.after)
        == ["gap", "map", "hit_at_1", "perr", "loss", "expected_calibration_error"]
    )
    assert {key: made.before[key] for key in plain.keys() & made.before.keys()} == {
        key: plain[key] for key in made.before.keys() - {"expected_calibration_error"}
    }
    assert made.num_videos == plain["num_videos"]
    messages = Messages()
    calibrated = evaluate(run, calibration=made.path, progress=messages)
    (told,) = messages.lines
    assert told.startswith(f"{made.path}: was fitted on records that are measured here (")
    assert calibrated["gap"] == pytest.approx(plain["gap"], abs=1e-6)
    assert calibrated["loss"] < plain["loss"] - 0.05

    data = [str(sample / FRAMES)]
    predict(run, data, None, stored=tmp_path / "plain", stored_top_k=0)
    predict(run, data, None, stored=tmp_path / "calibrated", stored_top_k=0, calibrations=[made.path])
    before, after = (StoredPredictions(tmp_path / name) for name in ("plain", "calibrated"))
    np.testing.assert_allclose(together(after), read(made.path)(together(before)), atol=2e-2)  # float16
    assert before.made_from | {"calibrations": after.made_from["calibrations"]} == after.made_from
    labels = read_labels(open_labelled(data, "video", 12, Messages()))
    hot = np.array([np.isin(np.arange(12), labels[name]) for part in after.rows() for name in part.names()])
    logits = together(after)
    assert calibrated["loss"] == pytest.approx(
        np.logaddexp(0, np.where(hot, -logits, logits)).sum(axis=1).mean(), rel=5e-3
    )


@pytest.mark.thorough
def test_rated_segments_calibrate_what_is_said_of_segments(run, sample, tmp_path):
    data, file = [str(sample / RATED)], tmp_path / "segments.json"
    plain = evaluate(run, data)
    told = Messages()
    made = calibrate(run, data, file, progress=told)
    few = [line for line in told.lines if "in a half" in line]
    assert len(few) == 1
    assert re.match(
        rf"{run}: the halves of the records have \d+ and \d+ videos, \d+ and \d+ positive ratings; ", few[0]
    )
    halves = [int(number) for number in re.findall(r"(\d+) and (\d+) videos", few[0])[0]]
    assert sum(halves) == made.num_videos, "segments of a video count once"
    assert list(made.before) == ["segment_map", "loss", "expected_calibration_error"]
    assert made.before == {key: plain[key] for key in ("segment_map", "loss")} | {
        "expected_calibration_error": made.before["expected_calibration_error"]
    }
    calibrated = evaluate(run, data, calibration=file)
    assert calibrated["segment_map"] == pytest.approx(plain["segment_map"], abs=1e-6)
    assert calibrated["loss"] < plain["loss"]
    for name, files in (("plain", []), ("calibrated", [file])):
        predict(run, data, None, stored=tmp_path / name, calibrations=files)
    before, after = (StoredPredictions(tmp_path / name) for name in ("plain", "calibrated"))
    columns = list(after.description.classes)
    expected = read(file).maps(together(before).astype(np.float32), np.array(columns))
    np.testing.assert_allclose(together(after), expected, atol=0.1)  # steps, of logits in float16
    with pytest.raises(
        InputError, match=rf"^--calibration: that of {run} is of segments, and {run} is of whole videos here"
    ):
        evaluate(run, calibration=file)


@pytest.mark.thorough
def test_the_loss_after_is_that_of_the_other_half_s_functions(run, sample, monkeypatch):
    kept = []
    original = calibrating._fitted
    monkeypatch.setattr(
        calibrating,
        "_fitted",
        lambda measured, *rest: kept.append(measured.observed) or original(measured, *rest),
    )
    made = calibrate(run, out=Path(run).parent / "calibration.json", method="platt", per_class=4, seed=5)
    (observer,) = kept
    own = observer.counts.classes_with(4).tolist()
    assert own
    assert made.own_classes <= len(own)
    total = 0.0
    for half in (0, 1):
        maps = fit(observer.counts, "platt", own, halves=[1 - half])
        for each in observer.kept:
            rows = each.halves == half
            order = np.argsort(each.classes[rows], axis=1)  # all 12 classes are kept
            logits = np.take_along_axis(maps(each.logits[rows], each.classes[rows]), order, axis=1).astype(np.float64)
            hot = np.array([np.isin(np.arange(12), labels) for labels in each.labels[rows]]).reshape(-1, 12)
            total += np.logaddexp(0, np.where(hot, -logits, logits)).sum()
    assert made.after["loss"] == pytest.approx(total / made.num_videos, rel=1e-3)
    assert not (Path(run) / "calibration.json").exists()


@pytest.mark.thorough
def test_members_of_an_ensemble_are_calibrated_each_by_its_own(run, once_trained, sample, tmp_path):
    other = once_trained(model="logistic")
    files = [
        line_for(other, tmp_path / "b.json", LogitMap(2.0, (0.0,), (1.0,))),
        line_for(run, tmp_path / "a.json", LogitMap(0.5, (0.0,), (-3.0,))),
    ]
    data = [str(sample / FRAMES)]
    ensemble([run, other], data=data, stored=tmp_path / "both", mean="geometric", weights=[1, 0], calibrations=files)
    kept = [StoredPredictions(next(Path(each, "predictions").iterdir())) for each in (run, other)]
    plain = []
    for name, each in (("a", run), ("b", other)):
        predict(each, data, None, stored=tmp_path / name)
        plain.append(together(StoredPredictions(tmp_path / name)))
    np.testing.assert_allclose(together(kept[0]), 0.5 * plain[0] - 3, atol=1e-2)
    np.testing.assert_allclose(together(kept[1]), 2 * plain[1] + 1, atol=2e-2)
    learned = weigh([run, other], data, tmp_path / "weights.json", calibrations=files)
    assert len(list(Path(run, "predictions").iterdir())) == 1, "the same predictions serve"
    assert learned.members == [run, other]


@pytest.mark.thorough
def test_a_calibration_on_the_records_that_weights_are_learned_from(run, trained_once, sample, tmp_path, monkeypatch):
    """The line is that of an evaluation, from any directory."""
    monkeypatch.chdir(sample)
    same, other = (
        line_for(run, tmp_path / name, IDENTITY, data=[str(path)])
        for name, path in (("same.json", sample / FRAMES / "validate0001.tfrecord"), ("other.json", sample / "none"))
    )
    made = calibrate(run, [FRAMES], tmp_path / "made.json")
    assert read(made.path).data == [str(sample / FRAMES / f"validate000{shard}.tfrecord") for shard in (0, 1)]
    monkeypatch.chdir(tmp_path)
    for file, expected in ((same, 1), (made.path, 1), (other, 0)):
        told, measured = Messages(), Messages()
        weigh([run, trained_once], [str(sample / FRAMES)], tmp_path / "w.json", calibrations=[file], progress=told)
        evaluate(run, [str(sample / FRAMES)], measured, calibration=file)
        lines, others = ([line for line in each.lines if "was fitted on" in line] for each in (told, measured))
        assert len(lines) == expected
        assert lines == others
        assert all(line.startswith(f"{file}: was fitted on records that are measured here (") for line in lines)


@pytest.mark.thorough
def test_stored_predictions_keep_the_order_within_a_step(run, once_trained, sample, tmp_path):
    """A step leaves a hundredth of the logit, less than float16 can tell apart."""
    step, data = LogitMap(0.01, (0.0,), (-5.0,)), [str(sample / FRAMES)]
    file = line_for(run, tmp_path / "a.json", step)
    exact = RunPredictions(run, data, selection=Selection(top_k=0, precision="float32")).store(tmp_path / "exact")
    predict(run, data, None, stored=tmp_path / "calibrated", stored_top_k=0, calibrations=[file])
    other = once_trained(model="logistic")
    options = {"data": data, "mean": "geometric", "weights": [1, 0], "calibrations": [file]}
    ensemble([run, other], stored=tmp_path / "both", **options)
    raw = together(exact)
    order = np.argsort(raw.ravel(), kind="stable")
    rounded = (0.01 * raw.astype(np.float64) - 5).astype(np.float16)
    assert len(np.unique(rounded)) < len(np.unique(raw)) / 2, "float16 would tie most"
    stored = [StoredPredictions(tmp_path / name) for name in ("calibrated", "both")]
    assert [each.description.precision for each in stored] == ["float32", "float32"]
    calibrated, both = map(together, stored)
    np.testing.assert_allclose(calibrated, 0.01 * raw - 5, atol=1e-6)
    assert (np.diff(calibrated.ravel()[order]) >= 0).all()
    assert len(np.unique(calibrated)) > 0.9 * len(np.unique(raw))
    np.testing.assert_allclose(both, -np.sort(-calibrated, axis=1), atol=5e-6)


@pytest.fixture
def refused(monkeypatch, tmp_path):
    """Asserts that a call is refused before anything is scored or written."""

    def call_is_refused(message, call, *arguments, **options):
        monkeypatch.setattr(Scorer, "scores", lambda *_, **__: pytest.fail("something is scored"))
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(InputError, match=message):
            call(*arguments, **options)
        assert sorted(tmp_path.rglob("*")) == before

    return call_is_refused


def test_what_the_run_learned_from_calibrates_nothing(run, sample, refused):
    learned = str(sample / "2/frame/train/train0001.tfrecord")
    message = rf"^{run}: learned from records that it would be calibrated on \({learned} is in both\); name others with --data"
    refused(message, calibrate, run, [str(sample / FRAMES), learned])


@pytest.fixture
def moved(run, sample, tmp_path, monkeypatch) -> str:
    """The run, as if trained beside its records with paths relative to them, and seen from elsewhere."""
    config, environment = (Path(run) / f"{name}.json" for name in ("config", "environment"))
    config.write_text(config.read_text().replace(f'"{sample}/', '"'))
    environment.write_text(json.dumps(json.loads(environment.read_text()) | {"directory": str(sample)}))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return run


def test_what_the_run_learned_from_is_known_from_any_directory(moved, sample, refused):
    learned = sample / "2/frame/train"
    message = (
        rf"^{moved}: learned from records that it would be calibrated on \({learned}/train0000.tfrecord is in both\)"
    )
    refused(message, calibrate, moved, [str(learned)])
    refused(
        rf"^{moved}: learned from records that the weights would be learned from \({learned}/train0000.tfrecord is in both\)",
        weigh,
        [moved, shutil.copytree(moved, f"{moved}-2")],
        [str(learned)],
        "weights.json",
    )


def test_what_cannot_be_checked_is_said_and_no_more(moved, trained_once, sample):
    (Path(moved) / "environment.json").unlink()
    unknown = (
        f"{moved}: it could not be checked whether the run learned from these records (2/frame/train: no such file or "
        "directory); if it did, the figures look better than they are"
    )
    told, data = Messages(), [str(sample / FRAMES)]
    calibrate(moved, data, progress=told)
    assert told.lines.count(unknown) == 1
    told = Messages()
    weigh([moved, trained_once], data, Path("weights.json"), progress=told)
    assert [line for line in told.lines if "could not be checked" in line] == [unknown]


def test_a_run_without_validation_records(once_trained, refused):
    run = once_trained()
    refused(rf"^{run}: was trained without a validate split; name the records with --data", calibrate, run)


def test_a_calibration_replaces_nothing_else(run, sample, refused):
    refused(r"^.*config.json: belongs to the run", calibrate, run, out=f"{run}/config.json")
    refused(
        r"^.*tfrecord: is one of the files that are read", calibrate, run, out=sample / FRAMES / "validate0000.tfrecord"
    )


def test_labels_that_nothing_can_be_fitted_to_leave_no_file(run, sample, tmp_path, monkeypatch):
    monkeypatch.setattr(
        calibrating, "multi_hot", lambda labels, num_classes: np.zeros((len(labels), num_classes), bool)
    )
    with pytest.raises(
        InputError, match=rf"^{run}: no calibration fits the videos: none has a label; give more records$"
    ):
        calibrate(run, out=tmp_path / "new" / "calibration.json")
    monkeypatch.setattr(calibrating, "is_present", lambda scores: np.zeros(scores.shape, bool))
    with pytest.raises(InputError, match=rf"^{run}: no calibration fits the videos: no rating is positive; "):
        calibrate(run, [str(sample / RATED)], tmp_path / "new" / "calibration.json")
    assert not (tmp_path / "new").exists()


def test_a_calibration_of_other_weights(run, sample, tmp_path, refused):
    file = line_for(run, tmp_path / "a.json", IDENTITY, weights="f" * 32)
    message = (
        rf"^--calibration {file}: was fitted for {run}, and .* does not have those weights, or not any more; fit one"
    )
    data = [str(sample / FRAMES)]
    refused(message, evaluate, run, calibration=file)
    refused(message, predict, run, data, None, stored=tmp_path / "stored", calibrations=[file])
    message = rf"^--calibration {file}: no member has the weights that it was fitted for, which {run} had; fit one"
    refused(message, ensemble, [run], data=data, stored=tmp_path / "stored", calibrations=[file])


def test_a_calibration_for_another_number_of_classes(run, sample, tmp_path, refused):
    file = line_for(run, tmp_path / "a.json", IDENTITY, num_classes=13)
    message = rf"^--calibration {file}: num_classes is 13, and {run} has 12; make it anew with yt8m calibrate"
    data = [str(sample / FRAMES)]
    refused(message, evaluate, run, calibration=file)
    refused(message, predict, run, data, None, stored=tmp_path / "stored", calibrations=[file])
    refused(message, ensemble, [run], data=data, stored=tmp_path / "stored", calibrations=[file])


def test_a_calibration_of_another_task(run, sample, tmp_path, refused):
    file = line_for(run, tmp_path / "a.json", IDENTITY)
    message = (
        rf"^--calibration: that of {run} is of whole videos, and {run} is of segments here; fit one to such records"
    )
    refused(message, evaluate, run, [str(sample / RATED)], calibration=file)
    refused(message, predict, run, [str(sample / RATED)], None, stored=tmp_path / "stored", calibrations=[file])


def test_folds_are_all_calibrated_or_none(run, tmp_path, refused):
    """Whatever they learned: their configurations say that they are folds."""
    folds = [str(shutil.copytree(run, tmp_path / f"fold-{fold}")) for fold in (0, 1)]
    for number, fold in enumerate(folds):
        config = json.loads(Path(fold, "config.json").read_text())
        config["data"] |= {"fold": f"{number}/2", "validate": []}
        Path(fold, "config.json").write_text(json.dumps(config))
    with open(Path(folds[0], "best", "model.weights.h5"), "ab") as weights:
        weights.write(b"\0")  # or one file would be for both
    file = line_for(folds[1], tmp_path / "a.json", IDENTITY)
    message = rf"^--calibration: none is for {folds[0]}, and the runs predict together; name one for each of them"
    refused(message, predict, folds, (), None, stored=tmp_path / "stored", calibrations=[file])


def test_other_weights_make_a_calibration_of_no_use(run, tmp_path, refused):
    file = line_for(run, tmp_path / "a.json", IDENTITY)
    weights = runs.RunDirectory(Path(run)).best_weights
    weights.write_bytes(weights.read_bytes() + b"\0")
    refused(rf"^--calibration {file}: was fitted for {run}", evaluate, run, calibration=file)


def test_what_is_shown(run):
    from yt8m.commands import reports

    made = dataclasses.replace(
        calibrating.Calibrated("c.json", "runs/a", "isotonic", 1, 0, {}, {}),
        before={"gap": 0.5, "loss": 12.3456, "expected_calibration_error": 0.04},
        after={"gap": 0.51, "loss": 9.5, "expected_calibration_error": 0.01},
    )
    assert reports.calibrated(made).splitlines() == [
        "runs/a: isotonic regression on 1 video, all classes together",
        "                      before      after",
        "GAP                   0.5000     0.5100",
        "Loss                  12.346     9.5000",
        "Calibration error     0.0400     0.0100",
        "after: each half of the videos is measured with functions fitted on the other half",
    ]
    several = dataclasses.replace(made, method="platt", num_videos=5, own_classes=2)
    assert reports.calibrated(several).splitlines()[0] == (
        "runs/a: Platt's regression on 5 videos, 2 classes on their own, the others together"
    )
