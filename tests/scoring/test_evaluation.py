"""What evaluation says beside the metrics."""

import csv
import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from fenced import REPOSITORY, blocks_of
from trained_runs import FRAMES

from yt8m import runs
from yt8m.data import survey
from yt8m.data.pipeline import read_records
from yt8m.data.records import frame_level_record, framed
from yt8m.distribution.devices import Devices
from yt8m.errors import InputError
from yt8m.files import write_json
from yt8m.predicting.prediction import predict
from yt8m.predicting.run_predictions import RunPredictions
from yt8m.progress import Messages
from yt8m.runs import RunDirectory
from yt8m.scoring.evaluation import evaluate
from yt8m.training.loop import train
from yt8m.tuning.space import Dimension
from yt8m.tuning.study import Study


@pytest.fixture(scope="module")
def run(once_trained, sample) -> str:
    return once_trained(validate=(str(sample / FRAMES),))


def test_labels_that_the_run_does_far_worse_on_are_told(run, sample, tmp_path):
    """As those of another vocabulary do; the run's own validation is what it should give."""
    other = tmp_path / "other.tfrecord"
    generator = np.random.default_rng(0)
    rows = [generator.integers(0, 256, (5, 128), np.uint8) for _ in range(8)]
    other.write_bytes(
        b"".join(framed(frame_level_record(f"v{index}", [11], {"audio": each})) for index, each in enumerate(rows))
    )
    lines = Messages()
    own = runs.best_metrics(run)["gap"]
    found = evaluate(run, [str(other)], progress=lines)["gap"]
    assert found < own / 2, "the case is one"
    assert lines.lines == [
        f"{run}: GAP {found:.4f} here, {own:.4f} in the run's own validation; are these labels of the same vocabulary, of 12 "
        "classes?"
    ]


def test_labels_that_it_does_well_on_are_not(run, sample):
    lines = Messages()
    evaluate(run, [str(sample / FRAMES)], progress=Messages())
    evaluate(run, progress=lines)
    assert lines.lines == []


def example_of(section: str):
    """The Python block of a section of docs/python.md."""
    blocks = [block for block in blocks_of(REPOSITORY / "docs" / "python.md") if block.language == "python"]
    (found,) = [block for block in blocks if block.before.rpartition("\n## ")[2].startswith(f"{section}\n")]
    return found


def test_every_example_of_the_page_is_run_below():
    blocks = [block for block in blocks_of(REPOSITORY / "docs" / "python.md") if block.language == "python"]
    assert blocks == [example_of("Tables"), example_of("Progress")]


def test_a_watcher_of_one_s_own_as_the_documentation_has_it(run, monkeypatch, capsys):
    example = example_of("Progress")
    monkeypatch.chdir(Path(run).parent)
    assert example.text.count('"runs/sample"') == 1
    exec(compile(example.text.replace("runs/sample", run), str(example), "exec"), {})
    assert capsys.readouterr().out == f"evaluating: {runs.best_metrics(run)['num_videos']} videos\n"


