"""Shares the machine among trials: how many run in parallel, and which part each gets."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from yt8m import machine as this_machine
from yt8m.errors import InputError
from yt8m.progress import Progress
from yt8m.recipes.command_line import flags_of
from yt8m.tuning import jobs as side_by_side
from yt8m.tuning import processes
from yt8m.tuning.jobs import Footprint, Machine
from yt8m.tuning.processes import Usage
from yt8m.tuning.task import Task


class Sharing:
    """The number of parallel trials: as the user asked, or one until its needs are measured.

    Args:
        task: what to tune.
        progress: gets a line on each decision and its reason.
        stop_requested: whether to stop; called while `yt8m profile` runs.
    """

    def __init__(self, task: Task, progress: Progress, stop_requested: Callable[[], bool]):
        self._task, self._progress, self._stop_requested = task, progress, stop_requested
        self.jobs = 1
        self.is_settled = True
        """Whether `jobs` is final. It is not while it depends on a trial's usage."""
        self._fed: tuple[int, str] | None = None

    def decide(self, num_left: int) -> bool:
        """Decides how many trials run in parallel, or what to measure for that.

        Args:
            num_left: trials to run.

        Returns:
            False if it was stopped.
        """
        task = self._task
        if task.jobs != "auto":
            self.jobs = min(task.jobs, num_left)
            return True
        alone = self._reason_for_one(num_left)
        if alone:
            self._progress.message(f"1 trial side by side: {alone}")
            return True
        self.is_settled = False
        self._progress.message("measuring what bounds a trial (yt8m profile)")
        found = self._profile()
        if found is None:
            return False
        stages = {name: stage["milliseconds_a_step"] for name, stage in found["stages"].items()}
        self._fed = side_by_side.trials_fed(stages["input"], stages["loop"]), found["bound_by"]
        return True

    def settle(self, usage: Usage, num_running: int) -> None:
        """Decides how many trials run in parallel.

        Args:
            usage: the usage of a trial that has validated.
            num_running: trials that run now.
        """
        self.is_settled = True
        footprint = Footprint(usage.busy_cores, usage.peak_bytes, *(self._fed or ()))
        machine = Machine(this_machine.count_cores(), side_by_side.count_free_bytes(), self._task.accelerators)
        self.jobs, reason = side_by_side.choose(machine, footprint, num_running)
        self._progress.message(reason)

    def environment(self, slot: int) -> dict[str, str]:
        """Environment variables with a trial's share of the machine. `slot` is its place among the parallel trials."""
        told = {}
        if self.jobs > 1:
            threads = str(max(1, this_machine.count_cores() // self.jobs))
            told |= {"TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": threads}
        accelerators = self._task.accelerators
        if accelerators and self._task.jobs != 1:  # a single trial may use all
            told["CUDA_VISIBLE_DEVICES"] = accelerators[slot % len(accelerators)]
            if self.jobs > len(accelerators):
                told["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
        return told

    def _reason_for_one(self, num_left: int) -> str:
        """The reason to run one trial at a time, without measuring; empty if there is none."""
        strategy = self._task.config.distribute.strategy
        if num_left == 1:
            return "it is the last"
        if strategy not in ("auto", "one"):
            return f"--distribute.strategy {strategy} gives it all devices"
        if len(self._task.accelerators) == 1:
            return "it takes the GPU, and there is one"
        return "there is one core" if this_machine.count_cores() == 1 else ""

    def _profile(self) -> dict[str, Any] | None:
        """The result of `yt8m profile` for the recipe; None if stopped."""
        flags = flags_of(self._task.config, self._task.recipe)
        words = [sys.executable, "-m", "yt8m", "profile", self._task.config.recipe, *flags, "--json"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        environment = os.environ | self.environment(0)
        with subprocess.Popen(words, text=True, start_new_session=True, env=environment, **pipes) as process:
            try:
                while not self._stop_requested():
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        printed, errors = process.communicate(timeout=processes.SECONDS_BETWEEN_LOOKS)
                        break
                else:
                    return None
            finally:
                process.kill()
        if process.returncode:
            raise InputError(errors.strip().splitlines()[-1].removeprefix("yt8m: "))
        return json.loads(printed)
