"""`yt8m tune` and `yt8m split` as they are typed; the slow test kills one amid real trainings."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tensorflow as tf
from conftest import SHORT

from yt8m.data import survey
from yt8m.machine import count_cores
from yt8m.tuning import study, tuning
from yt8m.tuning.jobs import list_accelerators
from yt8m.tuning.space import Dimension
from yt8m.tuning.study import Trial
from yt8m.tuning.task import Tuned

SPACE = {"training.learning-rate": {"low": 0.001, "high": 0.1, "log": True}, "training.clip-norm": [0.5, 1]}


NEW = ["--space", "space.json", "--run", "new"]


@pytest.fixture
def space(tmp_path):
    path = tmp_path / "space.json"
    path.write_text(json.dumps(SPACE))
    return path


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--space FILE is missing: a JSON file with the flags to search over"),
        (["--space", "none.json"], "none.json: cannot be read (No such file or directory)"),
        (["--space", "space.json", "--trials", "0"], "--trials is 0; it must be at least 1"),
        (["--space", "space.json", "--jobs", "many"], "--jobs"),
        (NEW, "no training records; name them with --data.train PATH"),
        (
            ["--data.train", "SAMPLE/2/video/train", "--data.num-classes", "12", *NEW],
            "no validation records, by which",
        ),
        (["--space", "space.json", "--data.root", "SAMPLE"], "no run directory; name one with --run DIR"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_made(yt8m, sample, space, tmp_path, monkeypatch, flags, message):
    monkeypatch.chdir(tmp_path)
    outcome = yt8m("tune", "logistic", *(flag.replace("SAMPLE", str(sample)) for flag in flags))
    assert outcome.status == 2
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["space.json"]


@pytest.mark.parametrize("switches", [[], ["--quiet"], ["--quiet", "--json"]])
def test_a_stopped_study_says_so_also_when_quiet(yt8m, sample, space, tmp_path, monkeypatch, switches):
    def stopped(task, progress, stop_requested):
        progress.message("a remark")
        trials = [Trial(0, "complete", {"training.clip-norm": 1.0}, {5: 0.5}), Trial(1, "running", {}, {})]
        return Tuned(task.config.run, task.metric, trials, True, trials[0], "yt8m train ...", "report.png")

    monkeypatch.setattr(tuning, "tune", stopped)
    flags = ["--data.root", sample, "--data.num-classes", "12", "--space", space, "--trials", "3"]
    outcome = yt8m("tune", "logistic", *flags, "--run", tmp_path / "study", *switches)
    assert outcome.status == 2
    last = "stopped when 1 of 3 trials had ended; the same command goes on with the others"
    assert outcome.err.splitlines() == ([last] if switches else ["a remark", last])
    assert "yt8m train ..." in outcome.out


def test_the_memory_of_gpus_is_left_to_the_trials(yt8m, sample, space, tmp_path, monkeypatch):
    """TensorFlow takes all of it as soon as it reads a record, unless the GPUs are hidden from it before."""
    done = []
    look = survey._survey
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["one", "another"])
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda devices, kind: done.append((devices, kind)))
    monkeypatch.setattr(survey, "_survey", lambda *arguments: done.append("reads") or look(*arguments))
    monkeypatch.setattr(tuning, "tune", lambda task, *arguments: done.append(task.accelerators) or sys.exit(0))
    flags = ["--data.root", sample, "--data.num-classes", "12", "--space", space]
    yt8m("tune", "logistic", *flags, "--run", tmp_path / "study")
    assert done[0] == ([], "GPU")
    assert set(done[1:-1]) == {"reads"}
    assert done[-1] == ("0", "1")


@pytest.mark.thorough
def test_the_parts_of_a_split_are_trained_on_as_a_data_set(yt8m, sample, tmp_path):
    outcome = yt8m(
        "split", sample / "2/video/train", "--parts", "train=.75,validate=.25", "--out", tmp_path / "mine", "--json"
    )
    assert outcome.json["parts"] == {"train": 48, "validate": 16}
    assert yt8m("inspect", tmp_path / "mine/validate", "--json").json["num_records"] == 16
    run = tmp_path / "run"
    assert yt8m("train", "logistic", "--data.root", tmp_path / "mine", "--run", run, *SHORT).status == 0
    assert yt8m("evaluate", "--run", run, "--json").json["num_videos"] == 16


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--parts", "a=.5,b=.6"], "--parts are 1.1 in all; the shares must sum to 1"),
        (["--parts", "a=.5,b=.5", "--as", "files"], "--as"),
        ([], "--parts NAME=SHARE,... is missing"),
    ],
)
def test_mistakes_in_a_split_are_one_line(yt8m, sample, tmp_path, flags, message):
    outcome = yt8m("split", sample / "2/video/train", "--out", tmp_path / "new", *flags)
    assert outcome.status == 2
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.usefixtures("_preloaded")
def test_real_trials_go_on_after_a_kill(sample, space, tmp_path):
    flags = [
        "--data.root",
        str(sample),
        "--space",
        str(space),
        "--trials",
        "1",
        "--jobs",
        "1",
        "--run",
        str(tmp_path / "study"),
    ]
    short = dict(zip(SHORT[::2], SHORT[1::2], strict=True)) | {
        "--training.num-steps": "200",
        "--training.validate-every-steps": "40",
    }
    flags += [word for pair in short.items() for word in pair]
    command = [sys.executable, "-m", "yt8m", "tune", "logistic", *flags]
    trials = tmp_path / "study/trials"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not list(trials.glob("*/metrics.jsonl")):
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    result = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert "going on after 0 of 1 trial, with 1 that were running" in result.stderr
    found = json.loads(result.stdout)
    assert [trial["state"] for trial in found["trials"]] == ["complete"]
    for trial in found["trials"]:
        best = json.loads((trials / f"{trial['number']:04d}" / "best/metrics.json").read_text())
        assert best["gap"] == trial["score"]
    assert (tmp_path / "study/report.png").stat().st_size > 10_000
    assert os.path.dirname(found["report"]) == str(tmp_path / "study")


@pytest.mark.slow
@pytest.mark.usefixtures("_preloaded")
def test_a_real_trial_that_learns_nothing_is_pruned_and_the_jobs_are_measured(yt8m, sample, tmp_path, monkeypatch):
    """Nothing of the measurement is replaced. The good trial comes first and has small batches, to be complete in time."""
    if 1 in (count_cores(), len(list_accelerators("auto"))):
        pytest.skip("one core or one GPU, so nothing is measured")
    monkeypatch.setattr(study, "TRIALS_TO_COMPARE", 1)
    monkeypatch.setattr(tuning.report, "plot", lambda *arguments: None)
    names = ["training.learning-rate", "training.batch-size"]
    good, bad, num_steps = [0.05, 16], [1e-9, 1024], 100
    space = {name: list(choices) for name, choices in zip(names, zip(good, bad, strict=True), strict=True)}
    path, directory = tmp_path / "space.json", tmp_path / "study"
    path.write_text(json.dumps(space))
    flags = ["--data.root", sample, "--data.num-classes", 12, "--space", path, "--trials", 2, "--jobs", "auto"]
    flags += ["--seed", seed_of([good, bad]), "--training.batch-size", 16]  # of what is profiled
    flags += ["--training.num-steps", num_steps, "--training.validate-every-steps", 10]
    outcome = yt8m("tune", "logistic", *flags, "--run", directory, "--json")
    assert outcome.status == 0

    first, second = outcome.json["trials"]
    assert [list(trial["values"].values()) for trial in (first, second)] == [good, bad]
    assert [(trial["state"], trial["reason"]) for trial in (first, second)] == [("complete", None), ("pruned", None)]
    assert outcome.json["best"] == 0
    gaps = [validations(directory / f"trials/{number:04d}") for number in range(2)]
    assert [max(gap.values()) for gap in gaps] == [first["score"], second["score"]]
    stopped = second["step"]
    assert max(gap for step, gap in gaps[1].items() if step <= stopped) < gaps[0][stopped]
    assert last_checkpoint(directory / "trials/0000") == max(gaps[0]) == num_steps
    assert stopped <= last_checkpoint(directory / "trials/0001") < num_steps
    assert f"trial 1 pruned at step {stopped}, GAP {second['score']:.4f} " in outcome.err

    reason = re.search(r"^(\d+) trials? side by side: a trial keeps .*$", outcome.err, re.MULTILINE)
    rooms = [int(number) for number in re.findall(r"\(room for (\d+)\)", reason[0])]
    assert len(rooms) == 3 + bool(list_accelerators("auto"))
    assert int(reason[1]) == min(rooms)
    assert 1 <= int(reason[1]) <= count_cores()


def seed_of(trials):
    """A seed with which trials have these learning rates and batches."""
    rates, batches = (tuple(choices) for choices in zip(*trials, strict=True))
    dimensions = [
        Dimension("training", "learning_rate", choices=rates),
        Dimension("training", "batch_size", choices=batches),
    ]
    for seed in range(200):
        with study.Study(Path(":memory:"), dimensions, seed) as tried:
            if all(list(tried.ask().values.values()) == trial for trial in trials):
                return seed
    raise AssertionError("no such seed")


def validations(run):
    """GAP by step."""
    rows = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return {row["step"]: row["gap"] for row in rows if row["kind"] == "validation"}


def last_checkpoint(run):
    return max(int(path.stem.partition("-")[2]) for path in (run / "checkpoints").glob("ckpt-*.index"))