@pytest.mark.thorough
def test_tables_as_the_documentation_has_them(run, sample, tmp_path, monkeypatch, capsys):
    example = example_of("Tables").text
    places = {"runs/sample": str(tmp_path / "run"), "submissions/sample.csv": str(tmp_path / "sample.csv")}
    places |= {"runs/moe-tuned": str(tmp_path / "study")}
    copy = RunDirectory(shutil.copytree(run, tmp_path / "run"))
    for step, gap in ((1, 0.25), (2, 0.75), (3, 0.5)):
        runs.append_metrics(copy, {"kind": "validation", "step": step, "gap": gap})
    predict(run, [str(sample / FRAMES)], tmp_path / "sample.csv")
    rate = Dimension("training", "learning_rate", low=1e-4, high=1e-1, log=True)
    (tmp_path / "study").mkdir()
    with Study(tmp_path / "study" / "study.db", [rate], 0) as study:
        for score in (0.5, 0.875, 0.25):
            number = study.ask().number
            study.report(number, 1, score)
            study.end(number, "complete")
    write_json(tmp_path / "study" / "study.json", {"space": {rate.name: {}}})
    for name, path in places.items():
        assert example.count(f'"{name}"')
        example = example.replace(name, path)
    found: dict = {}
    exec(compile(example, "docs/python.md", "exec"), found)
    lines = capsys.readouterr().out.splitlines()
    metrics, classes, predicted = found["metrics"], found["classes"], found["predicted"]
    assert lines[0] == f"MAP {metrics['map']:.4f} is the mean of {len(classes)} classes, the worst of them:"
    assert [line.split()[:2] for line in lines[2:5]] == [name.split() for name in classes["name"].tail(3)]
    assert lines[5] == "step 2 has the best GAP, 0.7500"
    assert predicted["rank"].max() == predicted["id"].value_counts().min() == 12
    assert [line.split()[:2] for line in lines[-3:]] == [["1", "0.875"], ["0", "0.500"], ["2", "0.250"]]


