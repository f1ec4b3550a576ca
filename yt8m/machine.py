"""The cores and the memory of this machine."""

import contextlib
import os
import subprocess
from pathlib import Path

_CONTROL_GROUP = Path("/sys/fs/cgroup")
_MEMORY = Path("/proc/meminfo")


def count_cores() -> int:
    """Cores that this process may use, also in a container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # no such control group, or no limit
        quota, period = (_CONTROL_GROUP / "cpu.max").read_text().split()
        cores = min(cores, max(1, round(int(quota) / int(period))))
    return cores


def count_free_bytes() -> int | None:
    """Memory available without swapping, also in a container; None if the system does not say.

    A container counts its file cache as used. It counts as free here, because the system gives it back on demand.
    """
    free = None
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = _MEMORY.read_text().splitlines()
        free = 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    with contextlib.suppress(OSError, StopIteration, ValueError):  # no such control group, or no limit
        most, used = (int((_CONTROL_GROUP / f"memory.{name}").read_text()) for name in ("max", "current"))
        lines = (_CONTROL_GROUP / "memory.stat").read_text().splitlines()
        used -= next(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
        left = max(0, most - used)
        free = left if free is None else min(free, left)
    return free


def count_gpu_bytes() -> int | None:
    """The total memory of the smallest GPU; None if NVIDIA's tool does not say."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        return (1 << 20) * min(int(line) for line in done.stdout.split())
    return None
