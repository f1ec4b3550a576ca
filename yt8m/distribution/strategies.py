"""Chooses the devices that a command computes on."""

import contextlib
import functools
import os
import signal
import textwrap
import threading
from collections.abc import Iterator

import tensorflow as tf

from yt8m.config import DistributeConfig
from yt8m.distribution import cluster
from yt8m.distribution.devices import Devices
from yt8m.errors import InputError

_SLURM_FIRST_PORT, _SLURM_PORTS = 20_000, 10_000


def open_devices(config: DistributeConfig | None = None) -> Devices:
    """The devices to compute on. Several workers must call this before TensorFlow does anything else.

    Args:
        config: the strategy; None = automatic.

    Raises:
        InputError: the devices of the configuration do not exist.
    """
    config = config or DistributeConfig()
    if config.virtual_devices:
        _split_processor(config.virtual_devices)
    return _open(_choose(config), config.tpu)


@functools.cache
def _open(kind: str, tpu: str) -> Devices:
    """Makes the devices, once per process. A second strategy would reuse the numbers of the first one's collective operations."""
    return {"one": _one, "mirrored": _mirrored, "multiworker": _multiworker, "tpu": lambda: _tpu(tpu)}[kind]()


def _choose(config: DistributeConfig) -> str:
    if config.strategy != "auto":
        _refuse_to_work_alone(config.strategy)
        return config.strategy
    if config.tpu or os.environ.get("TPU_NAME"):
        return "tpu"
    if cluster.from_environment():  # before TensorFlow looks for devices; workers cannot be connected after that
        return "multiworker"
    if tf.config.list_physical_devices("TPU"):
        return "tpu"
    return "mirrored" if len(_local_devices()) > 1 else "one"


def _refuse_to_work_alone(strategy: str) -> None:
    """Refuses to run one of several workers alone: each would do all the work and write to the same place."""
    found = cluster.from_environment() if strategy in ("one", "mirrored") else None
    if found:
        raise InputError(
            f"--distribute.strategy {strategy}: {found.told_by} names {found.num_workers} workers, each of which would do all "
            "the work; leave the flag out"
        )


def _local_devices() -> list[str]:
    """The accelerators; without any, the CPU devices."""
    for kind in ("GPU", "CPU"):
        devices = [device.name for device in tf.config.list_logical_devices(kind)]
        if devices:
            return devices
    raise AssertionError("TensorFlow found no device")


@functools.cache
def _split_processor(count: int) -> None:
    processor = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError as error:
        raise InputError(
            f"--distribute.virtual-devices {count}: TensorFlow is already in use in this process; start a new one"
        ) from error


def _one() -> Devices:
    return Devices(tf.distribute.OneDeviceStrategy(_local_devices()[0]))


def _mirrored() -> Devices:
    return Devices(tf.distribute.MirroredStrategy(_local_devices()))


def _multiworker() -> Devices:
    found = cluster.from_environment()
    if found is None:
        raise InputError(
            "--distribute.strategy multiworker: neither TF_CONFIG nor Slurm names several workers; start them with yt8m launch, "
            "srun or a TF_CONFIG (docs/scaling.md)"
        )
    resolver = (
        _slurm_resolver() if found.told_by == "Slurm" else tf.distribute.cluster_resolver.TFConfigClusterResolver()
    )
    try:
        with _own_signal_handlers():
            strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except RuntimeError as error:
        raise InputError(
            "--distribute.strategy multiworker: TensorFlow is already in use in this process; start a new one"
        ) from error
    except tf.errors.OpError as error:
        reason = next(iter(str(error.message).splitlines()), type(error).__name__)
        raise InputError(
            f"worker {found.index} of {found.num_workers}: the others cannot be reached ({reason}); check their addresses"
        ) from error
    return Devices(strategy, found.index, found.num_workers)


@contextlib.contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """Restores the handler of SIGTERM. TensorFlow replaces it when workers connect, and then ignores the signal."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _slurm_resolver() -> tf.distribute.cluster_resolver.ClusterResolver:
    """TensorFlow's resolver, for the addresses alone. Slurm assigns GPUs itself, but the resolver expects them on every node."""
    # Different jobs may share a node.
    port = _SLURM_FIRST_PORT + int(os.environ.get("SLURM_JOB_ID", "0")) % _SLURM_PORTS
    slurm = tf.distribute.cluster_resolver.SlurmClusterResolver(
        port_base=port, gpus_per_node=1024, gpus_per_task=1, auto_set_gpu=False
    )
    specification = slurm.cluster_spec()
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        specification, task_type=slurm.task_type, task_id=slurm.task_id, rpc_layer="grpc"
    )


def _tpu(name: str) -> Devices:
    name = name or os.environ.get("TPU_NAME") or "local"
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=name)
        if name != "local":
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        strategy = tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        reason = textwrap.shorten(next(iter(str(error).splitlines()), type(error).__name__), 120, placeholder=" ...")
        raise InputError(
            f"--distribute.strategy tpu: TPU {name!r} cannot be used ({reason}); check --distribute.tpu and that this is a TPU VM"
        ) from error
    return Devices(strategy, static_shapes=True)
