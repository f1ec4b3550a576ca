"""The processes of trials, and their use of the machine."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from yt8m.errors import not_installed

PROGRAM = (sys.executable, "-m", "yt8m.commands.child")
"""The command that runs the words of a trial."""
SECONDS_BETWEEN_LOOKS = 0.5

_SECONDS_TO_SAVE = 120.0
"""Time for a process to save before it is killed."""
_SHORTEST_SECONDS = 0.5
"""Shortest time for a meaningful measurement of CPU time."""


def import_psutil():
    """Imports psutil. Raises InputError if it is not installed."""
    try:
        import psutil
    except ImportError as error:
        raise not_installed("tuning", "psutil", "tune", error) from None
    return psutil


class TrialProcess:
    """A `yt8m` command in its own process. Ctrl-C does not reach it, and it does not outlive this process.

    Args:
        words: the command and its flags.
        log: a file. The output is appended to it.
        environment: variables to add to those of this process.
    """

    def __init__(self, words: Sequence[str], log: Path, environment: Mapping[str, str]):
        self.log = log
        with log.open("ab") as printed:
            self._start_of_log = printed.tell()
            self._process = subprocess.Popen(
                [*PROGRAM, *words],
                stdin=subprocess.PIPE,
                stdout=printed,
                stderr=printed,
                env=os.environ | environment,
                start_new_session=True,
            )
        self._told_to_stop: float | None = None
        self.usage = Usage(self._process.pid)

    @property
    def identity(self) -> list[float]:
        """The process id and start time, which together identify the process for ever."""
        return [self._process.pid, self.usage.started]

    def poll(self) -> int | None:
        """The exit status; the negative signal number if a signal ended it; None while it runs."""
        if self._told_to_stop and time.monotonic() > self._told_to_stop + _SECONDS_TO_SAVE:
            self.kill()
        status = self._process.poll()
        if status is not None and self._process.stdin:
            self._process.stdin.close()
        return status

    def stop(self) -> None:
        """Asks the process to save and end."""
        if self._told_to_stop is None:
            self._told_to_stop = time.monotonic()
            self._process.terminate()

    def kill(self) -> None:
        """Kills the process."""
        self._process.kill()
        self._process.wait()

    def reason(self) -> str:
        """The reason of a failure in one line: the last line of output, or the signal."""
        status = self._process.returncode
        if status is not None and status < 0:
            name = signal.Signals(-status).name
            return f"was ended by {name}" + (", as where memory runs out" if name == "SIGKILL" else "")
        with self.log.open("rb") as file:
            file.seek(self._start_of_log)
            lines = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
        if status == 1 and len(lines) > 1:  # the last line only says where to report a bug
            lines = lines[:-1]
        return re.sub(r"^yt8m: ", "", lines[-1]) if lines else f"ended with status {status}"


class Usage:
    """Samples the memory and CPU time of a process."""

    def __init__(self, number: int):
        psutil = import_psutil()
        self._gone = psutil.Error
        self._process = psutil.Process(number)
        self.started: float = self._process.create_time()
        self.peak_bytes = 0
        self._since = time.monotonic(), 0.0
        self._trains = False
        self.busy_cores = 0.0

    def look(self, training: bool) -> None:
        """Takes a sample.

        Args:
            training: whether training has begun. Before that, few cores are busy.
        """
        with contextlib.suppress(self._gone):
            self.peak_bytes = max(self.peak_bytes, self._process.memory_info().rss)
            times, now = self._process.cpu_times(), time.monotonic()
            spent = times.user + times.system
            if training and not self._trains:
                self._trains, self._since = True, (now, spent)
            elif now - self._since[0] > _SHORTEST_SECONDS:
                self.busy_cores = (spent - self._since[1]) / (now - self._since[0])


def end_orphan(identity: Sequence[float]) -> None:
    """Ends the process with a `TrialProcess.identity`, if it still runs. It gets time to save."""
    psutil = import_psutil()
    number, started = identity
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(int(number))
        if process.create_time() != started:
            return
        process.terminate()
        try:
            process.wait(_SECONDS_TO_SAVE)
        except psutil.TimeoutExpired:
            process.kill()
