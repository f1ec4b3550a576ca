"""`yt8m data-service` in processes of its own, all of which are gone in the end, however the test ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import preloaded
from results import check_result

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 300
SECONDS_TO_END = 30


def children_of(pid: int) -> list[int]:
    """The processes that a process started and that still run."""
    children = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # "pid (name) state parent ...", where the name may hold anything.
            state, parent = entry.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                children.append(int(entry.parent.name))
    return children


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pids: list[int], seconds: float = SECONDS_TO_END) -> bool:
    """Whether all these processes have ended, at the latest after so long."""
    end = time.monotonic() + seconds
    while any(map(is_running, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(is_running, pids))


@dataclass
class RunningService:
    """One start of `yt8m data-service`."""

    process: subprocess.Popen
    dispatcher: str
    workers: list[str]

    @property
    def worker_pids(self) -> list[int]:
        """Its workers' processes, the oldest first."""
        children = children_of(self.process.pid)
        return sorted(pid for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes())

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Sends a signal; the exit status and what was said on stderr. Nothing of it must run any more."""
        children = children_of(self.process.pid)
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=SECONDS_TO_END)
        assert gone(children), "the service left processes behind"
        return self.process.returncode, err


@contextlib.contextmanager
def running_service(*flags) -> Iterator[RunningService]:
    """A service that is ready."""
    process = preloaded.Popen(
        [sys.executable, "-m", "yt8m", "data-service", "--json", *map(str, flags)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    children = []
    try:
        line = process.stdout.readline()  # empty if it ends
        children = children_of(process.pid)
        assert line, process.communicate(timeout=SECONDS_TO_END)[1]
        printed = json.loads(line)
        check_result("data-service", printed)
        yield RunningService(process, **printed)
    finally:
        children += children_of(process.pid)
        process.kill()
        process.communicate()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
