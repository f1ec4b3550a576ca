"""This process's place among several workers, from `TF_CONFIG` or Slurm. No TensorFlow."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from yt8m.errors import InputError, say_no_json

_SLURM_NUM_TASKS, _SLURM_TASK = "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"
"""Variables that `srun` sets in every task. A batch script itself does not have them."""


@dataclass(frozen=True)
class Cluster:
    """This process's place among several workers."""

    index: int
    """The number of this worker, from 0."""
    num_workers: int
    """Number of workers, at least 2."""
    told_by: Literal["TF_CONFIG", "Slurm"]

    @property
    def is_chief(self) -> bool:
        """Whether this is the worker that writes files and prints."""
        return self.index == 0


def from_environment(environment: Mapping[str, str] | None = None) -> Cluster | None:
    """The cluster that environment variables describe; None if this process works alone.

    Args:
        environment: the variables; None = those of this process. `TF_CONFIG` takes precedence over Slurm's.

    Raises:
        InputError: `TF_CONFIG` describes no usable cluster.
    """
    environment = os.environ if environment is None else environment
    if environment.get("TF_CONFIG"):
        cluster = _read_tf_config(environment["TF_CONFIG"])
    elif _SLURM_TASK in environment and environment.get(_SLURM_NUM_TASKS):
        cluster = Cluster(int(environment[_SLURM_TASK]), int(environment[_SLURM_NUM_TASKS]), "Slurm")
    else:
        return None
    return cluster if cluster.num_workers > 1 else None


def as_tf_config(addresses: list[str], index: int) -> str:
    """The `TF_CONFIG` of one worker.

    Args:
        addresses: `host:port` of every worker.
        index: number of the worker, from 0.
    """
    return json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})


def _read_tf_config(text: str) -> Cluster:
    """The cluster that `TF_CONFIG` describes, of one worker or more. A chief is worker 0."""

    def refuse(reason: str) -> InputError:
        example = as_tf_config(["host1:2222", "host2:2222"], 0)
        return InputError(f"TF_CONFIG: {reason}; it should look like {example}")

    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refuse(say_no_json(error)) from None
    cluster, task = (values.get(key) if isinstance(values, dict) else None for key in ("cluster", "task"))
    if not isinstance(cluster, dict) or not cluster:
        raise refuse("names no cluster")
    unusable = sorted(set(cluster) - {"chief", "worker"})
    if unusable:
        raise refuse(f"has tasks of type {unusable[0]!r}, but only workers are possible here")
    chiefs, workers = (_addresses(cluster.get(kind), kind, refuse) for kind in ("chief", "worker"))
    if not isinstance(task, dict) or task.get("type") not in cluster:
        raise refuse("does not say which task of the cluster this process is")
    index, own = task.get("index"), chiefs if task["type"] == "chief" else workers
    if not isinstance(index, int) or not 0 <= index < len(own):
        raise refuse(f"has the task index {index!r} of {len(own)} of type {task['type']!r}")
    own_index = index if task["type"] == "chief" else len(chiefs) + index
    return Cluster(own_index, len(chiefs) + len(workers), "TF_CONFIG")


def _addresses(values: Any, kind: str, refuse) -> list[str]:
    values = [] if values is None else values
    if not isinstance(values, list) or not all(isinstance(value, str) and ":" in value for value in values):
        raise refuse(f"does not list the {kind}s as host:port")
    return values
