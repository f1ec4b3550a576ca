"""How many trials run side by side, from what one was measured to take."""

import contextlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yt8m.distribution.machine import count_free_bytes as count_free
from yt8m.errors import quantity
from yt8m.tuning.processes import import_psutil

_USABLE_SHARE = 0.9
"""Of the memory that is free."""
_CONTROL_GROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Machine:
    """What there is to share."""

    cores: int
    free_bytes: int
    """Beside what runs."""
    accelerators: tuple[str, ...]
    """Of which a trial takes one; none on a processor."""


@dataclass(frozen=True)
class Footprint:
    """What one trial takes, as measured."""

    busy_cores: float
    peak_bytes: int
    trials_fed: int | None = None
    """Trials that the input could keep going, reading and parsing at its full rate; None if it was not measured."""
    bound: str = ""
    """What bounds a trial: input, compute, balanced."""


def choose(machine: Machine, footprint: Footprint, num_running: int) -> tuple[int, str]:
    """How many trials to run side by side, and why, in one line.

    Args:
        machine: as it is while the measured trials run.
        footprint: of one trial.
        num_running: trials that run now, whose memory is not free.
    """
    of_cores = max(1, round(machine.cores / max(footprint.busy_cores, 0.1)))
    # A trial on the cores that keeps less than one busy waits for its input or its start.
    if not machine.accelerators:
        of_cores = min(of_cores, machine.cores)
    limits = {f"a trial keeps {footprint.busy_cores:.1f} of {quantity(machine.cores, 'core')} busy": of_cores}
    peak = max(footprint.peak_bytes, 1)
    of_memory = max(1, num_running + math.floor(_USABLE_SHARE * machine.free_bytes / peak))
    limits[f"takes {peak / 1e9:.1f} GB of {machine.free_bytes / 1e9:.1f} GB that are free"] = of_memory
    if machine.accelerators:
        limits[f"takes one of {quantity(len(machine.accelerators), 'GPU')}"] = len(machine.accelerators)
    if footprint.trials_fed is not None:
        bound = {"balanced": "balanced between input and compute"}.get(footprint.bound, f"bound by {footprint.bound}")
        limits[f"is {bound}, and the input alone feeds {footprint.trials_fed}"] = footprint.trials_fed
    jobs = min(limits.values())
    reasons = ", ".join(f"{reason} (room for {limit})" for reason, limit in limits.items())
    return jobs, f"{quantity(jobs, 'trial')} side by side: {reasons}"


def trials_fed(input_milliseconds: float, loop_milliseconds: float) -> int:
    """Trials that the input alone could feed, from what a step's input takes alone and a step takes altogether."""
    return max(1, math.floor(loop_milliseconds / max(input_milliseconds, 1e-6)))


def count_cores() -> int:
    """Cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # no such control group, or no limit
        quota, period = (_CONTROL_GROUP / "cpu.max").read_text().split()
        cores = min(cores, max(1, round(int(quota) / int(period))))
    return cores


def count_free_bytes() -> int:
    """Memory that can be had without swapping, also within a container."""
    free = count_free()
    return import_psutil().virtual_memory().available if free is None else free


def leave_accelerators_alone() -> None:
    """Keeps this process off the GPUs, all memory of which TensorFlow would take from the trials as soon as it reads a record."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # too late: they are in use by this process, as in a notebook
            tf.config.set_visible_devices([], "GPU")


def list_accelerators(strategy: str) -> tuple[str, ...]:
    """The GPUs that trials may have one each of, as `CUDA_VISIBLE_DEVICES` names them.

    Args:
        strategy: `--distribute.strategy`.
    """
    import tensorflow as tf

    count = len(tf.config.list_physical_devices("GPU"))
    named = [each.strip() for each in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if each.strip()]
    names: Sequence[str] = named if len(named) >= count else [str(index) for index in range(count)]
    return tuple(names[:count]) if strategy in ("auto", "one") else ()
