"""How long a step takes, by the clock and in CPU time."""

import time
from collections.abc import Callable

import numpy as np


def time_steps(step: Callable[[], object], batch: int, seconds: float, parameters: int) -> dict[str, float]:
    """Videos a second, CPU microseconds a video (medians of steps), and parameters.

    Args:
        step: does one step, and returns when it is done.
        batch: videos of a step.
        seconds: how long to measure.
        parameters: numbers that training changes.
    """
    step()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or not times:
        start, cpu = time.perf_counter(), time.process_time()
        step()
        times.append((time.perf_counter() - start, time.process_time() - cpu))
    passed, spent = np.median(times, axis=0)
    return {"rate": batch / float(passed), "cpu": 1e6 * float(spent) / batch, "parameters": parameters}
