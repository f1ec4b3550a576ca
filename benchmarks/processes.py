"""Programs in processes of their own: for a start and a peak memory of their own, or as a user has them."""

import os
import subprocess
import sys
from collections.abc import Mapping

from benchmarks.sizes import ROOT


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


def last_line(*command: str) -> str:
    """The last line of what a Python program prints, which is its result."""
    return run(*command).splitlines()[-1]
