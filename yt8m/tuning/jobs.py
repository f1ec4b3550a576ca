"""Decides how many trials run in parallel, from measurements of one."""

import contextlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from yt8m.errors import quantity
from yt8m.machine import count_free_bytes as count_free
from yt8m.tuning.processes import import_psutil

_USABLE_SHARE = 0.9
"""Share of the free memory to use."""


@dataclass(frozen=True)
class Machine:
    """The resources of the machine."""

    cores: int
    free_bytes: int
    """Free memory, while the current trials run."""
    accelerators: tuple[str, ...]
    """GPUs; a trial takes one. Empty on a CPU."""


@dataclass(frozen=True)
class Footprint:
    """The measured needs of one trial."""

    busy_cores: float
    peak_bytes: int
    trials_fed: int | None = None
    """Number of trials that the input can feed at its full rate; None if not measured."""
    bound: str = ""
    """The limit of a trial: input, compute or balanced."""


def choose(machine: Machine, footprint: Footprint, num_running: int) -> tuple[int, str]:
    """The number of trials to run in parallel, and the reason in one line.

    Args:
        machine: the machine, while the measured trials run.
        footprint: the needs of one trial.
        num_running: trials that run now. Their memory does not count as free.
    """
    of_cores = max(1, round(machine.cores / max(footprint.busy_cores, 0.1)))
    # A trial that keeps less than one core busy is waiting for its input, or is starting.
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
    """The number of trials that the input can feed, from the time of a step's input alone and of a whole step."""
    return max(1, math.floor(loop_milliseconds / max(input_milliseconds, 1e-6)))


def count_free_bytes() -> int:
    """Memory available without swapping, also in a container."""
    free = count_free()
    return import_psutil().virtual_memory().available if free is None else free


def leave_accelerators_alone() -> None:
    """Hides the GPUs from this process. Otherwise TensorFlow would take all their memory as soon as it reads a record."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # too late: this process uses them already, as in a notebook
            tf.config.set_visible_devices([], "GPU")


def list_accelerators(strategy: str) -> tuple[str, ...]:
    """The GPUs for trials, one each, as named in `CUDA_VISIBLE_DEVICES`.

    Args:
        strategy: the value of `--distribute.strategy`.
    """
    import tensorflow as tf

    count = len(tf.config.list_physical_devices("GPU"))
    named = [each.strip() for each in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if each.strip()]
    names: Sequence[str] = named if len(named) >= count else [str(index) for index in range(count)]
    return tuple(names[:count]) if strategy in ("auto", "one") else ()
