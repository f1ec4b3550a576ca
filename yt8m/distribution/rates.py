"""How fast this processor multiplies matrices in each precision.

The time of a training step is mostly that of its matrix products. bfloat16 makes them faster where the processor has
instructions for it (AVX512_BF16 or AMX on x86, BF16 on Arm). Elsewhere every product converts its inputs first, and is slower.
"""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

_PROCESSOR = Path("/proc/cpuinfo")
_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}
_SIZE, _ROUNDS = 1024, 5


@dataclass(frozen=True)
class ProductRates:
    """Operations a second of a product of two matrices, which has two for each of its multiplications."""

    float32: float
    bfloat16: float

    @property
    def gain(self) -> float:
        """How many times as fast as float32 bfloat16 is."""
        return self.bfloat16 / self.float32

    def __str__(self) -> str:
        return f"{self.float32 / 1e9:,.0f} GFLOP/s in float32, {self.bfloat16 / 1e9:,.0f} in bfloat16"


def has_low_precision() -> bool | None:
    """Whether this processor has instructions for bfloat16; None if the system does not say."""
    with contextlib.suppress(OSError):
        for line in _PROCESSOR.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return not _INSTRUCTIONS.isdisjoint(value.split())
    return None


def measure_rates() -> ProductRates:
    """Measures products on the processor, in turns, within a fraction of a second. The fastest of some counts."""
    with tf.device("CPU:0"):
        values = tf.random.stateless_uniform([_SIZE, _SIZE], [0, 0])
        matrices = [tf.cast(values, dtype) for dtype in (tf.float32, tf.bfloat16)]
        best = [float("inf")] * len(matrices)
        for _ in range(_ROUNDS):
            for place, matrix in enumerate(matrices):
                start = time.perf_counter()
                tf.linalg.matmul(matrix, matrix).numpy()
                best[place] = min(best[place], time.perf_counter() - start)
    return ProductRates(*(2 * _SIZE**3 / seconds for seconds in best))


def is_processor_used() -> bool:
    """Whether models compute on the processor, as there is no other device."""
    return not any(tf.config.list_logical_devices(kind) for kind in ("GPU", "TPU"))


def precision_remark(precision: str, rates: ProductRates | None = None) -> str | None:
    """Returns a remark for a training that its precision slows down on this processor; None for any other.

    Args:
        precision: of the training, `float32` or `mixed_bfloat16`.
        rates: as they were measured; None = measure them, if they matter.
    """
    if precision == "float32" or not is_processor_used():
        return None
    rates = rates or measure_rates()
    if rates.gain >= 1.0:
        return None
    reason = "has no bfloat16 instructions" if has_low_precision() is False else "is slow in bfloat16"
    return f"this processor {reason}; float32 is faster here ({rates})"
