"""Reads bytes ahead in threads, within a bound of memory that all files share."""

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence

from yt8m.data.access.retries import Stopped

MOST_BYTES = 128 << 20
"""Bytes that all files together hold read ahead, or are reading. Besides, every file may have one chunk: the one that its reader
needs next, without which nothing would go on."""
RANGE_BYTES = 4 << 20
"""Bytes asked of a server at a time: so many that asking costs little beside sending."""
RANGES_AT_ONCE = 4
"""Ranges of one file that are asked for at the same time."""
LARGEST_SMALL_CHUNK = 1 << 20
_CHUNKS_AHEAD = 6
"""Most chunks of a file that are read ahead, or being read."""
THREAD_NAME = "yt8m-read-ahead"


class Memory:
    """Counts the bytes that are read ahead.

    Attributes:
        num_bytes: bytes read ahead, or being read.
        most_bytes: the bound.
        changed: notified whenever threads may go on. It guards this object and all queues that share it.
    """

    def __init__(self, most_bytes: int = MOST_BYTES):
        self.most_bytes, self.num_bytes = most_bytes, 0
        self.changed = threading.Condition()


_MEMORY = Memory()


def _begin_anew() -> None:
    """A forked process, such as a worker that loads data for PyTorch, has none of the threads that would release the lock."""
    global _MEMORY
    _MEMORY = Memory()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


class Queue:
    """The chunks of one file: threads put them in by number, in any order, and one reader takes them in order."""

    def __init__(self, memory: Memory, chunk_bytes: int):
        self._memory, self._chunk_bytes = memory, chunk_bytes
        self._results: dict[int, bytes | BaseException] = {}
        self._num_bytes: dict[int, int] = {}
        """Bytes by number of chunk: what was read, or what may be read."""
        self._next_claimed = self._next_taken = 0
        self._end: int | None = None
        """The number of chunks, once it is known."""
        self._is_closed = False

    def claim(self) -> int | None:
        """The number of the chunk to read next, as soon as there is room for it; None if all are read, or no more are wanted."""
        with self._memory.changed:
            self._memory.changed.wait_for(lambda: self._is_over() or self._has_room())
            if self._is_over():
                return None
            number, self._next_claimed = self._next_claimed, self._next_claimed + 1
            self._account(number, self._chunk_bytes)
            return number

    def _is_over(self) -> bool:
        return self._is_closed or (self._end is not None and self._next_claimed >= self._end)

    def _has_room(self) -> bool:
        ahead = self._next_claimed - self._next_taken
        fits = self._memory.num_bytes + self._chunk_bytes <= self._memory.most_bytes
        return ahead == 0 or (fits and ahead < _CHUNKS_AHEAD)

    def _account(self, number: int, num_bytes: int) -> None:
        self._memory.num_bytes += num_bytes - self._num_bytes.pop(number, 0)
        if num_bytes:
            self._num_bytes[number] = num_bytes

    def put(self, number: int, result: bytes | BaseException) -> None:
        """Hands over a claimed chunk, or the error that came in its place."""
        with self._memory.changed:
            if not self._is_closed:
                self._results[number] = result
                self._account(number, len(result) if isinstance(result, bytes) else 0)
                self._memory.changed.notify_all()

    def end(self, number: int) -> None:
        """Says that there is no claimed chunk of this number, nor any later one."""
        with self._memory.changed:
            self._end = number if self._end is None else min(number, self._end)
            self._account(number, 0)
            self._memory.changed.notify_all()

    def take(self) -> bytes | None:
        """The next chunk; None at the end.

        Raises:
            Stopped: the queue was closed.
            BaseException: the error that came in the chunk's place.
        """
        with self._memory.changed:
            number = self._next_taken
            self._memory.changed.wait_for(lambda: self._is_closed or number in self._results or self._end == number)
            if self._is_closed:
                raise Stopped
            if number not in self._results:
                return None
            result = self._results.pop(number)
            self._next_taken += 1
            self._account(number, 0)
            self._memory.changed.notify_all()
        if isinstance(result, BaseException):
            raise result
        return result

    def close(self) -> None:
        """Drops all chunks. No further one is wanted."""
        with self._memory.changed:
            self._is_closed = True
            self._results.clear()
            for number in list(self._num_bytes):
                self._account(number, 0)
            self._memory.changed.notify_all()


