"""Which worker of how many this process is, as `TF_CONFIG` or Slurm says. No TensorFlow."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from yt8m.errors import InputError, say_no_json

_SLURM_NUM_TASKS, _SLURM_TASK = "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"
"""What `srun` sets in every task; a batch script itself has no number of tasks of a step."""


@dataclass(frozen=True)
class Cluster:
    """The place of this process among several."""

    index: int
    """Of this worker, from 0."""
    num_workers: int
    """2 or more."""
    told_by: Literal["TF_CONFIG", "Slurm"]

    @property
    def is_chief(self) -> bool:
        """Whether this is the worker that writes files and prints."""
        return self.index == 0


def from_environment(environment: Mapping[str, str] | None = None) -> Cluster | None:
    """The cluster that environment variables describe; None if this process works alone.

    Args:
        environment: the variables; None = this process's. `TF_CONFIG` comes before Slurm's.

    Raises:
        InputError: `TF_CONFIG` describes none that can be used.
    """
    environment = os.environ if environment is None else environment
    if environment.get("TF_CONFIG"):
        index, num_workers = _read_tf_config(environment["TF_CONFIG"])
        told_by = "TF_CONFIG"
    elif _SLURM_TASK in environment and environment.get(_SLURM_NUM_TASKS):
        index, num_workers = int(environment[_SLURM_TASK]), int(environment[_SLURM_NUM_TASKS])
        told_by = "Slurm"
    else:
        return None
    return Cluster(index, num_workers, told_by) if num_workers > 1 else None


def as_tf_config(addresses: list[str], index: int) -> str:
    """The `TF_CONFIG` of one of several workers.

    Args:
        addresses: `host:port` of every worker.
        index: which one it is for.
    """
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})


def _read_tf_config(text: str) -> tuple[int, int]:
    """Index and number of workers; where there is a chief, it is worker 0."""

    def refuse(reason: str) -> InputError:
        example = as_tf_config(["host1:2222", "host2:2222"], 0)
        return InputError(f"TF_CONFIG: {reason}; it should look like {example}")

    try:
        values = json.loads(text)
    except ValueError as error:
        raise refuse(say_no_json(error)) from None
    cluster, task = (values.get(key) if isinstance(values, dict) else None for key in ("cluster", "task"))
    if not isinstance(cluster, dict) or not cluster:
        raise refuse("names no cluster")
    unusable = sorted(set(cluster) - {"chief", "worker"})
    if unusable:
        raise refuse(f"has tasks of type {unusable[0]!r}, and there are only workers here")
    chiefs, workers = (_addresses(cluster.get(kind), kind, refuse) for kind in ("chief", "worker"))
    if not isinstance(task, dict) or task.get("type") not in cluster:
        raise refuse("does not say which task of the cluster this process is")
    index, own = task.get("index"), chiefs if task["type"] == "chief" else workers
    if not isinstance(index, int) or not 0 <= index < len(own):
        raise refuse(f"has the task index {index!r} of {len(own)} of type {task['type']!r}")
    return (index if task["type"] == "chief" else len(chiefs) + index), len(chiefs) + len(workers)


def _addresses(values: Any, kind: str, refuse) -> list[str]:
    values = [] if values is None else values
    if not isinstance(values, list) or not all(isinstance(value, str) and ":" in value for value in values):
        raise refuse(f"does not list the {kind}s as host:port")
    return values
