"""Validation on a part of the videos, and at intervals in epochs."""

import json
from pathlib import Path

import pytest
from small_runs import Watcher, configure, rows

import yt8m
from yt8m.errors import InputError
from yt8m.training.loop import train


@pytest.fixture(scope="module")
def trained(sample, tmp_path_factory):
    """A run whose best weights are not its last ones: the rate grows too large."""
    config = configure(
        tmp_path_factory.mktemp("validating") / "run",
        sample,
        validate=True,
        num_steps=None,
        num_epochs=2.0,
        validate_every_steps=None,
        validate_every_epochs=0.5,
        validation_videos=5,
        learning_rate=0.5,
        optimizer="sgd",
    )
    watcher = Watcher()
    return config, train(config, watcher), watcher


@pytest.mark.thorough
def test_intervals_in_epochs(trained):
    config, result, watcher = trained
    kept = json.loads((Path(config.run) / "config.json").read_text())["training"]
    every = kept["validate_every_steps"]
    assert every == -(-kept["num_records"] // 16)
    steps = [step for step, _, _ in watcher.validations]
    assert steps == sorted({*range(every, result.step + 1, every), result.step})


@pytest.mark.thorough
def test_validations_are_of_the_same_few_videos_and_the_end_of_all(trained, sample):
    config, result, watcher = trained
    assert {row["num_videos"] for row in rows(config.run, "validation")} == {5}
    evaluated = yt8m.evaluate(config.run)
    assert evaluated["num_videos"] > 5
    best = json.loads((Path(config.run) / "best/metrics.json").read_text())
    for key in ("gap", "map", "loss", "num_videos"):
        assert best[key] == pytest.approx(evaluated[key])
    assert result.best_metrics == best
    scores = {row["step"]: row["gap"] for row in rows(config.run, "validation")}
    assert scores[best["step"]] == max(scores.values())
    assert watcher.messages[-1].startswith(f"the best weights, of step {best['step']}, on all {best['num_videos']} ")


@pytest.mark.thorough
def test_a_stop_within_the_last_validation_is_made_up_for(sample, tmp_path, monkeypatch):
    from yt8m.training.course import Course

    config = configure(tmp_path / "run", sample, validate=True, num_steps=2, validation_videos=5)
    whole, stops = Course._validate_on_all, [True]

    def validate_on_all(course):
        if stops:
            raise stops.pop() and InputError("the disk is gone")
        whole(course)

    monkeypatch.setattr(Course, "_validate_on_all", validate_on_all)
    with pytest.raises(InputError, match="the disk is gone"):
        train(config)
    result = train(config)
    assert result.step == 2
    assert result.best_metrics["num_videos"] == yt8m.evaluate(config.run)["num_videos"]


def test_intervals_exclude_each_other(sample, tmp_path):
    with pytest.raises(
        InputError, match=r"--training\.validate-every-steps and --training\.validate-every-epochs exclude"
    ):
        configure(tmp_path / "run", sample, validate_every_epochs=1.0)
