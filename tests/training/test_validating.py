"""Validation on a part of the videos, and at intervals in epochs and minutes."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
from small_runs import Watcher, configure, rows

import yt8m
from yt8m.commands.configuring import configure as of_command_line
from yt8m.config import TrainingConfig
from yt8m.errors import InputError
from yt8m.recipes import make_config
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


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ({"steps": 5, "epochs": 1.0}, ("steps", "epochs")),
        ({"steps": 5, "minutes": 1.0}, ("steps", "minutes")),
        ({"epochs": 1.0, "minutes": 1.0}, ("epochs", "minutes")),
        ({"steps": 5, "epochs": 1.0, "minutes": 1.0}, ("steps", "epochs")),
    ],
)
def test_intervals_exclude_each_other(fields, flags):
    one, other = (f"--training.validate-every-{way}" for way in flags)
    with pytest.raises(InputError, match=f"^{re.escape(f'{one} and {other} exclude each other; leave one out')}$"):
        TrainingConfig(**{f"validate_every_{way}": value for way, value in fields.items()})


def test_minutes_take_the_place_of_other_intervals():
    in_epochs = TrainingConfig(num_epochs=2.0, validate_every_epochs=1.0, batch_size=10).counted(100)
    assert (in_epochs.num_steps, in_epochs.validate_every_steps) == (20, 10)
    in_minutes = in_epochs.in_place_of(validate_every_minutes=30.0).counted(100)
    intervals = (in_minutes.validate_every_steps, in_minutes.validate_every_epochs, in_minutes.validate_every_minutes)
    assert (in_minutes.num_steps, *intervals) == (20, 0, None, 30.0)
    # As a run keeps it.
    assert TrainingConfig(**json.loads(json.dumps(dataclasses.asdict(in_minutes)))) == in_minutes
    in_steps = in_minutes.in_place_of(validate_every_steps=7)
    assert (in_steps.validate_every_steps, in_steps.validate_every_minutes) == (7, None)


def test_minutes_on_the_command_line_take_the_place_of_the_recipe_s_epochs():
    training = of_command_line("train", ["moe", "--training.validate-every-minutes", "20"]).training
    assert make_config("moe").training.validate_every_epochs is not None
    assert (training.validate_every_epochs, training.validate_every_steps) == (None, 0)
    assert training.validate_every_minutes == 20.0
