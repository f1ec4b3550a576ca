"""The shortest time that this machine allows a train step: `python -m benchmarks.peers.roof`.

The products of a step, at the rate of a large product, and one pass of Adam, at the rate of a large update in place. Both
rates are measured here, so they belong to the same minutes as the steps. Prints one JSON object.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from benchmarks.sizes import parser_of, sized

ROUNDS, SIZE, NUM_WEIGHTS = sized(7, 1), sized(2048, 64), sized(32_000_000, 1000)
INPUTS = 1152
ADAM_BYTES = 4 * 7
"""Of a weight: both moments and the weight are read and written, the gradient is read."""


@dataclass(frozen=True)
class Rates:
    """By the clock and for a second of CPU time: operations of float32 products, bytes of an update in place."""

    operations: float
    bytes: float
    cpu_operations: float
    cpu_bytes: float


@dataclass(frozen=True)
class Needs:
    """What a train step cannot do without."""

    operations: float
    bytes: float

    def seconds(self, rates: Rates) -> float:
        """The least, by the clock."""
        return self.operations / rates.operations + self.bytes / rates.bytes

    def cpu_seconds(self, rates: Rates) -> float:
        """The least of all threads together."""
        return self.operations / rates.cpu_operations + self.bytes / rates.cpu_bytes


def needs(settings: dict, parameters: int) -> Needs:
    """What a step of `dbof` or `moe` needs; nothing before the first product has weights, so no gradient goes there."""
    outputs = (2 * settings["mixtures"] + 1) * settings["classes"]
    if settings["model"] == "moe":
        operations = 2 * settings["batch"] * INPUTS * outputs * 2
    else:
        clusters, hidden = settings["clusters"], settings["hidden"]
        first = 2 * settings["frames"] * INPUTS * clusters * 2
        operations = settings["batch"] * (first + 2 * clusters * hidden * 3 + 2 * hidden * outputs * 3)
    return Needs(operations, ADAM_BYTES * parameters)


def _least(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds and CPU seconds of the quickest of some runs, each by its own measure."""
    run()
    times = []
    for _ in range(ROUNDS):
        start, cpu = time.perf_counter(), time.process_time()
        run()
        times.append((time.perf_counter() - start, time.process_time() - cpu))
    seconds, cpu_seconds = (min(each) for each in zip(*times, strict=True))
    return seconds, max(cpu_seconds, 1e-9)


def measure() -> Rates:
    """Measures both rates within a second or two."""
    matrix = tf.random.stateless_normal([SIZE, SIZE], [0, 0])
    weights, change = tf.Variable(tf.zeros([NUM_WEIGHTS])), tf.ones([NUM_WEIGHTS])

    @tf.function
    def multiply():
        return tf.linalg.matmul(matrix, matrix)[0, 0]

    @tf.function
    def update():
        tf.raw_ops.ResourceApplyGradientDescent(var=weights.handle, alpha=0.1, delta=change)
        return tf.constant(0)

    operations, of_update = 2 * SIZE**3, 3 * 4 * NUM_WEIGHTS
    (seconds, cpu), (passed, cpu_passed) = _least(multiply), _least(update)
    return Rates(operations / seconds, of_update / passed, operations / cpu, of_update / cpu_passed)


if __name__ == "__main__":
    parser_of("benchmarks.peers.roof", __doc__).parse_args()
    print(json.dumps(asdict(measure())))