class Ahead:
    """An iterator over chunks that threads read ahead. It ends its threads when it is closed or no longer referred to.

    Threads start with the first chunk. They are daemons: one that waits for a silent server does not keep the process alive.

    Args:
        queue: where the threads put the chunks.
        works: what each thread does with the queue, until it gives nothing more to do.
        stop: called when it is closed, to end what the threads wait for.
    """

    def __init__(self, queue: Queue, works: Sequence[Callable[[Queue], None]], stop: Callable[[], None]):
        self._queue = queue
        self._threads = [
            threading.Thread(target=_run, args=(work, queue), name=THREAD_NAME, daemon=True) for work in works
        ]
        self._has_started = self._has_ended = False
        self._finalizer = weakref.finalize(self, _stop, queue, stop)
        self._finalizer.atexit = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._has_started:
            self._has_started = True
            for thread in self._threads:
                thread.start()
        chunk = None if self._has_ended else self._queue.take()
        if chunk is None:
            self._has_ended = True
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Ends the threads; each may finish what it is waiting for. Iterating on raises Stopped."""
        self._finalizer()


def _stop(queue: Queue, stop: Callable[[], None]) -> None:
    queue.close()
    stop()


def _run(work: Callable[[Queue], None], queue: Queue) -> None:
    with contextlib.suppress(Stopped):
        work(queue)


def ranges_ahead(
    part: Callable[[int, int], bytes], num_bytes: int, stop: Callable[[], None], memory: Memory | None = None
) -> Ahead:
    """Reads a file in ranges, several at once.

    Args:
        part: reads the bytes from one byte to another, in several threads.
        num_bytes: the size of the file.
        stop: see `Ahead`.
        memory: what is read ahead of all files; None = that of the process.
    """
    queue, count = Queue(memory or _MEMORY, RANGE_BYTES), -(-num_bytes // RANGE_BYTES)
    queue.end(count)

    def read(number: int) -> bytes | BaseException:
        begin = number * RANGE_BYTES
        try:
            return part(begin, min(begin + RANGE_BYTES, num_bytes))
        except BaseException as error:  # it is raised where the chunk is taken
            return error

    def work(queue: Queue) -> None:
        while (number := queue.claim()) is not None:
            queue.put(number, read(number))

    return Ahead(queue, [work] * min(RANGES_AT_ONCE, count), stop)


def chunks_ahead(
    chunks: Iterator[bytes], stop: Callable[[], None], memory: Memory | None = None, chunk_bytes: int | None = None
) -> Ahead:
    """Reads a generator of chunks in a thread.

    Args:
        chunks: bytes of any sizes up to `LARGEST_SMALL_CHUNK`. They are joined to larger ones.
        stop: see `Ahead`.
        memory: what is read ahead of all files; None = that of the process.
        chunk_bytes: most bytes of a chunk, at least `LARGEST_SMALL_CHUNK`; None = `RANGE_BYTES`.
    """

    chunk_bytes = chunk_bytes or max(RANGE_BYTES, LARGEST_SMALL_CHUNK)

    def work(queue: Queue) -> None:
        with contextlib.closing(_joined(chunks, chunk_bytes)) as joined:
            while (number := queue.claim()) is not None:
                try:
                    chunk = next(joined, None)
                except BaseException as error:  # it is raised where the chunk is taken
                    queue.put(number, error)
                    return
                if chunk is None:
                    queue.end(number)
                    return
                queue.put(number, chunk)

    return Ahead(Queue(memory or _MEMORY, chunk_bytes), [work], stop)


def _joined(chunks: Iterator[bytes], most: int) -> Iterator[bytes]:
    """The same bytes in fewer chunks of at most so many bytes. What comes before an error is given before it."""
    with contextlib.closing(chunks):
        parts, size = [], 0
        try:
            for chunk in chunks:
                parts.append(chunk)
                size += len(chunk)
                if size > most - LARGEST_SMALL_CHUNK:
                    yield b"".join(parts)
                    parts, size = [], 0
        except Exception as error:
            if parts:
                yield b"".join(parts)
            raise error
        if parts:
            yield b"".join(parts)
