"""Processes that make batches, for streams that threads are too slow for.

Finding the frames of a video takes some Python, which only one thread of a process runs at a time. Processes share nothing but
the memory that batches are made in. They begin once whoever takes the batches has waited for long, so that short streams and
slow models pay nothing for them. A batch is the same whoever makes it.
"""

import contextlib
import mmap
import os
import queue
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np

from yt8m.data.engine.memory import ALIGNMENT, Scratch
from yt8m.data.engine.records import BareFile, LocalFile, Record

PATIENCE = 1.0
"""Seconds of waiting for batches after which processes begin, if they are at least half of the time so far."""
_SLACK = 64 * ALIGNMENT
"""Bytes, for the gaps between the arrays of a batch."""
_START = "import sys; sys.path[:] = {path!r}; from yt8m.data.engine.processes import serve; serve({descriptor})"

Make = Callable[[int, list[Any], Any, Scratch], dict[str, Any]]
"""See `yt8m.data.engine.batches`."""


class Recipe(NamedTuple):
    """How another process gets the function that makes batches: a function of a module, and what to call it with."""

    maker: Callable[..., Make]
    arguments: tuple[Any, ...]


def are_possible() -> bool:
    """Whether this system has what they need: memory that processes share without a name (Linux)."""
    return hasattr(os, "memfd_create") and hasattr(socket, "send_fds")


def _are_places(items: Sequence[Any]) -> bool:
    """Whether the records are places in local files. Others are in the memory of this process, and stay there."""
    first = items[0] if isinstance(items[0], Record) else items[0].record
    return isinstance(first.content, LocalFile | BareFile)


class Processes:
    """Processes for one stream.

    Args:
        number: how many.
        recipe: what makes a batch.
        at_once: begin with the first batch, and do not wait until they are needed.
    """

    def __init__(self, number: int, recipe: Recipe, *, at_once: bool = False):
        self._number, self._recipe = number, recipe
        self._patience = 0.0 if at_once else PATIENCE
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        self._all: list[_Process] = []
        self._lock = threading.Lock()
        self._waited, self._begun, self._closed = 0.0, None, False

    def after(self, waited: float, batch: dict[str, Any]) -> None:
        """Takes note of how long a batch was waited for. Begins the processes if this was too long."""
        now = time.monotonic()
        self._begun = self._begun or now - waited
        self._waited += waited
        if self._number and self._waited >= max(self._patience, (now - self._begun) / 2 if self._patience else 0):
            count, self._number = self._number, 0
            size = sum(getattr(value, "nbytes", 0) for value in batch.values()) + _SLACK
            self._begin_in_background(count, size)

    def _begin_in_background(self, count: int, size: int) -> None:
        threading.Thread(target=self._begin, args=(count, size), name="yt8m-processes", daemon=True).start()

    def _begin(self, count: int, size: int) -> None:
        for _ in range(count):
            with self._lock:
                if self._closed:
                    return
                self._all.append(_Process(self._recipe, size))
        for process in self._all:
            if process.is_ready():
                self._idle.put(process)

    def make(self, number: int, items: list[Any]) -> dict[str, Any] | None:
        """Has a batch made by a process.

        Returns:
            The batch; None if no process is free or can make it. The caller then makes it, and meets the error if there is one.
        """
        if not _are_places(items):
            return None
        try:
            process = self._idle.get_nowait()
        except queue.Empty:
            return None
        try:
            batch = process.make(number, items)
        except (OSError, EOFError):  # somebody killed it
            process.close()
            return None
        self._idle.put(process)
        return batch

    def close(self) -> None:
        """Ends the processes. Batches stay valid."""
        with self._lock:
            self._closed = True
            for process in self._all:
                process.close()


class _Slab:
    """Memory of a batch, shared with one process, which it goes back to when the last array on it is gone."""

    def __init__(self, size: int):
        self.descriptor = os.memfd_create("yt8m-batch", os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, size)
        self.memory = np.frombuffer(mmap.mmap(self.descriptor, size), np.uint8)

    def close(self) -> None:
        os.close(self.descriptor)


class _Lent:
    """The arrays of a batch refer to this, which refers to the memory."""

    def __init__(self, memory: np.ndarray):
        self.__array_interface__ = memory.__array_interface__
        self.memory = memory


class _Place(NamedTuple):
    """Where an array lies in a slab."""

    begin: int
    shape: tuple[int, ...]
    dtype: np.dtype


