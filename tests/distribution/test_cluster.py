"""Which worker a process is, by the variables that clusters set."""

import json

import pytest

from yt8m.distribution.cluster import Cluster, as_tf_config, from_environment
from yt8m.errors import InputError

ADDRESSES = ["one:2222", "two:2222", "three:2222"]


def tf_config(cluster, kind="worker", index=0) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


@pytest.mark.parametrize("index", range(3))
def test_a_worker_reads_what_the_launcher_writes(index):
    found = from_environment({"TF_CONFIG": as_tf_config(ADDRESSES, index)})
    assert found == Cluster(index, 3, "TF_CONFIG")
    assert found.is_chief == (index == 0)


def test_two_workers_are_a_cluster():
    assert from_environment({"TF_CONFIG": as_tf_config(ADDRESSES[:2], 1)}) == Cluster(1, 2, "TF_CONFIG")


@pytest.mark.parametrize(("kind", "index", "expected"), [("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)])
def test_a_chief_is_the_first_worker(kind, index, expected):
    found = from_environment(tf_config({"chief": ADDRESSES[:1], "worker": ADDRESSES[1:]}, kind, index))
    assert (found.index, found.num_workers) == (expected, 3)


def test_slurm_tells_the_tasks_of_a_step():
    step = {"SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "4"}
    assert from_environment(step) == Cluster(2, 4, "Slurm")
    assert from_environment(step | tf_config({"worker": ADDRESSES}, index=1)) == Cluster(1, 3, "TF_CONFIG")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TF_CONFIG": ""},
        tf_config({"worker": ADDRESSES[:1]}),
        {"SLURM_PROCID": "0", "SLURM_NTASKS": "4"},  # a batch script, not a task of srun
        {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"},
    ],
)
def test_a_process_alone_is_in_no_cluster(environment):
    assert from_environment(environment) is None


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TF_CONFIG": "{"}, "is not JSON"),
        ({"TF_CONFIG": "[]"}, "names no cluster"),
        ({"TF_CONFIG": '{"cluster": {"worker": ["a:1", "b:1"]}}'}, "does not say which task"),
        (tf_config({"worker": ADDRESSES, "ps": ["four:1"]}), "has tasks of type 'ps'"),
        (tf_config({"worker": ADDRESSES}, index=3), "has the task index 3 of 3"),
        (tf_config({"worker": ADDRESSES}, index="0"), "has the task index '0'"),
        (tf_config({"worker": ADDRESSES}, "chief"), "does not say which task"),
        (tf_config({"worker": ["one", "two"]}), "does not list the workers as host:port"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_one_line(environment, message):
    with pytest.raises(InputError, match=message) as error:
        from_environment(environment)
    assert "\n" not in str(error.value)
    assert 'it should look like {"cluster"' in str(error.value)
