"""Which devices a run computes on."""

import functools

import tensorflow as tf


def make_strategy() -> tf.distribute.Strategy:
    """All local accelerators, or the CPU where there are none; a CPU split into several devices counts as several."""
    for kind in ("GPU", "CPU"):
        devices = [device.name for device in tf.config.list_logical_devices(kind)]
        if len(devices) > 1:
            return _mirrored(tuple(devices))
        if devices:
            return tf.distribute.OneDeviceStrategy(devices[0])
    raise AssertionError("TensorFlow found no device")


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """One for a process: a second would number its collective operations as the first, and meet their shapes."""
    return tf.distribute.MirroredStrategy(devices)


def average_statistics(strategy: tf.distribute.Strategy, variables) -> None:
    """Makes the replicas' running statistics (BatchNorm's) one: their mean. Call it before evaluating or saving."""
    if strategy.num_replicas_in_sync == 1:
        return
    for variable in variables:
        if variable.dtype.is_floating:
            copies = [tf.convert_to_tensor(copy) for copy in strategy.experimental_local_results(variable)]
            variable.assign(tf.add_n(copies) / len(copies))
