"""Runs a function on many items, in threads that do not keep the process alive."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from yt8m.data.access.retries import Stopped

Item = TypeVar("Item")
Result = TypeVar("Result")

_SECONDS_BETWEEN_TICKS = 0.2
_SECONDS_TO_END = 1.0


@dataclass(frozen=True)
class Outcome(Generic[Item, Result]):
    """The outcome for an item: its result, or the exception."""

    item: Item
    result: Result | None = None
    error: Exception | None = None


class Meter:
    """A counter for several threads."""

    def __init__(self):
        self._lock, self.value = threading.Lock(), 0

    def add(self, count: int) -> None:
        """Adds to the count. Any thread may call it."""
        with self._lock:
            self.value += count


def in_threads(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    num_threads: int,
    stopping: threading.Event,
    finished: Callable[[Outcome[Item, Result]], None],
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Runs `work` on all items, until all are done or `stopping` is set.

    An exception in this thread, such as Ctrl-C, sets `stopping`. It is raised when the threads have ended, or after a second:
    a thread that waits for a server may take longer, and ends with the process.

    Args:
        work: called in the threads, once per item. It checks `stopping` now and then, and raises `Stopped` if it is set.
        items: the items.
        num_threads: the largest number of threads.
        stopping: ends the work.
        finished: called in this thread with each outcome, except those that were stopped.
        tick: called in this thread several times a second.
    """
    todo: queue.SimpleQueue[Item] = queue.SimpleQueue()
    done: queue.SimpleQueue[Outcome[Item, Result]] = queue.SimpleQueue()
    for item in items:
        todo.put(item)

    shared = (work, todo, done, stopping)
    threads = [threading.Thread(target=_serve, args=shared, daemon=True) for _ in range(min(num_threads, len(items)))]
    try:
        for thread in threads:
            thread.start()
        remaining, next_tick = len(items), 0.0
        while remaining and not (stopping.is_set() and done.empty()):
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + _SECONDS_BETWEEN_TICKS
                tick()
            try:
                outcome = done.get(timeout=_SECONDS_BETWEEN_TICKS)
            except queue.Empty:
                continue
            remaining -= 1
            if not isinstance(outcome.error, Stopped):
                finished(outcome)
    except BaseException:
        stopping.set()
        raise
    finally:
        _wait_for(threads)


def _serve(
    work: Callable[[Item], Result],
    todo: "queue.SimpleQueue[Item]",
    done: "queue.SimpleQueue[Outcome[Item, Result]]",
    stopping: threading.Event,
) -> None:
    """Runs the work on one item after another, in its own thread."""
    while not stopping.is_set():
        try:
            item = todo.get_nowait()
        except queue.Empty:
            return
        try:
            done.put(Outcome(item, work(item)))
        except Exception as error:
            done.put(Outcome(item, error=error))


def _wait_for(threads: Sequence[threading.Thread]) -> None:
    """Waits for the threads for up to a second."""
    deadline = time.monotonic() + _SECONDS_TO_END
    for thread in threads:
        if thread.ident is not None:
            thread.join(max(0.0, deadline - time.monotonic()))
