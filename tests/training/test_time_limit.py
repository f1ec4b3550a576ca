"""`--training.max-hours`: training ends in time, with a validation and everything saved, and goes on afterwards."""

import contextlib
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from small_runs import Watcher, configure, losses, rows

from yt8m import runs
from yt8m.cli import main
from yt8m.distribution.devices import Stopped
from yt8m.runs.model import load_run
from yt8m.scoring.evaluation import measure_source
from yt8m.training import loop, time_limit, trainer
from yt8m.training.loop import train
from yt8m.training.time_limit import TimeLimit


class Clock:
    """A clock that runs only where a test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """The clock of the limit."""
    made = Clock()
    for module in (time_limit, loop):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=made))
    return made


def limited(seconds, clock, num_bytes=0, validation=None):
    limit = TimeLimit(seconds / 3600, clock.now)
    limit.assume(num_bytes, validation)
    return limit


def test_without_a_limit_the_time_is_never_over(clock):
    limit = TimeLimit(0.0, clock.now)
    clock.now += 1e9
    assert [limit.is_over, limit.is_over_for_validation, limit.wants_validation] == [False] * 3


def test_the_end_is_left_what_validation_saving_and_steps_took(clock):
    limit = limited(1000, clock)
    with limit.validating():
        clock.now += 100
    with limit.validating():
        clock.now += 80  # the longest counts
    with limit.saving():
        clock.now += 20
    with limit.stepping():
        clock.now += 2
    # 1000 less 1.25 times (100 + 20), the steps of another call, and 50 of margin
    clock.now = 1000.0 + 1000 - 150 - 2 - 50 - 0.01
    assert not limit.is_over
    clock.now += 0.02
    assert limit.is_over
    assert not limit.is_over_for_validation
    clock.now = 1000.0 + 1000 - 1.25 * 20 - 50 + 0.01
    assert limit.is_over_for_validation


def test_long_limits_have_a_margin_of_a_minute(clock):
    limit = limited(8.5 * 3600, clock, validation=0.0)
    clock.now += 8.5 * 3600 - 60.1
    assert not limit.is_over
    clock.now += 0.2
    assert limit.is_over


def test_a_validation_that_fails_is_not_measured(clock):
    limit = limited(1000, clock)
    with contextlib.suppress(Stopped), limit.validating():
        clock.now += 400
        raise Stopped
    assert limit.wants_validation
    assert not limit.is_over


def test_saving_is_estimated_from_bytes_and_validation_from_an_earlier_start(clock):
    limit = limited(1000, clock, num_bytes=5_000_000_000, validation=200.0)  # 100 s
    assert not limit.wants_validation
    clock.now += 1000 - 50 - 1.25 * 300 + 1
    assert limit.is_over


class Spending(Watcher):
    """Lets time pass with every step."""

    def __init__(self, clock, seconds):
        super().__init__()
        self._clock, self._seconds = clock, seconds

    def steps_done(self, step, loss, videos_per_second):
        super().steps_done(step, loss, videos_per_second)
        self._clock.now += self._seconds


@pytest.fixture
def slow_validation(clock, monkeypatch):
    """Validations take 100 seconds."""

    def measure(scorer, source, config, **options):
        clock.now += 100
        return measure_source(scorer, source, config, **options)

    monkeypatch.setattr(trainer, "measure_source", measure)


@pytest.mark.thorough
@pytest.mark.usefixtures("slow_validation")
def test_intervals_in_minutes_are_of_training_alone(sample, tmp_path, clock):
    """Steps of 30 seconds, of which the first is not told, and validations of 100: after 120 seconds a validation is due."""
    interval = {"validate_every_steps": None, "validate_every_minutes": 2.0, "log_every_steps": 1}
    config = configure(tmp_path / "run", sample, validate=True, num_steps=7, **interval)
    train(config, first := Spending(clock, 30))
    assert [step for step, _, _ in first.validations] == [5, 7]
    longer = dataclasses.replace(config, training=dataclasses.replace(config.training, num_steps=13))
    train(longer, second := Spending(clock, 30))  # which begins anew at step 7
    assert [step for step, _, _ in second.validations] == [12, 13]


def in_seconds(config, seconds):
    return dataclasses.replace(config, training=dataclasses.replace(config.training, max_hours=seconds / 3600))


@pytest.mark.thorough
@pytest.mark.usefixtures("slow_validation")
def test_training_ends_in_time_with_all_saved_and_goes_on(sample, tmp_path, clock):
    config = configure(tmp_path / "run", sample, validate=True, num_steps=40, checkpoint_every_steps=1000)
    started = clock.now
    result = train(in_seconds(config, 1000), watcher := Spending(clock, 30))
    assert (result.outcome, result.interrupted) == ("out of time", False)
    assert 700 < clock.now - started <= 1000
    assert 0 < result.step < 40
    # The first validation comes after a quarter of the time: it then is known how long one takes.
    first, last = (step for step, _, _ in watcher.validations)
    assert first < result.step == last
    kept = runs.best_metrics(tmp_path / "run")["step"]
    assert kept in (first, last)
    again = Spending(clock, 0)
    ended = train(config, again)
    assert again.first_step == result.step
    assert (ended.outcome, ended.step) == ("done", 40)
    straight = configure(tmp_path / "straight", sample, validate=True, num_steps=40)
    train(straight)
    np.testing.assert_array_equal(losses(tmp_path / "run"), losses(tmp_path / "straight"))


@pytest.mark.thorough
@pytest.mark.usefixtures("slow_validation")
def test_a_validation_that_takes_too_long_is_stopped_and_weights_are_kept(sample, tmp_path, clock):
    config = configure(tmp_path / "run", sample, validate=True, num_steps=40)
    started = clock.now
    result = train(in_seconds(config, 95), Spending(clock, 20))
    assert (result.outcome, result.best_metrics) == ("out of time", None)
    assert clock.now - started < 95 + 100
    assert rows(tmp_path / "run", "validation") == []
    load_run(tmp_path / "run")
    again = train(dataclasses.replace(config, training=dataclasses.replace(config.training, num_steps=result.step)))
    assert (again.outcome, again.first_step) == ("done", result.step)
    assert [row["step"] for row in rows(tmp_path / "run", "validation")] == [result.step], "it was left to this start"


@pytest.mark.thorough
def test_without_validation_records_the_last_weights_are_kept(sample, tmp_path, clock):
    config = configure(tmp_path / "run", sample, num_steps=40)
    result = train(in_seconds(config, 100), Spending(clock, 30))
    assert result.outcome == "out of time"
    assert result.step < 40
    load_run(tmp_path / "run")


def test_the_command_says_so_by_its_status_and_a_line(sample, tmp_path, capfd):
    words = ["train", "moe", "--data.train", str(sample / "2/video/train"), "--data.features", "audio"]
    words += ["--data.num-classes", "12", "--training.num-steps", "100000", "--training.max-hours", "0.0000001"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--run", str(tmp_path / "run"), "--verbose"])  # which leaves file descriptor 2 alone
    assert ended.value.code == 3
    said = capfd.readouterr().err
    assert "out of time (--training.max-hours 1e-07) at step 1 of 100,000; all is saved in" in said
    assert "the same command goes on" in said
