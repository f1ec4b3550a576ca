"""The trials of a study, from the first to the report: `yt8m tune`.

==================  ====================================================================================================
``study.db``        Optuna's study, a SQLite file
``study.json``      the recipe's configuration, the space and the seed, by which a study is gone on with
``trials/0007/``    the run directory of a trial, and ``trials/0007.log``, what its process printed
``report.png``      scores, parallel coordinates and importances, at the end
==================  ====================================================================================================
"""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from yt8m import config as configuration
from yt8m import runs
from yt8m.config import RunConfig
from yt8m.errors import InputError, quantity
from yt8m.files import locked, make_directory, read_json, remove_empty, write_json
from yt8m.metrics.registry import find
from yt8m.runs import RunDirectory
from yt8m.tuning import jobs as side_by_side
from yt8m.tuning import report
from yt8m.tuning.command_line import flags_of, in_shell, train_command
from yt8m.tuning.jobs import Footprint, Machine
from yt8m.tuning.processes import TrialProcess, Usage, end_orphan, import_psutil
from yt8m.tuning.records import other_records
from yt8m.tuning.space import Dimension, with_values
from yt8m.tuning.study import State, Study, Trial

SECONDS_BETWEEN_LOOKS = 0.5
_FAILURES_IN_A_ROW = 3
"""At the start of a session, after which the fault is taken to be none of the trials'."""


class Progress(Protocol):
    """What is told to whoever watches a study."""

    def update(self, trials: Sequence[Trial], num_trials: int, num_steps: int) -> None:
        """How the trials stand, of so many in all; called now and then."""

    def ended(self, trial: Trial) -> None:
        """A trial ended."""

    def message(self, text: str) -> None:
        """Something the user should know."""


@dataclass(frozen=True)
class Task:
    """What is to be done."""

    config: RunConfig
    """Of the recipe with the user's flags; its `run` is the study's directory."""
    recipe: RunConfig
    """The recipe alone."""
    dimensions: Sequence[Dimension]
    metric: str
    """The key of the one by which trials are compared."""
    num_trials: int
    """In all, with those of former sessions."""
    jobs: int | Literal["auto"] = "auto"
    seed: int = 0
    prune: bool = True
    accelerators: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tuned:
    """How a session ended."""

    directory: str
    metric: str
    """Its key."""
    trials: list[Trial]
    interrupted: bool
    best: Trial | None
    command: str
    """That trains the best trial's configuration, as it is typed."""
    report: str
    """The picture; none where nothing was complete."""

    def count(self, state: State) -> int:
        """Trials in a state."""
        return sum(trial.state == state for trial in self.trials)


def tune(task: Task, progress: Progress, stop_requested: Callable[[], bool] = lambda: False) -> Tuned:
    """Does the trials that are missing, and draws the report.

    Args:
        task: what is to be done.
        progress: told what happens.
        stop_requested: asked twice a second; True lets the trials save and returns. The next session goes on with them.

    Raises:
        InputError: the directory holds another study or other things, another session works on it, the first trials all
            failed, the database or the disk fails.
    """
    import_psutil()
    with _opened(task) as study:
        if study.remark:
            progress.message(study.remark)
        session = _Session(task, study, progress, stop_requested)
        interrupted = session.run()
        trials = study.trials()
        best = max((each for each in trials if each.state == "complete"), key=lambda each: each.score, default=None)
        command = picture = ""
        if best:
            config = with_values(task.config, task.dimensions, best.values)
            words = train_command(config, task.recipe, str(Path(task.config.run) / "best"))
            command = in_shell(["yt8m", *words])
            picture = str(Path(task.config.run) / "report.png")
            report.plot(trials, task.dimensions, study.importances(), find(task.metric).title, Path(picture))
        return Tuned(task.config.run, task.metric, trials, interrupted, best, command, picture)


@contextlib.contextmanager
def _opened(task: Task) -> Iterator[Study]:
    """The study of a directory, which is made, or gone on with if it is of the same configuration and space."""
    directory = Path(task.config.run)
    description = directory / "study.json"
    if directory.is_dir() and any(directory.iterdir()) and not description.exists():
        raise InputError(f"{directory}: is a directory with other files; give an empty or new one as --run")
    made = make_directory(directory)
    try:
        with locked(directory, f"{directory}: another yt8m tune works on it; wait for it, or give another --run"):
            wanted = _describe(task)
            if description.exists():
                _check_same(directory, read_json(description), wanted)
                _require_database(directory)
            with Study(directory / "study.db", task.dimensions, task.seed) as study:
                write_json(description, wanted)
                make_directory(directory / "trials")
                yield study
    finally:
        remove_empty(made)


