"""Which strategy is chosen, and what is asked of TensorFlow for it."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from yt8m.config import DistributeConfig
from yt8m.distribution import strategies
from yt8m.distribution.cluster import as_tf_config
from yt8m.distribution.devices import Devices
from yt8m.distribution.strategies import open_devices
from yt8m.errors import InputError

WORKERS = as_tf_config(["one:1", "two:1"], 1)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("TF_CONFIG", "TPU_NAME", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)


def pretend(monkeypatch, **counts: int) -> None:
    """A machine with so many devices of each kind."""

    def devices(kind):
        return [SimpleNamespace(name=f"/{kind}:{number}") for number in range(counts.get(kind, 0))]

    monkeypatch.setattr(tf.config, "list_physical_devices", devices)
    monkeypatch.setattr(tf.config, "list_logical_devices", devices)


@pytest.mark.parametrize(
    ("devices", "environment", "config", "expected"),
    [
        ({"CPU": 1}, {}, {}, "one"),
        ({"CPU": 1, "GPU": 1}, {}, {}, "one"),
        ({"CPU": 1, "GPU": 4}, {}, {}, "mirrored"),
        ({"CPU": 2}, {}, {}, "mirrored"),
        ({"CPU": 2, "GPU": 1}, {}, {}, "one"),
        ({"CPU": 1, "GPU": 4}, {"TF_CONFIG": WORKERS}, {}, "multiworker"),
        ({"CPU": 1}, {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2"}, {}, "multiworker"),
        ({"CPU": 1, "TPU": 8}, {}, {}, "tpu"),
        ({"CPU": 1}, {"TPU_NAME": "node"}, {}, "tpu"),
        ({"CPU": 1}, {"TF_CONFIG": WORKERS}, {"tpu": "node"}, "tpu"),
        ({"CPU": 1, "GPU": 4}, {"TF_CONFIG": WORKERS, "TPU_NAME": "node"}, {"strategy": "tpu"}, "tpu"),
    ],
)
def test_auto_takes_what_there_is(devices, environment, config, expected, monkeypatch):
    pretend(monkeypatch, **devices)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert strategies._choose(DistributeConfig(**config)) == expected


def test_one_device_is_what_this_machine_has():
    devices = open_devices(DistributeConfig(strategy="one"))
    assert isinstance(devices.strategy, tf.distribute.OneDeviceStrategy)
    assert (devices.num_replicas, devices.num_workers, devices.is_chief, devices.shard) == (1, 1, True, (0, 1))
    assert open_devices(DistributeConfig(strategy="one")) is devices, "a process has one of a kind"


class Resolver:
    """Stands in for the one that asks Google's cloud."""

    def __init__(self, tpu):
        self.tpu = tpu


@pytest.fixture
def tpu(monkeypatch):
    """A TPU that is the processor; the calls that it got."""
    calls = []
    monkeypatch.setattr(tf.distribute.cluster_resolver, "TPUClusterResolver", Resolver)
    monkeypatch.setattr(tf.config, "experimental_connect_to_cluster", lambda each: calls.append(("connect", each.tpu)))
    monkeypatch.setattr(tf.tpu.experimental, "initialize_tpu_system", lambda each: calls.append(("start", each.tpu)))

    def strategy(resolver):
        calls.append(("strategy", resolver.tpu))
        return tf.distribute.OneDeviceStrategy("/CPU:0")

    monkeypatch.setattr(tf.distribute, "TPUStrategy", strategy)
    strategies._open.cache_clear()
    yield calls
    strategies._open.cache_clear()


def test_a_named_tpu_is_connected_and_started(tpu, monkeypatch):
    devices = open_devices(DistributeConfig(tpu="node-1"))
    assert tpu == [("connect", "node-1"), ("start", "node-1"), ("strategy", "node-1")]
    assert devices.static_shapes
    monkeypatch.setenv("TPU_NAME", "node-2")
    open_devices()
    assert tpu[3:] == [("connect", "node-2"), ("start", "node-2"), ("strategy", "node-2")]


def test_the_tpu_of_a_virtual_machine_needs_no_connection(tpu):
    assert open_devices(DistributeConfig(strategy="tpu")).static_shapes
    assert tpu == [("start", "local"), ("strategy", "local")]


def test_a_tpu_that_is_not_there_is_one_line(monkeypatch):
    def refuse(tpu):
        raise ValueError("Could not find TPU\nand more")

    monkeypatch.setattr(tf.distribute.cluster_resolver, "TPUClusterResolver", refuse)
    with pytest.raises(
        InputError, match=r"TPU 'nowhere' cannot be used \(Could not find TPU\); check --distribute.tpu"
    ):
        open_devices(DistributeConfig(strategy="tpu", tpu="nowhere"))


def test_slurm_nodes_become_addresses(monkeypatch):
    """Two tasks on the first node, one on the second; this is the last of them."""
    step = {"NODELIST": "node[07-08]", "NUM_TASKS": "3", "TASKS_PER_NODE": "2,1"}
    for name, value in step.items():
        monkeypatch.setenv(f"SLURM_STEP_{name}", value)
    monkeypatch.setenv("SLURM_PROCID", "2")
    monkeypatch.setenv("SLURM_JOB_ID", "123456")
    resolver = strategies._slurm_resolver()
    assert resolver.cluster_spec().as_dict() == {"worker": ["node07:23456", "node07:23457", "node08:23456"]}
    assert (resolver.task_type, resolver.task_id) == ("worker", 2)


def test_workers_without_a_cluster_are_refused():
    with pytest.raises(InputError, match="neither TF_CONFIG nor Slurm names several workers"):
        open_devices(DistributeConfig(strategy="multiworker"))


@pytest.mark.parametrize("strategy", ["one", "mirrored"])
def test_workers_that_would_each_do_all_are_refused(strategy, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", WORKERS)
    with pytest.raises(InputError, match=f"{strategy}: TF_CONFIG names 2 workers, each of which would do all the work"):
        open_devices(DistributeConfig(strategy=strategy))


def test_virtual_devices_come_before_everything_else():
    tf.config.list_logical_devices()
    with pytest.raises(InputError, match="virtual-devices 3: TensorFlow is already in use in this process"):
        open_devices(DistributeConfig(virtual_devices=3))


def test_a_process_alone_agrees_with_itself():
    devices = Devices(tf.distribute.get_strategy())
    assert devices.largest(3, 5) == (3, 5)
    assert devices.gather("x") == ["x"]
    assert devices.together(lambda: 7) == [7]
    assert devices.on_chief(lambda: 7) == 7
    assert list(devices.stoppable(iter("abc"), lambda: False)) == ["a", "b", "c"]


def test_a_worker_that_has_all_it_needs_does_not_mind_that_others_have_ended(monkeypatch):
    def lost(devices, value):
        raise tf.errors.UnavailableError(None, None, "the other is gone")

    monkeypatch.setattr(Devices, "largest", lost)
    done = []
    with Devices(tf.distribute.get_strategy(), 0, 2).lost_workers():
        done.append(1)
    assert done == [1]


def test_a_worker_does_not_wait_for_others_after_an_error_of_its_own(monkeypatch):
    monkeypatch.setattr(Devices, "largest", lambda devices, value: pytest.fail("the others are not there"))
    with pytest.raises(InputError, match="my own"), Devices(tf.distribute.get_strategy(), 0, 2).lost_workers():
        raise InputError("my own")