class _Process:
    def __init__(self, recipe: Recipe, size: int):
        self._size = size
        self._slabs: list[_Slab] = []
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._socket, theirs = socket.socketpair()
        with theirs:
            code = _START.format(path=sys.path, descriptor=theirs.fileno())
            # In a session of its own: Ctrl-C is for this process, whose end is the end of that one.
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,
            )
        self._connection = Connection(os.dup(self._socket.fileno()))
        # Not before, as a thread may still be waiting there.
        weakref.finalize(self, _close_both, self._connection, self._socket).atexit = False
        with contextlib.suppress(OSError):  # it has ended; `is_ready` will say so
            self._connection.send(recipe)

    def is_ready(self) -> bool:
        """Waits until it can make batches; False if it never will."""
        try:
            return self._connection.recv()
        except (OSError, EOFError):
            return False

    def make(self, number: int, items: list[Any]) -> dict[str, Any] | None:
        """A batch; None if the process could not make it. Raises OSError or EOFError if the process has ended."""
        place = self._take_slab()
        self._connection.send((number, items, place))
        found = self._connection.recv()
        if found is None:
            self._free.put(place)
            return None
        lent = _Lent(self._slabs[place].memory)
        weakref.finalize(lent, self._free.put, place).atexit = False
        memory = np.asarray(lent)
        return {name: _at(memory, value) if isinstance(value, _Place) else value for name, value in found.items()}

    def _take_slab(self) -> int:
        try:
            return self._free.get_nowait()
        except queue.Empty:
            slab = _Slab(self._size)
            self._slabs.append(slab)
            self._connection.send(self._size)
            socket.send_fds(self._socket, [b"m"], [slab.descriptor])
            slab.close()
            return len(self._slabs) - 1

    def close(self) -> None:
        """Ends the process. Whoever waits for it meets an EOFError."""
        with contextlib.suppress(OSError):  # it has ended by itself
            self._socket.shutdown(socket.SHUT_RDWR)
        self._process.terminate()
        self._process.wait()


def _close_both(connection: Connection, other: socket.socket) -> None:
    connection.close()
    other.close()


def _at(memory: np.ndarray, place: _Place) -> np.ndarray:
    count = int(np.prod(place.shape)) * place.dtype.itemsize
    return memory[place.begin : place.begin + count].view(place.dtype).reshape(place.shape)


class _SlabPool:
    """Gives arrays in a slab, in place of `yt8m.data.engine.memory.Pool`."""

    def __init__(self):
        self._memory, self._used = np.empty(0, np.uint8), 0

    def begin(self, memory: np.ndarray) -> None:
        """All further arrays lie in this memory, as long as there is room."""
        self._memory, self._used = memory, 0

    def empty(self, shape: Sequence[int], dtype: np.dtype | type) -> np.ndarray:
        """See `Pool`."""
        place = _Place(self._used, tuple(shape), np.dtype(dtype))
        size = int(np.prod(place.shape)) * place.dtype.itemsize
        if self._used + size > len(self._memory):
            return np.empty(shape, dtype)
        self._used += -(-size // ALIGNMENT) * ALIGNMENT
        return _at(self._memory, place)

    def sent(self, value: Any) -> Any:
        """An array in the slab as its place there, anything else as it is."""
        if not isinstance(value, np.ndarray) or not value.size or not value.flags.c_contiguous or value.dtype.hasobject:
            return value
        begin = value.ctypes.data - self._memory.ctypes.data
        return _Place(begin, value.shape, value.dtype) if 0 <= begin < len(self._memory) else value


def serve(descriptor: int) -> None:
    """What such a process does: makes batches until the other side is gone.

    Args:
        descriptor: the socket that its orders come through.
    """
    stream = socket.socket(fileno=descriptor)
    connection = Connection(os.dup(descriptor))
    slabs: list[np.ndarray] = []
    pool, scratch = _SlabPool(), Scratch()
    with contextlib.suppress(EOFError, OSError):
        recipe = connection.recv()
        make = recipe.maker(*recipe.arguments)
        connection.send(True)
        while True:
            order = connection.recv()
            if isinstance(order, int):
                _, [shared], _, _ = socket.recv_fds(stream, 1, 1)
                slabs.append(np.frombuffer(mmap.mmap(shared, order), np.uint8))
                os.close(shared)
                continue
            number, items, place = order
            pool.begin(slabs[place])
            try:
                batch = {name: pool.sent(value) for name, value in make(number, items, pool, scratch).items()}
            except Exception:  # the other side makes the batch itself, and so meets the error
                batch = None
            connection.send(batch)
