"""From records to a leaderboard CSV, through the commands."""

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from yt8m import predict, read_records

EVALUATION_KEYS = {"gap", "map", "hit_at_1", "perr", "loss", "num_videos", "videos_per_second"}
EXTENSIBLE = ("--training.schedule", "constant")
"""A rate that ends at 0 has an end, so such a run is not made longer."""
SEGMENT_KEYS = {"segment_map", "segment_map_submitted", "num_segments", "num_videos", "loss", "videos_per_second"}


def test_the_run_directory_has_all_that_the_next_command_needs(tiny_run):
    names = {path.name for path in tiny_run.iterdir()}
    assert names == {
        *("config.json", "environment.json", "records.json", "record_counts.json", "metrics.jsonl", "tensorboard"),
        *("checkpoints", "best", "curves.png", "log.txt", "starts.jsonl"),
    }
    rows = [json.loads(line) for line in (tiny_run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if row["kind"] == "train"] == [2, 4, 6, 8, 10, 12]
    assert [row["step"] for row in rows if row["kind"] == "validation"] == [6, 12]
    assert (tiny_run / "curves.png").read_bytes().startswith(b"\x89PNG")
    environment = json.loads((tiny_run / "environment.json").read_text())
    assert environment["versions"]["tensorflow"].startswith("2.")
    assert environment["devices"]


def test_evaluate_without_data_scores_the_runs_own_validation_split(yt8m, tiny_run):
    outcome = yt8m("evaluate", "--run", tiny_run, "--json")
    assert outcome.status == 0
    assert set(outcome.json) == EVALUATION_KEYS
    best = json.loads((tiny_run / "best" / "metrics.json").read_text())
    assert outcome.json["gap"] == pytest.approx(best["gap"], abs=1e-9)


@pytest.mark.slow
def test_the_score_of_a_written_submission_is_the_runs_evaluation(yt8m, tiny_run, sample, tmp_path):
    data, out = sample / "2/frame/validate", tmp_path / "validate.csv"
    assert yt8m("predict", "--run", tiny_run, "--data", data, "--out", out).status == 0
    scored = yt8m("score", out, "--data", data, "--num-classes", 12, "--json")
    evaluated = yt8m("evaluate", "--run", tiny_run, "--data", data, "--json")
    assert set(scored.json) == EVALUATION_KEYS - {"loss"}
    best = json.loads((tiny_run / "best" / "metrics.json").read_text())
    assert evaluated.json["gap"] == pytest.approx(best["gap"], abs=1e-9), "these are the run's own validation records"
    for key in EVALUATION_KEYS - {"loss", "videos_per_second"}:
        assert scored.json[key] == pytest.approx(evaluated.json[key], abs=1e-3), key


def test_predict_writes_every_test_video_once_and_validate_accepts_it(yt8m, tiny_run, sample, tmp_path):
    out = tmp_path / "test.csv"
    outcome = yt8m("predict", "--run", tiny_run, "--out", out, "--top-k", "5")
    assert outcome.status == 0
    report = yt8m("inspect", sample / "2/frame/test", "--json").json
    with out.open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["VideoId", "LabelConfidencePairs"]
    assert len({row[0] for row in rows[1:]}) == len(rows) - 1 == report["num_records"]
    assert all(len(row[1].split(" ")) == 10 for row in rows[1:])
    checked = yt8m("validate", out, "--num-classes", "12", "--json")
    expected = {
        "task": "video",
        "num_rows": len(rows) - 1,
        "num_entries": 5 * (len(rows) - 1),
        "errors": [],
        "remarks": [],
    }
    assert (checked.status, checked.json) == (0, expected)


def test_the_segment_task_from_records_to_score(yt8m, tiny_run, sample, tmp_path):
    data, out = sample / "3/frame/validate", tmp_path / "new" / "segments.csv"
    outcome = yt8m("predict", "--run", tiny_run, "--data", data, "--out", out)
    assert outcome.status == 0
    assert "segment task" in outcome.out
    classes = (sample / "segment_label_ids.csv").read_text().split()[1:]
    with out.open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["Class", "Segments"]
    assert [row[0] for row in rows[1:]] == classes
    assert len({len(row[1].split(" ")) for row in rows[1:]}) == 1  # every class ranks every segment
    checked = yt8m("validate", out, "--segment-classes", sample / "segment_label_ids.csv", "--json")
    assert (checked.status, checked.json["errors"], checked.json["remarks"]) == (0, [], [])
    scored = yt8m("score", out, "--data", data, "--num-classes", "12", "--json")
    evaluated = yt8m("evaluate", "--run", tiny_run, "--data", data, "--json")
    assert set(evaluated.json) == SEGMENT_KEYS
    assert scored.json["segment_map"] == pytest.approx(evaluated.json["segment_map"], abs=1e-3)
    assert set(scored.json) == SEGMENT_KEYS - {"loss"}
    for key in ("num_segments", "num_videos"):
        assert scored.json[key] == evaluated.json[key]
    assert evaluated.json["num_videos"] == 13 < evaluated.json["num_segments"]


@pytest.mark.slow
def test_the_segment_task_on_unrated_test_records(tiny_run, sample, tmp_path):
    out, data = tmp_path / "segments.csv", sample / "3/frame/test"
    prediction = predict(tiny_run, data, out, task="segment", max_segments=7)
    lengths = [length for batch in read_records(data, num_classes=12) for length in batch["num_frames"].numpy()]
    assert prediction.num_videos == len(lengths) == 13
    assert prediction.num_segments == sum(len(range(0, length, 5)) for length in lengths)
    assert (prediction.task, prediction.segment_classes) == ("segment", str(sample / "segment_label_ids.csv"))
    with out.open() as file:
        rows = list(csv.reader(file))[1:]
    assert {len(row[1].split(" ")) for row in rows} == {7}


@pytest.mark.slow
def test_a_finished_run_is_not_trained_again_and_can_be_extended(yt8m, sample, short_flags, tmp_path):
    train = ("train", "logistic", "--data.root", sample, "--run", tmp_path / "run", *short_flags, *EXTENSIBLE)
    assert yt8m(*train).status == 0
    before = (tmp_path / "run" / "metrics.jsonl").read_text()
    again = yt8m(*train)
    assert again.status == 0
    assert "nothing is left to train; raise --training.num-steps to go on" in again.err
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == before
    quiet = yt8m(*train, "--quiet")
    assert (quiet.status, quiet.err) == (0, "")
    assert [re.sub(r"in \d+ s", "", each.out) for each in (quiet, again)] == [re.sub(r"in \d+ s", "", again.out)] * 2
    longer = yt8m(*train, "--training.num-steps", "14")
    assert longer.status == 0
    assert "going on after step 12 of 14" in longer.err


@pytest.mark.slow
@pytest.mark.usefixtures("_preloaded")
def test_sigterm_saves_and_the_same_command_goes_on(yt8m, sample, short_flags, tmp_path):
    run = tmp_path / "run"
    train = ["train", "logistic", "--data.root", str(sample), "--run", str(run), *short_flags, *EXTENSIBLE]
    train += ["--training.validate-every-steps", "0", "--training.num-steps"]
    command = [sys.executable, "-m", "yt8m", *train, "1000000", "--quiet"]  # which leaves the last word in
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (run / "metrics.jsonl").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2, errors
    assert "the same command goes on from there" in errors
    assert len(errors.splitlines()) == 1
    stopped = int(errors.split("stopped at step ")[1].split(" ")[0])
    assert (run / "checkpoints" / f"ckpt-{stopped}.index").exists()
    assert not [name for name in os.listdir(run) if "tmp" in name]
    again = yt8m(*train, stopped + 2)
    assert again.status == 0
    assert f"going on after step {stopped} of {stopped + 2}" in again.err


ON_A_TERMINAL = """
import fcntl, runpy, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
runpy.run_module("yt8m", run_name="__main__")
"""
"""Python code that makes stdin the terminal of the session, and then is the command with the arguments that follow."""


@pytest.mark.slow
@pytest.mark.usefixtures("_preloaded")
def test_a_closed_terminal_saves_too(sample, short_flags, tmp_path):
    run = tmp_path / "run"
    flags = [*short_flags, "--training.validate-every-steps", "0", "--training.num-steps", "1000000"]
    ours, terminal = os.openpty()
    command = [
        sys.executable,
        "-c",
        ON_A_TERMINAL,
        "train",
        "logistic",
        "--data.root",
        str(sample),
        *flags,
    ]
    process = subprocess.Popen(
        [*command, "--run", str(run)], start_new_session=True, stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)
    deadline = time.monotonic() + 120
    while not (run / "metrics.jsonl").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
        os.set_blocking(ours, False)
        with contextlib.suppress(BlockingIOError):
            os.read(ours, 1 << 16)
    os.close(ours)
    assert process.wait(timeout=120) == 2
    assert list((run / "checkpoints").glob("ckpt-*.index"))


def test_submit_ends_with_five_lines(yt8m, sample, short_flags, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = yt8m("submit", "logistic", "--data.root", sample, "--run", "runs/mine", *short_flags)
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert [line.split()[0] for line in lines] == ["trained", "validated", "predicted", "kept", "next"]
    assert Path("submissions/mine.csv").exists()


@pytest.mark.slow
def test_the_main_job_on_real_records(yt8m, real_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = ("--training.num-steps", "30", "--training.batch-size", "64", "--training.validate-every-steps", "30")
    outcome = yt8m("submit", "logistic", "--data.root", real_data / "video_2018", "--run", "runs/real", *flags)
    assert outcome.status == 0, outcome.err
    config = json.loads(Path("runs/real/config.json").read_text())
    assert len(config["data"]["train"]) == 30
    assert [Path(path).name for path in config["data"]["validate"]] == [
        f"validate00{i}.tfrecord" for i in range(30, 36)
    ]
    assert json.loads(Path("runs/real/best/metrics.json").read_text())["gap"] > 0.3
    checked = yt8m("validate", "submissions/real.csv", "--json")
    assert checked.json == {"task": "video", "num_rows": 305, "num_entries": 6100, "errors": [], "remarks": []}


def test_real_frame_level_records_are_predicted(yt8m, real_data, tmp_path):
    data = real_data / "frame_2018"
    train = ("train", "frame_logistic", "--data.train", data, "--run", tmp_path / "run", "--training.batch-size", "2")
    outcome = yt8m(*train, "--training.num-steps", "2")
    assert outcome.status == 0, outcome.err
    assert yt8m("predict", "--run", tmp_path / "run", "--data", data, "--out", tmp_path / "out.csv").status == 0
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["fYdw", "SjJ3"]
