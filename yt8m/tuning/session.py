"""One session of a study: trials in parallel, each in its own process."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from yt8m import runs
from yt8m.errors import InputError, quantity
from yt8m.progress import Progress
from yt8m.recipes.command_line import train_command
from yt8m.runs import RunDirectory
from yt8m.tuning import processes
from yt8m.tuning.processes import TrialProcess, Usage, end_orphan
from yt8m.tuning.records import other_records
from yt8m.tuning.sharing import Sharing
from yt8m.tuning.space import with_values
from yt8m.tuning.study import State, Study, Trial
from yt8m.tuning.task import Task

_FAILURES_IN_A_ROW = 3
"""Failures at the start of a session after which it stops, because the trials are hardly to blame."""


@dataclass
class _Running:
    """A trial and its process."""

    trial: Trial
    process: TrialProcess
    run: RunDirectory
    slot: int
    """The number of its place among the parallel trials."""
    num_steps: int
    reported: set[int]
    pruned: bool = False


class Session:
    """One session of a study.

    Args:
        task: what to tune.
        study: has the trials of former sessions.
        progress: gets the progress and lines on events.
        stop_requested: whether to stop; called twice a second.
    """

    def __init__(self, task: Task, study: Study, progress: Progress, stop_requested: Callable[[], bool]):
        self._task, self._study, self._progress, self._stop_requested = task, study, progress, stop_requested
        self._directory = Path(task.config.run)
        self._running: list[_Running] = []
        self._to_resume: list[Trial] = []
        self._sharing = Sharing(task, progress, stop_requested)
        self._usage: Usage | None = None
        """The usage of the first trial that validated."""
        self._failures = 0
        self._told_of_records = False

    def run(self) -> bool:
        """Runs the trials. Returns whether it was stopped on request."""
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
            if not self._sharing.decide(left):
                return True
            return self._do_trials()
        finally:
            for running in self._running:
                running.process.kill()

    def _do_trials(self) -> bool:
        while not self._stop_requested():
            while len(self._running) < self._sharing.jobs and (following := self._next()):
                self._start(following)
            if not self._running:
                return False
            self._look()
            if self._usage is not None and not self._sharing.is_settled:
                self._sharing.settle(self._usage, len(self._running))
            self._show()
            time.sleep(processes.SECONDS_BETWEEN_LOOKS)
        for running in self._running:
            running.process.stop()
        while self._running:
            self._look(stopping=True)
            time.sleep(processes.SECONDS_BETWEEN_LOOKS)
        return True

    def _show(self) -> None:
        num_steps = self._task.num_steps(self._task.config)
        self._progress.trials_updated(self._study.trials(), self._task.num_trials, num_steps)

    def _next(self) -> Trial | None:
        """The next trial to start, from a former session or new; None if all are done or running."""
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
        slot = next(number for number in range(self._sharing.jobs) if number not in taken)
        process = TrialProcess(words, path.with_suffix(".log"), self._sharing.environment(slot))
        num_steps = self._task.num_steps(config)
        self._running.append(_Running(trial, process, RunDirectory(path), slot, num_steps, set(trial.scores)))
        self._study.started(trial.number, process.identity)

    def _look(self, stopping: bool = False) -> None:
        """Records new scores, and trials that ended."""
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
        self._progress.trial_ended(trial)
        self._failures = self._failures + 1 if state == "failed" else -sys.maxsize
        if self._failures == _FAILURES_IN_A_ROW:
            log = self._directory / "trials" / f"{number:04d}.log"
            raise InputError(f"the first {_FAILURES_IN_A_ROW} trials all failed, the last one: {reason} (see {log})")
