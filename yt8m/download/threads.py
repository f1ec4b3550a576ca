"""The same work on many things, in threads that do not keep a process from ending."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from yt8m.download.client import Stopped

Item = TypeVar("Item")
Result = TypeVar("Result")

_SECONDS_BETWEEN_TICKS = 0.2
_SECONDS_TO_END = 1.0


class Meter:
    """A count that several threads add to."""

    def __init__(self):
        self._lock, self.value = threading.Lock(), 0

    def add(self, count: int) -> None:
        """Adds to it; from any thread."""
        with self._lock:
            self.value += count


def in_threads(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    num_threads: int,
    stopping: threading.Event,
    finished: Callable[[Item, Result | None, Exception | None], None],
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Works on all items, until all are done or `stopping` is set.

    An exception in this thread, such as Ctrl-C, sets `stopping` and is raised once the threads ended, or after a second:
    one that waits for a server would take longer, and ends with the process.

    Args:
        work: called in the threads.
        items: what with, each once.
        num_threads: at most.
        stopping: what `work` looks at now and then, to raise `Stopped`.
        finished: called in this thread with each item, and with its result or the exception that was raised. Not called
            for what was stopped.
        tick: called in this thread several times a second.
    """
    todo: queue.SimpleQueue[Item] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple] = queue.SimpleQueue()
    for item in items:
        todo.put(item)

    def serve() -> None:
        while not stopping.is_set():
            try:
                item = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((item, work(item), None))
            except Exception as error:
                done.put((item, None, error))

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(min(num_threads, len(items)))]
    try:
        for thread in threads:
            thread.start()
        remaining, next_tick = len(items), 0.0
        while remaining and not (stopping.is_set() and done.empty()):
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + _SECONDS_BETWEEN_TICKS
                tick()
            try:
                item, result, error = done.get(timeout=_SECONDS_BETWEEN_TICKS)
            except queue.Empty:
                continue
            remaining -= 1
            if not isinstance(error, Stopped):
                finished(item, result, error)
    except BaseException:
        stopping.set()
        raise
    finally:
        deadline = time.monotonic() + _SECONDS_TO_END
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
