"""Streams batches: reads records in their order, and makes batches of them in several threads.

The threads only make batches. One thread at a time decides which records come next, so the order does not depend on how many
threads there are.
"""

import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from yt8m.data.engine.memory import Pool, Scratch
from yt8m.data.engine.processes import Make, Processes

_MOST_THREADS = 16
_MOST_BYTES_AHEAD = 256 << 20
"""Memory for batches that are made ahead."""


def num_threads() -> int:
    """Threads that make batches: one for each core that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST_THREADS)


def stream_batches(
    items: Iterator[Any],
    make: Make,
    batch_size: int,
    first: int = 0,
    *,
    drop_remainder: bool = False,
    processes: Processes | None = None,
) -> Iterator[dict[str, Any]]:
    """Makes batches of items, in their order.

    Args:
        items: what the batches are made of, in order.
        make: makes one batch; runs in several threads at once.
        batch_size: items in a batch.
        first: number of the first batch.
        drop_remainder: leave out a smaller last batch.
        processes: make batches in place of the threads, once they have begun. They end with the stream.

    Raises:
        RecordError, InputError: from `items` and `make`, at the batch's place in the stream.
    """
    threads, local, pool = num_threads(), threading.local(), Pool()

    def work(number: int, group: list[Any]) -> dict[str, Any]:
        if not hasattr(local, "scratch"):
            local.scratch = Scratch()
        made = processes.make(number, group) if processes else None
        return made if made is not None else make(number, group, pool, local.scratch)

    groups = enumerate(_groups(items, batch_size, drop_remainder), first)
    waiting: deque[Future] = deque()
    most, ended = threads + 1, False
    executor = ThreadPoolExecutor(threads, thread_name_prefix="yt8m-batches")
    try:
        while True:
            while not ended and len(waiting) < most:
                try:
                    waiting.append(executor.submit(work, *next(groups)))
                except StopIteration:
                    ended = True
                except Exception as error:  # the batches before it come first
                    waiting.append(_failed(error))
                    ended = True
            if not waiting:
                return
            begun = time.monotonic()
            batch = waiting.popleft().result()
            if processes:
                processes.after(time.monotonic() - begun, batch)
            most = most_waiting(sum(getattr(value, "nbytes", 0) for value in batch.values()))
            yield batch
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        if processes:
            processes.close()


def _failed(error: Exception) -> Future:
    future: Future = Future()
    future.set_exception(error)
    return future


def _groups(items: Iterator[Any], size: int, drop_remainder: bool) -> Iterator[list[Any]]:
    while group := list(itertools.islice(items, size)):
        if len(group) == size or not drop_remainder:
            yield group


def most_waiting(num_bytes: int) -> int:
    """Batches of so many bytes to have in the making: one more than the threads, or fewer of very large ones."""
    return max(2, min(num_threads() + 1, _MOST_BYTES_AHEAD // max(num_bytes, 1)))
