"""Whole studies, with Optuna, SQLite and processes as they are, and stand-ins for the training."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import studies
from studies import RATES, Releasing, Watcher, task, use_stand_ins
from trial_stand_in import score_of

from yt8m import machine
from yt8m.cli import main
from yt8m.errors import InputError
from yt8m.tuning import jobs, processes, session, study, tuning
from yt8m.tuning.sharing import Sharing
from yt8m.tuning.tuning import tune


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch):
    use_stand_ins(monkeypatch.setattr)
    monkeypatch.setattr(tuning.report, "plot", lambda *arguments: None)


def rates_of(trials):
    return [trial.values["training.learning-rate"] for trial in trials]


def starts(directory, number):
    path = Path(directory) / "trials" / f"{number:04d}" / "starts"
    return [json.loads(line) for line in path.read_text().splitlines()]


def profile(input_milliseconds):
    """What `yt8m profile --json` says of a step of 39 ms, as far as it is read."""
    stages = {"input": {"milliseconds_a_step": input_milliseconds}, "loop": {"milliseconds_a_step": 39.0}}
    return {"stages": stages, "bound_by": "compute"}


def is_running(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.thorough
def test_every_trial_is_a_run_of_its_own_and_the_best_is_found(tmp_path):
    watcher = Watcher()
    tuned = tune(task(tmp_path / "study", 3, prune=False), watcher)
    assert [trial.state for trial in tuned.trials] == ["complete"] * 3
    for trial, rate in zip(tuned.trials, rates_of(tuned.trials), strict=True):
        assert trial.scores == pytest.approx({step: score_of(rate, step) for step in (5, 10)})
        assert [start["step"] for start in starts(tuned.directory, trial.number)] == [0]
    assert rates_of([tuned.best]) == [min(rates_of(tuned.trials))]
    assert watcher.ends == [0, 1, 2]
    assert f"--training.learning-rate {tuned.best.values['training.learning-rate']} " in tuned.command
    assert tuned.command.startswith("yt8m train logistic ")
    assert tuned.command.endswith("/study/best")


@pytest.mark.thorough
def test_trials_that_are_behind_the_median_are_pruned(tmp_path, monkeypatch):
    """All scores are in the order of the rates at every step, so it is known which are below the median of those before."""
    monkeypatch.setattr(study, "TRIALS_TO_COMPARE", 1)
    monkeypatch.setenv("HELD", "yes")
    # Those to prune have been told to stop before the watcher sees their first score.
    watcher = Releasing(tmp_path / "study", lambda watcher, running: all(trial.scores for trial in running))
    tuned = tune(task(tmp_path / "study", 4, num_steps=60), watcher)
    rates, hopeless = rates_of(tuned.trials), []
    for number in range(1, 4):
        others = sorted(-rate for rate in rates[:number])
        middle = len(others) // 2
        median = others[middle] if len(others) % 2 else (others[middle - 1] + others[middle]) / 2
        if -rates[number] < median:
            hopeless.append(number)
    assert hopeless
    assert [trial.number for trial in tuned.trials if trial.state == "pruned"] == hopeless
    for number in hopeless:
        assert max(tuned.trials[number].scores) < 60
        assert (tmp_path / "study/trials" / f"{number:04d}" / "checkpoint").exists()  # SIGTERM, which saves


@pytest.mark.thorough
def test_what_ends_a_trial_badly_does_not_end_the_study(tmp_path, monkeypatch):
    monkeypatch.setenv("ENDS", "crash kill well refuse nothing well")
    tuned = tune(task(tmp_path / "study", 6), Watcher())
    assert [(trial.state, trial.reason) for trial in tuned.trials] == [
        ("failed", "RuntimeError: a bug"),
        ("failed", "was ended by SIGKILL, as where memory runs out"),
        ("complete", ""),
        ("failed", "train.tfrecord, record 7: is broken"),
        ("failed", "validated nothing"),
        ("complete", ""),
    ]


def test_where_all_fail_the_study_stops_with_the_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("ENDS", "refuse refuse refuse well")
    with pytest.raises(
        InputError, match=r"the first 3 trials all failed, the last one: train\.tfrecord, record 7: is broken"
    ):
        tune(task(tmp_path / "study", 9), Watcher())
    assert len(list((tmp_path / "study/trials").glob("*.log"))) == 3


def test_a_study_of_failed_trials_alone_is_no_success(sample, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ENDS", "refuse well")
    (tmp_path / "space.json").write_text('{"training.learning-rate": [0.01, 0.02]}')
    study = ["tune", "logistic", "--data.root", str(sample), "--training.num-steps", "10", "--jobs", "1", "--verbose"]
    study += ["--space", str(tmp_path / "space.json"), "--run", str(tmp_path / "s")]
    with pytest.raises(SystemExit) as ended:
        main([*study, "--trials", "1"])
    assert ended.value.code == 2
    assert f"{tmp_path / 's'}: no trial succeeded; trials/ there has their logs" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main([*study, "--trials", "2"])
    assert ended.value.code == 0


def test_values_that_do_not_go_together_fail_without_a_process(tmp_path):
    impossible = task(tmp_path / "study", 9)
    impossible.dimensions.append(study.Dimension("training", "gradient_accumulation", choices=(3,)))
    with pytest.raises(InputError, match=r"cannot be cut into --training\.gradient-accumulation 3 equal pieces"):
        tune(impossible, Watcher())
    assert not list((tmp_path / "study/trials").iterdir())


@pytest.mark.thorough
def test_so_many_run_side_by_side(tmp_path, monkeypatch):
    monkeypatch.setenv("HELD", "yes")
    watcher = Releasing(tmp_path / "study", lambda watcher, running: watcher.most_running == 3)
    tuned = tune(task(tmp_path / "study", 3, num_steps=60, jobs=3, accelerators=("4", "7")), watcher)
    assert tuned.count("complete") == 3
    assert watcher.most_running == 3
    environments = [starts(tuned.directory, number)[0]["environment"] for number in range(3)]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in environments] == ["4", "7", "4"]
    assert {each["TF_FORCE_GPU_ALLOW_GROWTH"] for each in environments} == {"true"}


def test_trials_side_by_side_have_a_gpu_each_and_one_more_waits(tmp_path, monkeypatch):
    """On a machine with room for many more but for its GPUs. Worked by hand from how often each trial is looked at."""
    looks = [5, 2, 5, 1, 5, 5, 1]
    given, used = [], []

    class Process:
        """Scores at the first look, and ends at the last."""

        identity = (1, 0.0)

        def __init__(self, words, log, environment):
            self.gpu, self.run, self.left = environment["CUDA_VISIBLE_DEVICES"], Path(words[-1]), looks[len(given)]
            self.usage = processes.Usage(os.getpid())
            assert self.gpu not in used
            given.append(self.gpu)
            used.append(self.gpu)

        def poll(self):
            self.run.mkdir(exist_ok=True)
            (self.run / "metrics.jsonl").write_text(json.dumps({"kind": "validation", "step": 5, "gap": 0.5}) + "\n")
            self.left -= 1
            if not self.left:
                used.remove(self.gpu)
            return None if self.left else 0

    monkeypatch.setattr(session, "TrialProcess", Process)
    monkeypatch.setattr(processes, "SECONDS_BETWEEN_LOOKS", 0)
    monkeypatch.setattr(Sharing, "_profile", lambda sharing: profile(input_milliseconds=1))
    monkeypatch.setattr(machine, "count_cores", lambda: 64)
    monkeypatch.setattr(jobs, "count_free_bytes", lambda: 10**12)
    watcher = Watcher()
    tuned = tune(task(tmp_path / "study", 7, jobs="auto", accelerators=("0", "2", "5")), watcher)
    assert tuned.count("complete") == 7
    assert watcher.most_running == 3
    assert "takes one of 3 GPUs (room for 3)" in watcher.messages[-1]
    assert given == ["0", "2", "5", "2", "2", "0", "5"]


@pytest.mark.slow
def test_a_stop_lets_trials_save_and_the_next_session_goes_on_with_them(tmp_path, monkeypatch):
    directory = tmp_path / "study"
    monkeypatch.setenv("HELD", "yes")

    def stop():
        return len(list(directory.glob("trials/*/metrics.jsonl"))) >= 2

    tuned = tune(task(directory, 3, num_steps=200, jobs=2), Watcher(), stop)
    assert tuned.interrupted
    unfinished = [trial.number for trial in tuned.trials if trial.state == "running"]
    assert unfinished == [0, 1]
    monkeypatch.delenv("HELD")
    resumed = tune(task(directory, 3, num_steps=200, jobs=2), Watcher())
    assert not resumed.interrupted
    assert resumed.count("complete") == 3
    for number in unfinished:
        first, second = starts(directory, number)
        assert first["step"] == 0 < second["step"]
        rate = resumed.trials[number].values["training.learning-rate"]
        assert resumed.trials[number].scores == pytest.approx({step: score_of(rate, step) for step in range(5, 201, 5)})


@pytest.mark.thorough
def test_other_records_are_told_of_once(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "other_records", lambda trials, run: f"{trials.name}: {run.path.name} is other")
    watcher = Watcher()
    tune(task(tmp_path / "study", 2, jobs=1), watcher)
    assert [line for line in watcher.messages if "other" in line] == ["trials: 0000 is other"]


@pytest.mark.thorough
def test_a_study_that_was_killed_goes_on_with_the_trials_that_ran(tmp_path, monkeypatch):
    directory = tmp_path / "study"
    monkeypatch.setenv("HELD", "yes")
    program = [sys.executable, studies.__file__, str(directory), "3", "2"]
    with subprocess.Popen(program) as process:
        while len(list(directory.glob("trials/*/metrics.jsonl"))) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    orphans = [starts(directory, number)[0]["pid"] for number in range(2)]
    assert all(map(is_running, orphans))
    monkeypatch.delenv("HELD")
    watcher = Watcher()
    tuned = tune(task(directory, 3, jobs=2), watcher)
    assert not any(map(is_running, orphans))
    assert tuned.count("complete") == 3
    assert watcher.messages[0].endswith("going on after 0 of 3 trials, with 2 that were running")
    assert [len(starts(directory, number)) for number in range(3)] == [2, 2, 1]


def test_a_second_session_is_kept_out(tmp_path):
    class Second(Watcher):
        def trials_updated(self, trials, num_trials, num_steps):
            with pytest.raises(InputError, match="another yt8m tune works on it"):
                tune(task(tmp_path / "study", 2), Watcher())
            self.messages.append("refused")

    watcher = Second()
    tune(task(tmp_path / "study", 1), watcher)
    assert "refused" in watcher.messages


def test_another_configuration_space_or_seed_is_refused(tmp_path):
    tune(task(tmp_path / "study", 1), Watcher())
    for other, message in (
        (task(tmp_path / "study", 2, RATES[:2]), "differs in space;"),
        (task(tmp_path / "study", 2, seed=9), "differs in seed;"),
        (task(tmp_path / "study", 2, num_steps=30), r"differs in training\.num_steps;"),
    ):
        with pytest.raises(InputError, match=message):
            tune(other, Watcher())
    watcher = Watcher()
    tune(task(tmp_path / "study", 1), watcher)
    assert watcher.messages == [f"{tmp_path / 'study'}: 1 trial done, which is all; raise --trials to go on"]


def test_what_another_optuna_began_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(study.Study, "remark", "begun with another")
    watcher = Watcher()
    tuning.tune(task(tmp_path / "study", 1), watcher)
    assert watcher.messages[0] == "begun with another"


@pytest.mark.thorough
def test_a_study_is_not_begun_anew_over_its_trials(tmp_path):
    directory = tmp_path / "study"
    tuning.tune(task(directory, 1), Watcher())
    (directory / "study.db").unlink()
    before = sorted(directory.rglob("*"))
    with pytest.raises(InputError, match=r"study\.db is missing.*restore it, give another --run, or delete"):
        tuning.tune(task(directory, 2), Watcher())
    assert sorted(directory.rglob("*")) == before


def test_a_directory_with_other_things_and_a_broken_study_are_refused(tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(InputError, match="is a directory with other files"):
        tune(task(tmp_path, 1), Watcher())
    tune(task(tmp_path / "study", 1), Watcher())
    (tmp_path / "study/study.db").write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match=r"study\.db: cannot be used \(file is not a database\)"):
        tune(task(tmp_path / "study", 2), Watcher())


@pytest.mark.thorough
def test_auto_runs_the_first_trial_alone_and_then_as_many_as_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(Sharing, "_profile", lambda sharing: profile(input_milliseconds=10))
    monkeypatch.setattr(machine, "count_cores", lambda: 64)
    monkeypatch.setenv("HELD", "yes")
    watcher = Releasing(tmp_path / "study", lambda watcher, running: watcher.most_running == 3)
    tuned = tune(task(tmp_path / "study", 4, jobs="auto", num_steps=80), watcher)
    assert tuned.count("complete") == 4
    assert watcher.most_running == 3
    assert watcher.messages[-1].startswith("3 trials side by side: a trial keeps ")
    assert watcher.messages[-1].endswith("is bound by compute, and the input alone feeds 3 (room for 3)")
    assert "TF_NUM_INTRAOP_THREADS" not in starts(tuned.directory, 0)[0]["environment"].keys() - os.environ.keys()
    assert starts(tuned.directory, 1)[0]["environment"]["TF_NUM_INTRAOP_THREADS"] == "21"