def _require_database(directory: Path) -> None:
    """Raises InputError where a study's trials are kept and what was known of them is gone."""
    trials = directory / "trials"
    if not (directory / "study.db").exists() and trials.is_dir() and any(trials.iterdir()):
        raise InputError(
            f"{directory}: study.db is gone, without which the study would begin anew over the {trials.name}/ that are kept; "
            f"restore it, give another --run, or delete {directory}"
        )


def _describe(task: Task) -> dict[str, Any]:
    config = configuration.to_dict(dataclasses.replace(task.config, run=""))
    space = {each.name: dataclasses.asdict(each) for each in task.dimensions}
    return json.loads(json.dumps({"config": config, "space": space, "seed": task.seed, "metric": task.metric}))


def _check_same(directory: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raises InputError, with what differs, for a study of another configuration, space or seed."""
    there, here = (runs.flatten(each["config"]) for each in (found, wanted))
    fixed = (there.keys() | here.keys()) - (runs.CHANGEABLE - {"training.num_steps"})
    different = [key for key in sorted(fixed) if there.get(key) != here.get(key)]
    different += [key for key in ("space", "seed", "metric") if found[key] != wanted[key]]
    if there.get("recipe") != here.get("recipe"):
        different = ["recipe"]
    if different:
        raise InputError(
            f"{directory}: holds a study that differs in {', '.join(different[:3])}"
            f"{f' and {len(different) - 3} more' if different[3:] else ''}; give another --run, or the same flags and space"
        )


@dataclass
class _Running:
    """A trial and its process."""

    trial: Trial
    process: TrialProcess
    run: RunDirectory
    slot: int
    """Which of the places beside each other it has."""
    num_steps: int
    reported: set[int]
    pruned: bool = False


class _Session:
    """One start of a study."""

    def __init__(self, task: Task, study: Study, progress: Progress, stop_requested: Callable[[], bool]):
        self._task, self._study, self._progress, self._stop_requested = task, study, progress, stop_requested
        self._directory = Path(task.config.run)
        self._running: list[_Running] = []
        self._to_resume: list[Trial] = []
        self._jobs = 1
        self._is_measured = True
        self._fed: tuple[int, str] | None = None
        self._usage: Usage | None = None
        """Of the first trial that validated."""
        self._failures = 0
        self._told_of_records = False

    def run(self) -> bool:
        """Does the trials; whether it was stopped on request."""
        trials = self._study.trials()
        unfinished = [each for each in trials if each.state == "running"]
        self._to_resume = [each for each in unfinished if len(each.values) == len(self._task.dimensions)]
        for each in unfinished:
            if each not in self._to_resume:
                self._study.end(each.number, "failed", "the session was killed while it was chosen")
        left = max(0, self._task.num_trials - len(trials)) + len(self._to_resume)
        if not left:
            self._progress.message(
                f"{self._directory}: {quantity(len(trials), 'trial')} done, which is all; raise --trials to go on"
            )
            return False
        if trials:
            num_ended = len(trials) - len(self._to_resume)
            again = f", with {len(self._to_resume)} that were running" if self._to_resume else ""
            self._progress.message(
                f"{self._directory}: going on after {num_ended} of {quantity(self._task.num_trials, 'trial')}{again}"
            )
        try:
            for each in self._to_resume:
                if each.process:
                    end_orphan(each.process)
            if not self._decide_jobs(left):
                return True
            return self._do_trials()
        finally:
            for running in self._running:
                running.process.kill()

    def _do_trials(self) -> bool:
        while not self._stop_requested():
            while len(self._running) < self._jobs and (following := self._next()):
                self._start(following)
            if not self._running:
                return False
            self._look()
            if not self._is_measured:
                self._measure()
            self._show()
            time.sleep(SECONDS_BETWEEN_LOOKS)
        for running in self._running:
            running.process.stop()
        while self._running:
            self._look(stopping=True)
            time.sleep(SECONDS_BETWEEN_LOOKS)
        return True

    def _show(self) -> None:
        self._progress.update(self._study.trials(), self._task.num_trials, self._task.config.training.num_steps)

    def _next(self) -> Trial | None:
        """A trial to start, one of a former session or a new one; None if all are done or running."""
        if self._to_resume:
            return self._to_resume.pop(0)
        if len(self._study.trials()) >= self._task.num_trials:
            return None
        return self._study.ask()

    def _start(self, trial: Trial) -> None:
        path = self._directory / "trials" / f"{trial.number:04d}"
        try:
            config = with_values(self._task.config, self._task.dimensions, trial.values)
        except InputError as error:
            self._end(trial.number, "failed", str(error))
            return
        words = train_command(config, self._task.recipe, str(path))
        taken = {running.slot for running in self._running}
        slot = next(number for number in range(self._jobs) if number not in taken)
        process = TrialProcess(words, path.with_suffix(".log"), self._environment(slot))
        num_steps = config.training.num_steps
        self._running.append(_Running(trial, process, RunDirectory(path), slot, num_steps, set(trial.scores)))
        self._study.started(trial.number, process.identity)

    def _environment(self, slot: int) -> dict[str, str]:
        """What a trial's process is told of its share of the machine."""
        told = {}
        if self._jobs > 1:
            threads = str(max(1, side_by_side.count_cores() // self._jobs))
            told |= {"TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": threads}
        accelerators = self._task.accelerators
        if accelerators and self._task.jobs != 1:  # one at a time may have all
            told["CUDA_VISIBLE_DEVICES"] = accelerators[slot % len(accelerators)]
            if self._jobs > len(accelerators):
                told["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        return told

    def _look(self, stopping: bool = False) -> None:
        """Takes note of new scores, and of trials that ended."""
        for running in list(self._running):
            status = running.process.poll()
            if status is None:
                running.process.usage.look(training=running.run.metrics.exists())
            self._report(running)
            if status is not None:
                self._running.remove(running)
                self._conclude(running, status, stopping)

    def _report(self, running: _Running) -> None:
        for row in runs.read_metrics(running.run):
            step = row["step"]
            if row["kind"] != "validation" or step in running.reported:
                continue
            running.reported.add(step)
            if self._usage is None:
                self._usage = running.process.usage
            hopeless = self._study.report(running.trial.number, step, row[self._task.metric])
            if hopeless and self._task.prune and step < running.num_steps and not running.pruned:
                running.pruned = True
                running.process.stop()

    def _conclude(self, running: _Running, status: int, stopping: bool) -> None:
        number = running.trial.number
        if not self._told_of_records and (other := other_records(self._directory / "trials", running.run)):
            self._told_of_records = True
            self._progress.message(other)
        if status == 0 and running.reported:
            self._end(number, "complete")
        elif running.pruned:
            self._end(number, "pruned")
        elif status == 0:
            self._end(number, "failed", "validated nothing")
        elif not stopping:
            self._end(number, "failed", running.process.reason())

    def _end(self, number: int, state: State, reason: str = "") -> None:
        self._study.end(number, state, reason)
        trial = self._study.trial(number)
        self._progress.ended(trial)
        self._failures = self._failures + 1 if state == "failed" else -sys.maxsize
        if self._failures == _FAILURES_IN_A_ROW:
            log = self._directory / "trials" / f"{number:04d}.log"
            raise InputError(f"the first {_FAILURES_IN_A_ROW} trials all failed, the last one: {reason} (see {log})")

    def _decide_jobs(self, left: int) -> bool:
        """Settles how many trials run side by side, or what is to be measured for that; False if stopped meanwhile."""
        task = self._task
        if task.jobs != "auto":
            self._jobs = min(task.jobs, left)
            return True
        alone = self._reason_for_one(left)
        if alone:
            self._progress.message(f"1 trial side by side: {alone}")
            return True
        self._is_measured = False
        self._progress.message("measuring what bounds a trial (yt8m profile)")
        found = self._profile()
        if found is None:
            return False
        stages = {name: stage["milliseconds_a_step"] for name, stage in found["stages"].items()}
        self._fed = side_by_side.trials_fed(stages["input"], stages["loop"]), found["bound_by"]
        return True

    def _reason_for_one(self, left: int) -> str:
        """Why there is nothing to measure; empty if there is."""
        strategy = self._task.config.distribute.strategy
        if left == 1:
            return "it is the last"
        if strategy not in ("auto", "one"):
            return f"--distribute.strategy {strategy} gives it all devices"
        if len(self._task.accelerators) == 1:
            return "it takes the GPU, and there is one"
        return "there is one core" if side_by_side.count_cores() == 1 else ""

    def _profile(self) -> dict[str, Any] | None:
        """What `yt8m profile` says of the recipe; None if stopped meanwhile."""
        flags = flags_of(self._task.config, self._task.recipe)
        words = [sys.executable, "-m", "yt8m", "profile", self._task.config.recipe, *flags, "--json"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environment = os.environ | self._environment(0)
        with subprocess.Popen(words, text=True, start_new_session=True, env=environment, **pipes) as process:
            try:
                while not self._stop_requested():
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        printed, errors = process.communicate(timeout=SECONDS_BETWEEN_LOOKS)
                        break
                else:
                    return None
            finally:
                process.kill()
        if process.returncode:
            raise InputError(errors.strip().splitlines()[-1].removeprefix("yt8m: "))
        return json.loads(printed)

    def _measure(self) -> None:
        """Settles how many run side by side once the first trial has validated."""
        if self._usage is None:
            return
        self._is_measured = True
        footprint = Footprint(self._usage.busy_cores, self._usage.peak_bytes, *(self._fed or ()))
        machine = Machine(side_by_side.count_cores(), side_by_side.count_free_bytes(), self._task.accelerators)
        self._jobs, reason = side_by_side.choose(machine, footprint, len(self._running))
        self._progress.message(reason)