@pytest.mark.thorough
def test_a_row_a_class_beside_the_metrics(run, sample, tmp_path):
    metrics, table = evaluate(run, [str(sample / FRAMES)], classes=tmp_path / "out", per_class=True)
    with (tmp_path / "out/classes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    plain = evaluate(run, [str(sample / FRAMES)])
    assert {**metrics, "videos_per_second": 0} == {**plain, "videos_per_second": 0}
    assert list(table) == ["class_id", "name", "average_precision", "num_positives", "num_negatives"]
    assert table["class_id"].tolist() == [int(row["Index"]) for row in rows]
    assert table["name"].tolist() == [row["Name"] for row in rows]
    assert table["average_precision"].tolist() == [float(row["AveragePrecision"]) for row in rows]
    assert table["average_precision"].mean() == pytest.approx(metrics["map"], rel=1e-12)
    assert table["num_negatives"].isna().all()
    counts = np.zeros(12, int)
    for batch in read_records(str(sample / FRAMES), num_classes=12):
        labels = batch["labels"].numpy()
        counts += np.bincount(labels[labels >= 0], minlength=12)
    assert dict(zip(table["class_id"], table["num_positives"], strict=True)) == {
        class_id: count for class_id, count in enumerate(counts) if count
    }


def test_a_worker_that_is_not_the_first_returns_the_table_and_writes_nothing(run, sample, tmp_path, monkeypatch):
    monkeypatch.setattr(Devices, "is_chief", False)
    metrics, table = evaluate(run, [str(sample / FRAMES)], classes=tmp_path / "out", per_class=True)
    assert table["average_precision"].mean() == pytest.approx(metrics["map"], rel=1e-12)
    assert not (tmp_path / "out").exists()


def test_the_classes_of_segments_have_their_negatives_and_those_without_a_positive_no_precision(run, sample, tmp_path):
    """A vocabulary names them, without a directory for files."""
    (tmp_path / "names.csv").write_text("Index,Name\n" + "".join(f"{class_id},null\n" for class_id in range(12)))
    metrics, table = evaluate(
        run, [str(sample / "3/frame/validate")], vocabulary=tmp_path / "names.csv", per_class=True
    )
    assert set(table["name"]) == {"null"}
    positives, negatives = np.zeros(12, int), np.zeros(12, int)
    for batch in read_records(str(sample / "3/frame/validate"), num_classes=12):
        for class_id, score in zip(batch["labels"].numpy().ravel(), batch["label_scores"].numpy().ravel(), strict=True):
            if class_id >= 0:
                (positives if score >= 0.5 else negatives)[class_id] += 1
    assert dict(zip(table["class_id"], table["num_positives"], strict=True)) == {
        class_id: positives[class_id] for class_id in table["class_id"]
    }
    assert table["num_negatives"].tolist() == negatives[table["class_id"]].tolist()
    assert set(table["class_id"]) == set(np.flatnonzero(positives + negatives))
    assert table["average_precision"].isna().tolist() == (table["num_positives"] == 0).tolist()
    assert table["average_precision"].mean() == pytest.approx(metrics["segment_map"], rel=1e-12)
    assert [path.name for path in tmp_path.iterdir()] == ["names.csv"]


def test_records_without_labels_are_refused(run, tmp_path):
    path = tmp_path / "test.tfrecord"
    path.write_bytes(framed(frame_level_record("a", None, {"audio": np.zeros((5, 128), np.uint8)})))
    with pytest.raises(InputError, match="its records have no labels and evaluation needs them"):
        evaluate(run, [str(path)])


def test_advice_is_of_evaluation_and_of_training_each_for_itself(run, sample, tmp_path):
    """Neither names a flag that the command has not."""
    frames = {"audio": np.zeros((5, 128), np.uint8)}
    path = tmp_path / "a.tfrecord"
    path.write_bytes(framed(frame_level_record("a", [12], frames)))
    reason = f"{path}, record 0: label 12 is out of range; the 12 classes go from 0 to 11, this one needs 13 or more"
    config = runs.load_config(run)
    data = dataclasses.replace(config.data, root="", train=(str(path),), validate=())
    config = dataclasses.replace(config, run=str(tmp_path / "new"), data=data)
    assert (
        refusal(evaluate, run, [str(path)]) == f"{reason}; another run is needed, trained with that --data.num-classes"
    )
    assert refusal(train, config) == f"{reason}; raise --data.num-classes"
    path.write_bytes(framed(frame_level_record("a", [1], frames)))
    empty = tmp_path / "b.tfrecord"
    empty.write_bytes(b"")
    data = dataclasses.replace(data, train=(str(path), str(empty)))
    reason = f"{empty}: the file is empty; fetch it again, or leave it out"
    assert refusal(evaluate, run, [str(path), str(empty)]) == reason
    assert refusal(train, dataclasses.replace(config, data=data)) == f"{reason} with --data.on-corrupt skip"


def test_best_weights_that_are_gone_are_said_to_be(run, sample, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(copy / "best")
    gone = f"{copy}: best/model.weights.h5 is gone"
    assert refusal(evaluate, copy) == f"{gone}; the same `yt8m train` command restores it"
    shutil.rmtree(copy / "checkpoints")
    assert refusal(evaluate, copy) == f"{gone}; train it anew"


def refusal(work, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        work(*arguments)
    return str(caught.value)


def test_videos_that_are_cut_off_are_counted_once_all_were_read(run, sample, tmp_path, monkeypatch):
    """Where the look before saw some records alone; else it has told how many."""
    monkeypatch.setattr(survey, "MOST_BYTES", 1000)
    generator = np.random.default_rng(0)
    path = tmp_path / "long.tfrecord"
    lengths = [10, 301, 20, 305, 300]
    records = [
        frame_level_record(f"v{length}", [1], {"audio": generator.integers(0, 256, (length, 128), np.uint8)})
        for length in lengths
    ]
    path.write_bytes(b"".join(map(framed, records)))
    lines = Messages()
    evaluate(run, [str(path)], progress=lines)
    assert (
        f"{path}: 2 videos of all have more than 300 frames and were cut off there; --data.max-frames in training keeps more"
        in lines.lines
    )
    lines.lines.clear()
    RunPredictions(run, [str(path)], progress=lines).store(tmp_path / "stored")
    assert sum("2 videos of all have more than 300 frames" in line for line in lines.lines) == 1
    monkeypatch.undo()
    survey._survey.cache_clear()
    lines.lines.clear()
    RunPredictions(run, [str(path)], progress=lines).store(tmp_path / "again")
    assert [line for line in lines.lines if "300 frames" in line] == [
        f"{path}: 2 of 5 records have more than 300 frames, up to 305, and are cut off there; --data.max-frames 305 in training "
        "keeps them"
    ]
