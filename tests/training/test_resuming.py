"""A run goes on, or says why it does not, and what it keeps is not lost."""

import dataclasses
import json
import shutil

import pytest
from small_runs import Watcher, configure, losses, rows

from yt8m.commands import reports
from yt8m.data import record_counts
from yt8m.errors import InputError
from yt8m.metrics import VideoMetrics
from yt8m.scoring.evaluation import Measured, evaluate
from yt8m.training import trainer
from yt8m.training.loop import train

SETTINGS = {"num_steps": 6, "validate_every_steps": 2, "checkpoint_every_steps": 6}


def configured(run, sample, **changes):
    return configure(run, sample, validate=True, **SETTINGS | changes)


def longer(config, num_steps):
    return dataclasses.replace(config, training=dataclasses.replace(config.training, num_steps=num_steps))


@pytest.fixture(scope="module")
def trained(sample, tmp_path_factory):
    """A finished run."""
    run = tmp_path_factory.mktemp("runs") / "run"
    train(configured(run, sample))
    return run


@pytest.fixture
def copied(trained, sample, tmp_path):
    """A copy of the finished run, and its configuration."""
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run", configured(tmp_path / "run", sample)


def kept(run):
    """What a run has learned and measured, byte for byte."""
    names = ("metrics.jsonl", "best/model.weights.h5", "best/metrics.json")
    return [(run / name).read_bytes() for name in names]


@pytest.mark.thorough
def test_without_its_checkpoints_a_run_is_not_begun_anew(copied):
    run, config = copied
    shutil.rmtree(run / "checkpoints")
    before = kept(run)
    for again in (config, longer(config, 8)):
        with pytest.raises(
            InputError, match=r"checkpoints/ is gone.*--training\.initial-run .*run and another --run, or delete"
        ):
            train(again)
        assert kept(run) == before
    other = configured(run.with_name("other"), config.data.train[0].split("/2/")[0], initial_run=str(run), num_steps=1)
    assert train(other).step == 1, "the way out leads out"


@pytest.mark.thorough
def test_without_its_best_weights_a_run_keeps_the_newest(copied):
    run, config = copied
    shutil.rmtree(run / "best")
    watcher = Watcher()
    result = train(config, watcher)
    assert "the best weights are gone; those of step 6, the newest, take their place" in watcher.messages[0]
    assert result.best_metrics["step"] == 6
    assert [row["step"] for row in rows(run, "validation")] == [2, 4, 6]
    assert evaluate(run)["gap"] == result.best_metrics["gap"] == rows(run, "validation")[-1]["gap"]
    assert train(longer(config, 8)).step == 8


def test_without_validation_the_last_weights_are_kept_again(sample, tmp_path):
    config = configure(tmp_path / "run", sample, num_steps=2)
    train(config)
    before = (tmp_path / "run" / "best" / "model.weights.h5").read_bytes()
    shutil.rmtree(tmp_path / "run" / "best")
    watcher = Watcher()
    train(config, watcher)
    assert "the best weights are gone" in watcher.messages[0]
    assert (tmp_path / "run" / "best" / "model.weights.h5").read_bytes() == before


class Killed(Watcher):
    """Ends the process, as it were, after a step."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def steps_done(self, step, loss, videos_per_second):
        if step == self.after:
            raise KeyboardInterrupt


@pytest.mark.thorough
def test_a_run_killed_before_its_first_checkpoint_begins_anew_and_says_so(trained, sample, tmp_path):
    config = configured(tmp_path / "run", sample, validate_every_steps=0)
    with pytest.raises(KeyboardInterrupt):
        train(config, Killed(3))
    watcher = Watcher()
    assert train(config, watcher).first_step == 0
    assert "has metrics up to step 2 and no checkpoint; it begins anew" in watcher.messages[0]
    assert losses(tmp_path / "run") == losses(trained)


@pytest.mark.thorough
def test_best_weights_always_have_a_checkpoint(trained, sample, tmp_path):
    """Killed right after the first validation, long before a checkpoint is due."""

    class AtTheFirst(Watcher):
        def validated(self, step, metrics, is_best):
            raise KeyboardInterrupt

    config = configured(tmp_path / "run", sample)
    with pytest.raises(KeyboardInterrupt):
        train(config, AtTheFirst())
    watcher = Watcher()
    assert train(config, watcher).first_step == 2
    assert watcher.validations[0][0] == 2, "it is repeated"
    assert losses(tmp_path / "run") == losses(trained)
    assert kept(tmp_path / "run")[1] == kept(trained)[1]


@pytest.mark.thorough
def test_better_weights_of_steps_done_again_are_kept(sample, tmp_path, monkeypatch):
    """A machine whose rounding differs may not find them again."""
    config = configured(tmp_path / "run", sample)
    monkeypatch.setattr(
        trainer, "measure_source", lambda *_, **__: Measured({"gap": next(gaps)}, VideoMetrics(12), None)
    )
    gaps = iter([0.2, 0.5])
    with pytest.raises(KeyboardInterrupt):
        train(config, Killed(5))
    best = (tmp_path / "run" / "best" / "model.weights.h5").read_bytes()
    gaps, watcher = iter([0.2, 0.4, 0.3]), Watcher()
    result = train(config, watcher)
    assert "the best weights are of step 4, after the newest checkpoint, of step 2; they stay" in watcher.messages[0]
    assert watcher.validations == [(2, 0.2, False), (4, 0.4, False), (6, 0.3, False)]
    assert result.best_metrics == {"step": 4, "gap": 0.5}
    assert (tmp_path / "run" / "best" / "model.weights.h5").read_bytes() == best


@pytest.mark.thorough
def test_the_seconds_of_a_start_are_told_with_its_steps(copied):
    run, config = copied
    result = train(config)
    assert (result.step, result.first_step) == (6, 6)
    assert reports.trained(result).startswith(f"{run}: 6 steps, all done before; best validation at step")
    result = dataclasses.replace(train(longer(config, 8)), seconds=3.0)
    assert reports.trained(result).startswith(f"{run}: 8 steps, 2 of them now, in 3 s; ")
    whole = dataclasses.replace(result, first_step=0)
    assert reports.trained(whole).startswith(f"{run}: 8 steps in 3 s; ")
    stored = json.loads((run / "best" / "metrics.json").read_text())
    assert stored["step"] == result.best_metrics["step"]


@pytest.mark.thorough
def test_a_run_keeps_the_numbers_of_its_records_and_counts_nothing_when_it_goes_on(sample, tmp_path, monkeypatch):
    """Eight steps of eight videos are an epoch, after which both files have been read to their ends."""
    whole, halves = (
        configure(tmp_path / name, sample, "frame_logistic", data={"num_frames": 3}, num_steps=11) for name in "wh"
    )
    train(whole)
    watcher = Watcher(stop_after=9)
    train(halves, watcher, watcher.stop_requested)
    index = json.loads((tmp_path / "h" / "record_counts.json").read_text())
    files = sorted((sample / "2" / "frame" / "train").glob("*.tfrecord"))
    assert [(row[0], row[1]) for row in index["files"]] == [(str(file), file.stat().st_size) for file in files]
    assert sum(row[3] for row in index["files"]) == 64
    monkeypatch.setattr(record_counts.RecordCounts, "_count", lambda *_: pytest.fail("a file is counted"))
    assert train(halves).step == 11
    assert losses(tmp_path / "h") == losses(tmp_path / "w")
