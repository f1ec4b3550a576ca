"""Train steps at their published sizes through Keras's JAX backend, beside what the device could do at most.

`python -m benchmarks.gpu` in an environment with JAX for the device (`make test-newest` makes one for the CPU, and
`pip install "jax[cuda12]"` in it one for a GPU). The table goes into docs/benchmarks.md. For each recipe and precision it
gives the time of a step and the shortest one that the device's matrix products and memory allow (the roofline): the
operations and bytes of the compiled step, over the rates that a large product and a large copy reach in the same run.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras
import numpy as np

from benchmarks import documents
from benchmarks.sizes import parser_of, sized
from yt8m.config import Architecture
from yt8m.data.features import DEFAULT_FEATURES
from yt8m.data.schema import DEFAULT_MAX_FRAMES, DEFAULT_NUM_CLASSES
from yt8m.models import build_for_training
from yt8m.recipes import make_config

RECIPES = sized(("dbof", "netvlad", "nextvlad", "transformer"), ("frame_logistic",))
PRECISIONS = ("float32", "mixed_bfloat16")
ROUNDS = sized(5, 1)


@dataclass(frozen=True)
class Peak:
    """What the device reached: operations a second in a product of matrices, bytes a second in a copy."""

    operations: float
    bytes: float


@dataclass(frozen=True)
class Step:
    """A train step: seconds, and what the compiled program does, operations and bytes of memory."""

    seconds: float
    operations: float
    bytes: float

    def shortest(self, peak: Peak) -> float:
        """Seconds it takes at least (the roofline)."""
        return max(self.operations / peak.operations, self.bytes / peak.bytes)


def _best(run: Callable[[], object], count: int) -> float:
    """Seconds of one of `count` runs, in the best of some rounds."""
    jax.block_until_ready(run())
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(count):
            result = run()
        jax.block_until_ready(result)
        best = min(best, (time.perf_counter() - start) / count)
    return best


def measure_peak(precision: str, size: int) -> Peak:
    """The rates of a product of [size, size] matrices and of a copy of as much as 16 of them."""
    dtype = jnp.bfloat16 if precision == "mixed_bfloat16" else jnp.float32
    matrix = jnp.ones((size, size), dtype)
    multiply, copy = jax.jit(jnp.matmul), jax.jit(lambda values: values + 1)
    many = jnp.ones((4, size, size), jnp.float32)
    return Peak(
        operations=2 * size**3 / _best(lambda: multiply(matrix, matrix), 4),
        bytes=2 * many.nbytes / _best(lambda: copy(many), 4),
    )


def measure_step(model: Architecture, precision: str, batch_size: int, num_frames: int, num_classes: int) -> Step:
    """A step of Adam on the cross-entropy of random videos."""
    keras.config.set_dtype_policy(precision)
    built = build_for_training(model, num_classes, DEFAULT_FEATURES).training
    keras.config.set_dtype_policy("float32")
    optimizer = keras.optimizers.Adam(2e-4, global_clipnorm=1.0)
    optimizer.build(built.trainable_variables)
    random = np.random.default_rng(0)
    batch = {
        each.name: random.integers(0, 256, (batch_size, num_frames, each.size), np.uint8) for each in DEFAULT_FEATURES
    }
    batch = jax.device_put(batch | {"num_frames": np.full(batch_size, num_frames, np.int32)})
    labels = jax.device_put((random.random((batch_size, num_classes)) < 0.001).astype(np.float32))

    def loss(trainable, others):
        outputs, others = built.stateless_call(trainable, others, batch, training=True)
        logits = jax.tree_util.tree_leaves(outputs)
        each = [jnp.maximum(x, 0) - x * labels + jnp.log1p(jnp.exp(-jnp.abs(x))) for x in logits]
        return sum(values.sum() for values in each) / batch_size, others

    def step(trainable, others, slots):
        (value, others), gradients = jax.value_and_grad(loss, has_aux=True)(trainable, others)
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        return trainable, others, slots, value

    state = [
        [variable.value for variable in group]
        for group in (built.trainable_variables, built.non_trainable_variables, optimizer.variables)
    ]
    compiled = jax.jit(step, donate_argnums=(0, 1, 2)).lower(*state).compile()
    cost = compiled.cost_analysis()
    cost = cost[0] if isinstance(cost, list) else cost

    def run():
        *state[:], value = compiled(*state)
        return value

    seconds = _best(run, 3)
    return Step(seconds, cost["flops"], cost["bytes accessed"])


def main() -> None:
    parser = parser_of("benchmarks.gpu", __doc__)
    parser.add_argument(
        "--size", type=int, default=sized(8192, 256), help="of the matrices that the peak is measured with"
    )
    size = parser.parse_args().size
    device = jax.devices()[0]
    rows, peaks = [], {precision: measure_peak(precision, size) for precision in PRECISIONS}
    for recipe in RECIPES:
        config = make_config(recipe)
        batch_size, num_frames = sized(config.training.batch_size, 4), config.data.num_frames or DEFAULT_MAX_FRAMES
        for precision in PRECISIONS:
            step = measure_step(config.model, precision, batch_size, num_frames, DEFAULT_NUM_CLASSES)
            shortest = step.shortest(peaks[precision])
            numbers = [f"{1000 * step.seconds:.1f}", f"{1000 * shortest:.1f}", f"{shortest / step.seconds:.2f}"]
            rate = f"{batch_size / step.seconds:,.0f}"
            rows.append([f"`{recipe}`", precision, f"{batch_size} x {num_frames}", *numbers, rate])
    reached = ", ".join(
        f"{precision}: {peak.operations / 1e12:.1f} teraflops, {peak.bytes / 1e9:.0f} GB/s"
        for precision, peak in peaks.items()
    )
    header = ["recipe", "precision", "videos x frames", "ms", "ms at least", "share of the peak", "videos/s"]
    text = f"{device.device_kind} ({device.platform}), JAX {jax.__version__}. Measured peak: {reached}."
    documents.write("benchmarks.gpu", f"{text}\n\n{documents.table(header, rows)}")


if __name__ == "__main__":
    main()
