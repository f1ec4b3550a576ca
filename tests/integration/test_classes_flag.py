"""`--classes` of `yt8m evaluate` and `yt8m score`."""

import csv

import numpy as np
import pytest

import yt8m as package
from yt8m.predicting.scoring import score
from yt8m.scoring import classes


@pytest.fixture(autouse=True)
def _draw_no_classes(monkeypatch):
    """tests/scoring/test_class_report.py looks at the picture; here it need only be there."""
    monkeypatch.setattr(classes, "plot", lambda rows, path: path.write_bytes(b"picture"))


def read(directory):
    """The rows of `classes.csv` as (index, name, average precision or None, positives, negatives or None)."""
    assert sorted(path.name for path in directory.iterdir()) == ["classes.csv", "classes.png"]
    with (directory / "classes.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == list(classes.COLUMNS.values())
    kinds = (int, str, float, int, int)
    return [tuple(kind(text) if text else None for kind, text in zip(kinds, row, strict=True)) for row in rows]


def labels_by_class(data, num_classes=12):
    """Positive and negative labels of every class, counted a record at a time."""
    counts = np.zeros((2, num_classes), int)
    for batch in package.read_records(data, num_classes=num_classes):
        scores = batch["label_scores"].numpy() if "label_scores" in batch else np.ones(batch["labels"].shape)
        for class_id, score_of_label in zip(batch["labels"].numpy().ravel(), scores.ravel(), strict=True):
            if class_id >= 0:
                counts[int(score_of_label == 0), class_id] += 1
    return counts.tolist()


@pytest.mark.slow
def test_both_commands_report_the_classes_of_videos(yt8m, tiny_run, sample, tmp_path):
    data, out = sample / "2/frame/validate", tmp_path / "validate.csv"
    evaluated = yt8m("evaluate", "--run", tiny_run, "--data", data, "--classes", tmp_path / "evaluated", "--json")
    assert set(evaluated.json) == {"gap", "map", "hit_at_1", "perr", "loss", "num_videos", "videos_per_second"}
    rows = read(tmp_path / "evaluated")
    positives, _ = labels_by_class(data)
    assert {row[0]: row[3] for row in rows} == {index: count for index, count in enumerate(positives) if count}
    assert all(row[1] == ("Class 5" if row[0] == 5 else f"Class {row[0]}") for row in rows)
    assert {row[4] for row in rows} == {None}
    assert rows == sorted(rows, key=lambda row: (-row[2], row[0]))
    assert np.mean([row[2] for row in rows]) == pytest.approx(evaluated.json["map"], abs=1e-12)

    assert yt8m("predict", "--run", tiny_run, "--data", data, "--out", out).status == 0
    shown = yt8m("score", out, "--data", data, "--classes", tmp_path / "scored")
    assert (shown.status, shown.err) == (0, "")
    scored = read(tmp_path / "scored")
    assert {row[0]: row[3] for row in scored} == {row[0]: row[3] for row in rows}
    lines = shown.out.splitlines()
    assert lines[0].split()[0] == "gap"
    start = lines.index("best classes       AP  positives")
    best = [f"{name:<13}  {precision:.4f}  {count:>9}" for _, name, precision, count, _ in scored]
    assert lines[start + 1 : start + 6] == best[:5]
    assert lines[start + 6 : start + 8] == ["", "worst classes      AP  positives"]
    assert lines[start + 8 :] == best[5:][:-6:-1]


@pytest.mark.slow
def test_both_commands_report_the_classes_of_segments(yt8m, tiny_run, sample, tmp_path):
    data, out = sample / "3/frame/validate", tmp_path / "segments.csv"
    shown = yt8m("evaluate", "--run", tiny_run, "--data", data, "--classes", tmp_path / "evaluated")
    assert "best classes" in shown.out
    directory = tmp_path / "evaluated"
    assert f"written  {directory}/classes.csv, {directory}/classes.png" in shown.err
    rows = read(tmp_path / "evaluated")
    positives, negatives = labels_by_class(data)
    counts = enumerate(zip(positives, negatives, strict=True))
    assert {row[0]: row[3:] for row in rows} == {index: pair for index, pair in counts if any(pair)}
    assert all((row[2] is None) == (row[3] == 0) for row in rows)

    assert yt8m("predict", "--run", tiny_run, "--data", data, "--out", out).status == 0
    scored = yt8m("score", out, "--data", data, "--classes", tmp_path / "scored", "--json")
    assert set(scored.json) == {
        *("segment_map", "segment_map_submitted", "num_segments", "num_videos", "videos_per_second")
    }
    precisions = [row[2] for row in read(tmp_path / "scored") if row[2] is not None]
    assert np.mean(precisions) == pytest.approx(scored.json["segment_map"], abs=1e-12)
    assert {row[0]: row[3:] for row in read(tmp_path / "scored")} == {row[0]: row[3:] for row in rows}


@pytest.mark.slow
def test_from_python(tiny_run, sample, tmp_path):
    data = str(sample / "2/frame/validate")
    (tmp_path / "names.csv").write_text("Index,Name\n0,Null\n")
    named = {"vocabulary": tmp_path / "names.csv", "per_class": True}
    metrics, table = package.evaluate(tiny_run, data, classes=tmp_path / "out", **named)
    assert "classes" not in metrics
    assert dict(zip(table["class_id"], table["name"], strict=True)) == {
        class_id: "Null" if class_id == 0 else f"Class {class_id}" for class_id in table["class_id"]
    }
    assert table["class_id"].tolist() == [row[0] for row in read(tmp_path / "out")]
    submission = tmp_path / "out.csv"
    package.predict(tiny_run, data, submission)
    _, scored = score(submission, data, classes=tmp_path / "scored", **named)
    assert scored["class_id"].tolist() == [row[0] for row in read(tmp_path / "scored")]
    assert set(zip(scored["class_id"], scored["name"], strict=True)) == set(
        zip(table["class_id"], table["name"], strict=True)
    )


def submission_of(tmp_path):
    path = tmp_path / "submission.csv"
    path.write_text("VideoId,LabelConfidencePairs\nabcd,3 0.5\n")  # a video that the sample lacks: scoring would say so
    return path


@pytest.mark.parametrize("command", ["evaluate", "score"])
def test_what_is_wrong_is_said_before_the_work(command, yt8m, tiny_run, sample, tmp_path, monkeypatch):
    monkeypatch.setattr("yt8m.scoring.evaluation.measure_source", lambda *_, **__: pytest.fail("the work began"))
    data = sample / "2/frame/validate"
    first = ("--run", tiny_run) if command == "evaluate" else (submission_of(tmp_path),)
    (tmp_path / "file").touch()
    (tmp_path / "broken.csv").write_text("Index,Name\n1,A\n1,B\n")
    for flags, message in (
        (("--classes", tmp_path / "file"), f"{tmp_path}/file: cannot be made (File exists); choose another place"),
        (
            ("--classes", tmp_path / "out", "--vocabulary", tmp_path / "none.csv"),
            f"{tmp_path}/none.csv: cannot be read (No such file or directory); name a vocabulary.csv",
        ),
        (
            ("--classes", tmp_path / "out", "--vocabulary", tmp_path / "broken.csv"),
            f"{tmp_path}/broken.csv, line 3: class 1 comes a second time; mend the file, or name another with --vocabulary",
        ),
        (
            ("--vocabulary", sample / "vocabulary.csv"),
            "--vocabulary only names the classes of a report; give --classes DIR too",
        ),
    ):
        outcome = yt8m(command, *first, "--data", data, *flags)
        assert (outcome.status, outcome.out, outcome.err) == (2, "", f"yt8m: {message}\n")
    assert not (tmp_path / "out").exists()
