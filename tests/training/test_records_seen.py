"""A run that is gone on with says when its records are others now."""

import dataclasses
import os
import shutil
from pathlib import Path

import pytest
from small_runs import Watcher, configure

from yt8m.config import DistillConfig
from yt8m.files import read_json
from yt8m.progress import Messages
from yt8m.runs import RunDirectory
from yt8m.training.loop import train
from yt8m.training.records_seen import compare_files


@pytest.fixture
def data(sample, tmp_path) -> Path:
    return Path(shutil.copytree(sample / "2" / "video", tmp_path / "data" / "2" / "video")).parents[1]


@pytest.fixture
def config(data, tmp_path):
    """Of a run that has weights, and the records of its start noted."""
    made = configure(tmp_path / "run", data, validate=True)
    run = RunDirectory(Path(made.run))
    run.best_weights.parent.mkdir(parents=True)
    progress = Messages()
    compare_files(run, made, progress)
    assert progress.lines == [], "there is nothing to compare with"
    run.best_weights.touch()
    return made


def told(config) -> list[str]:
    lines = Messages()
    compare_files(RunDirectory(Path(config.run)), config, lines)
    return lines.lines


def test_changes_are_told_once(config, data):
    assert told(config) == []
    first, second = sorted((data / "2/video/train").iterdir())
    os.utime(first, ns=(0, 1))
    shutil.copy(second, second.with_name("train0009.tfrecord"))
    assert told(config) == [
        f"{config.run}: the training records changed since the last start ({second.with_name('train0009.tfrecord')} is new, "
        "and 1 more); the steps and scores before are of what was there then"
    ]
    assert told(config) == []
    next(iter((data / "2/video/validate").iterdir())).unlink()
    (line,) = told(config)
    assert line.startswith(f"{config.run}: the validation records changed since the last start (")
    assert ".tfrecord is gone); " in line


def test_the_index_of_folds_and_the_teacher_are_records_too(config, tmp_path):
    index, scores = tmp_path / "index.csv", tmp_path / "scores.csv"
    for path in (index, scores):
        path.write_text("one\n")
    folds = dataclasses.replace(config.data, fold=f"{index}:validate")
    config = dataclasses.replace(config, data=folds, distill=DistillConfig(teacher=str(scores)))
    assert told(config) == [], "of which nothing was noted before"
    index.write_text("another\n")
    scores.write_text("another\n")
    assert [line.split(" changed since")[0] for line in told(config)] == [
        f"{config.run}: the index of the folds",
        f"{config.run}: the teacher",
    ]


def test_what_was_noted_may_be_gone_or_damaged(config, data):
    run = RunDirectory(Path(config.run))
    os.utime(next(iter((data / "2/video/train").iterdir())), ns=(0, 1))
    for content in (None, "{"):
        run.records.unlink() if content is None else run.records.write_text(content)
        assert told(config) == []
        assert set(read_json(run.records)) == {"train", "validate"}


def test_a_run_goes_on_with_other_records_and_says_so(data, tmp_path):
    config = configure(tmp_path / "run", data, num_steps=2)
    watcher = Watcher()
    train(config, watcher)
    os.utime(data / "2/video/train/train0000.tfrecord", ns=(0, 1))
    longer = dataclasses.replace(config, training=dataclasses.replace(config.training, num_steps=3))
    again = Watcher()
    train(longer, again)
    assert not any("changed since" in line for line in watcher.messages)
    assert again.first_step == 2
    assert any("training records changed since the last start" in line for line in again.messages)
