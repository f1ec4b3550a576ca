"""Streams batches: reads records in their order, and makes batches of them in several threads.

The threads only make batches. One thread at a time decides which records come next, so the order does not depend on how many
threads there are.
"""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from yt8m.data.engine.memory import Pool, Scratch
from yt8m.data.engine.processes import Make, Processes
from yt8m.machine import count_cores

MakeSeveral = Callable[[int, list[Any], Pool, Scratch], Iterator[dict[str, Any]]]
"""Makes several batches of their items, one after the other. It is told their place among what is made in one go."""

_MOST_THREADS = 16
_SOON = 0.02
"""Seconds in which the items of batches that are made in one go should be there."""
_MOST_BYTES_AHEAD = 256 << 20
"""Memory for batches that are made ahead."""


def num_threads() -> int:
    """Threads that make batches: one for each core that this process may use."""
    return min(count_cores(), _MOST_THREADS)


def stream_batches(
    items: Iterator[Any],
    make: Make | MakeSeveral,
    batch_size: int,
    first: int = 0,
    *,
    several: int | None = None,
    drop_remainder: bool = False,
    processes: Processes | None = None,
) -> Iterator[dict[str, Any]]:
    """Makes batches of items, in their order.

    Args:
        items: what the batches are made of, in order.
        make: makes one batch; runs in several threads at once.
        batch_size: items in a batch.
        first: number of the first batch.
        several: one thread makes up to so many batches in one go: `make` takes their items and gives the batches one by one, or
            in larger ones. For items of which each takes so little work that threads, of which one at a time runs Python, only
            keep each other waiting. None = `make` makes one batch, in several threads.
        drop_remainder: leave out a smaller last batch.
        processes: make batches in place of the threads, once they have begun. They end with the stream.

    Raises:
        RecordError, InputError: from `items` and `make`, at the batch's place in the stream.
    """
    threads, local, pool = 1 if several else num_threads(), threading.local(), Pool()

    def work(number: int, group: list[Any]) -> list[dict[str, Any] | Exception]:
        if not hasattr(local, "scratch"):
            local.scratch = Scratch()
        made = processes.make(number, group) if processes else None
        made = made or make(number, group, pool, local.scratch)
        return _until_error(made) if several else [made]

    groups = enumerate(_groups(items, batch_size, several or 1, drop_remainder), first)
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
            made = waiting.popleft().result()
            if processes:
                processes.after(time.monotonic() - begun, made[0])
            most = min(threads + 1, most_waiting(sum(map(_num_bytes, made))))
            for batch in made:
                if isinstance(batch, Exception):
                    raise batch
                yield batch
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        if processes:
            processes.close()


def _until_error(batches: Iterator[dict[str, Any]]) -> list[dict[str, Any] | Exception]:
    """Takes all batches; the last is the error in place of a batch, if there is one."""
    made: list[dict[str, Any] | Exception] = []
    try:
        made.extend(batches)
    except Exception as error:
        made.append(error)
    return made


def _num_bytes(batch: dict[str, Any] | Exception) -> int:
    return 0 if isinstance(batch, Exception) else sum(getattr(value, "nbytes", 0) for value in batch.values())


def _failed(error: Exception) -> Future:
    future: Future = Future()
    future.set_exception(error)
    return future


def _groups(items: Iterator[Any], size: int, several: int, drop_remainder: bool) -> Iterator[list[Any]]:
    """Groups of the items of several batches. The items before an error make a group, which comes before the error.

    The first groups are small, so that the first batch comes soon, and so are all where items come slowly.
    """
    number = 1
    while True:
        group: list[Any] = []
        begun = time.monotonic()
        try:
            group.extend(itertools.islice(items, size * number))
        except Exception:
            if whole := group[: len(group) - len(group) % size]:
                yield whole
            raise
        taken, ended = time.monotonic() - begun, len(group) < size * number
        if drop_remainder:
            group = group[: len(group) - len(group) % size]
        if group:
            yield group
        if ended:
            return
        number = min(several, 2 * number) if taken < _SOON else max(1, number // 2)


def most_waiting(num_bytes: int) -> int:
    """Batches of so many bytes to have in the making: one more than the threads, or fewer of very large ones."""
    return max(2, min(num_threads() + 1, _MOST_BYTES_AHEAD // max(num_bytes, 1)))
