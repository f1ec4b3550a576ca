"""Describes where and with what versions a run was started."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any


def _git_commit() -> str | None:
    directory = Path(__file__).parent
    try:
        command = ["git", "-C", str(directory), "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None  # installed from a wheel, or git is missing


def describe_environment(devices: list[str]) -> dict[str, Any]:
    """Versions, git commit, working directory and devices, to record beside a run."""
    packages = ("yt8m", "tensorflow", "keras", "numpy")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {package: metadata.version(package) for package in packages},
        "git_commit": _git_commit(),
        "directory": os.getcwd(),
        "devices": devices,
    }
