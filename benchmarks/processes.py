"""Programs in processes of their own: for a start and a peak memory of their own, or as a user has them."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.sizes import ROOT, SAME_SIZE
from benchmarks.turns import Spent


def run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    """What a Python program prints.

    Args:
        command: `python`'s arguments.
        environment: variables that it has beside those of this process.

    Raises:
        subprocess.CalledProcessError: it failed, which it explained on stderr.
    """
    command = [sys.executable, *command]
    environment = os.environ | (environment or {})
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment).stdout


def yt8m(*arguments: str) -> str:
    """What a command of yt8m prints."""
    return run("-m", "yt8m", *arguments)


def last_line(module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """The last line of what a benchmark prints, which is its result. See `run`."""
    return run("-m", module, *arguments, *SAME_SIZE, environment=environment).splitlines()[-1]


def measured(
    *command: str, python: str = sys.executable, place: Path = ROOT, environment: Mapping[str, str] | None = None
) -> tuple[str, Spent]:
    """What a Python program prints, and what its process took from start to end.

    Its peak memory counts from that of this process, which should therefore be small if that figure is used.

    Args:
        command: `python`'s arguments.
        python: the interpreter.
        place: the directory to start it in.
        environment: variables that it has beside those of this process.

    Raises:
        subprocess.CalledProcessError: it failed, which it explained on stderr.
    """
    start = time.perf_counter()
    environment = os.environ | (environment or {})
    process = subprocess.Popen([python, *command], stdout=subprocess.PIPE, text=True, cwd=place, env=environment)
    with process.stdout:
        output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args, output)
    spent = Spent(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)
    return output, spent
