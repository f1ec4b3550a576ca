"""Processes that make batches, for streams that threads are too slow for.

Finding the frames of a video takes some Python, which only one thread of a process runs at a time. Processes share nothing but
the memory that batches are made in. They begin once whoever takes the batches has waited for long, so that short streams and
slow models pay nothing for them. A batch is the same whoever makes it.
"""

import contextlib
import mmap
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from yt8m.data.engine.memory import Pool, Scratch
from yt8m.data.engine.records import BareFile, LocalFile, Record, allowed_descriptors
from yt8m.data.engine.slabs import GAPS_BYTES, Lent, Place, SlabPool, array_at

PATIENCE = 1.0
"""Seconds of waiting for batches after which processes begin, if they are at least half of the time so far."""
_MOST_SLABS = 8
"""Batches of one process that may lie in the memory it makes them in. More are copied: each takes a file descriptor."""
_DESCRIPTORS_A_PROCESS = 4
_SHARE_OF_DESCRIPTORS = 4
"""At most every fourth file descriptor is for processes. Some systems allow few."""
_SECONDS_UNTIL_AWAKE = 10.0
_SECONDS_TO_END = 5.0
_SECONDS_TO_NOTICE = 2.0
_HOME = str(Path(__file__).absolute().parents[3])
"""Where this package lies: a directory, or an archive."""
_START = (
    "import sys; sys.path[:] = {path!r}; from yt8m.data.engine.processes import serve; serve({descriptor}, {parent})"
)

Make = Callable[[int, list[Any], Pool | SlabPool, Scratch], dict[str, Any]]
"""Makes a batch from its number in the stream and its items."""


class Recipe(NamedTuple):
    """How another process gets the function that makes batches: a function of a module, and what to call it with."""

    maker: Callable[..., Make]
    arguments: tuple[Any, ...]


def are_possible() -> bool:
    """Whether this system has what they need: memory that processes share without a name (Linux), and Python as a program.

    Where Python is a part of another program, that program would start a second time.
    """
    has_python = "py" in os.path.basename(sys.executable or "") and not getattr(sys, "frozen", False)
    return has_python and hasattr(os, "memfd_create") and hasattr(socket, "send_fds")


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
        self._copies = Pool()
        self._waited, self._begun, self._closed = 0.0, None, False

    def after(self, waited: float, batch: dict[str, Any]) -> None:
        """Takes note of how long a batch was waited for. Begins the processes if this was too long."""
        now = time.monotonic()
        self._begun = self._begun or now - waited
        self._waited += waited
        if self._number and self._waited >= max(self._patience, (now - self._begun) / 2 if self._patience else 0):
            count, self._number = self._number, 0
            size = sum(getattr(value, "nbytes", 0) for value in batch.values()) + GAPS_BYTES
            self._begin_in_background(count, size)

    def _begin_in_background(self, count: int, size: int) -> None:
        with contextlib.suppress(RuntimeError):  # the system has no thread left
            threading.Thread(target=self._begin, args=(count, size), name="yt8m-processes", daemon=True).start()

    def _begin(self, count: int, size: int) -> None:
        """Begins as many processes as the system allows."""
        allowed = allowed_descriptors() // _SHARE_OF_DESCRIPTORS
        count = min(count, allowed // _DESCRIPTORS_A_PROCESS)
        for _ in range(count):
            # No lock: the garbage collector may close the stream in this thread.
            with contextlib.suppress(OSError):
                self._all.append(_Process(size, min(_MOST_SLABS, allowed // count - 2), self._copies))
            if self._closed:
                self.close()
                return
        for process in self._all:
            if process.get_ready(self._recipe):
                self._idle.put(process)
            else:
                process.close()

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
        self._closed = True
        for process in list(self._all):
            process.close()


_num_forks = 0
_begun: "weakref.WeakSet[_Process]" = weakref.WeakSet()


def _count_fork() -> None:
    global _num_forks
    _num_forks += 1


def _leave_alone() -> None:
    """In a forked process: leaves the processes to the one that began them."""
    for process in list(_begun):
        process.forget()
    _begun.clear()


if hasattr(os, "register_at_fork"):
    # Before and after: between the two, another thread may lend a slab and take it back.
    os.register_at_fork(before=_count_fork, after_in_parent=_count_fork, after_in_child=_leave_alone)


class _Process:
    """A process, and slabs: memory shared with it, each for one batch until the last array on it is gone.

    Args:
        size: bytes of a slab.
        most: how many slabs it may have.
        copies: gives the memory of the batches that do not stay in a slab.
    """

    def __init__(self, size: int, most: int, copies: Pool):
        self._size, self._most, self._copies = size, most, copies
        self._slabs: dict[int, np.ndarray] = {}
        self._free: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        """Slabs that are not lent, and the number of forks when they were."""
        self._socket, theirs = socket.socketpair()
        with contextlib.ExitStack() as undo:
            undo.callback(self._socket.close)
            with theirs:
                self._process = _begin_python(
                    _START.format(path=_import_path(), descriptor=theirs.fileno(), parent=os.getpid()), theirs
                )
            self._connection = Connection(os.dup(self._socket.fileno()))
            undo.pop_all()
        # Not before, as a thread may still be waiting there.
        weakref.finalize(self, _close_both, self._connection, self._socket)
        _begun.add(self)

    def get_ready(self, recipe: Recipe) -> bool:
        """Waits until it can make batches; False if it never will."""
        try:
            self._connection.send(recipe)
            return self._connection.recv()
        except (OSError, EOFError):
            return False

    def make(self, number: int, items: list[Any]) -> dict[str, Any] | None:
        """A batch; None if the process could not make it. Raises OSError or EOFError if the process has ended."""
        place = self._take_slab()
        self._connection.send((number, items, place))
        while not self._connection.poll(_SECONDS_UNTIL_AWAKE):
            self._process.send_signal(signal.SIGCONT)  # somebody may have stopped it, and not this process
        found, forks = self._connection.recv(), _num_forks
        if found is None:
            self._free.put((place, forks))
            return None
        lent = Lent(self._slabs[place])
        weakref.finalize(lent, self._free.put, (place, forks)).atexit = False
        memory = np.asarray(lent)
        is_last = self._free.empty() and len(self._slabs) >= self._most

        def array(value: Place) -> np.ndarray:
            return self._copied(array_at(memory, value)) if is_last else array_at(memory, value)

        return {name: array(value) if isinstance(value, Place) else value for name, value in found.items()}

    def _copied(self, array: np.ndarray) -> np.ndarray:
        copy = self._copies.empty(array.shape, array.dtype)
        copy[...] = array
        return copy

    def _take_slab(self) -> int:
        try:
            place, forks = self._free.get_nowait()
        except queue.Empty:
            place, forks = len(self._slabs), None
        if forks != _num_forks:  # a forked process may still have the batch that was in it, and would see the next one
            self._add_slab(place)
        return place

    def _add_slab(self, place: int) -> None:
        descriptor = os.memfd_create("yt8m-batch", os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, self._size)
            memory = np.frombuffer(mmap.mmap(descriptor, self._size), np.uint8)
            self._connection.send((place, self._size))
            socket.send_fds(self._socket, [b"m"], [descriptor])
        finally:
            os.close(descriptor)
        self._slabs[place] = memory

    def close(self) -> None:
        """Ends the process. Whoever waits for it meets an EOFError."""
        with contextlib.suppress(OSError):  # it has ended by itself
            self._socket.shutdown(socket.SHUT_RDWR)
        self._process.kill()  # which also ends one that is stopped
        with contextlib.suppress(subprocess.TimeoutExpired):  # it waits for a disk, and ends after that
            self._process.wait(_SECONDS_TO_END)

    def forget(self) -> None:
        """In a forked process: makes sure that nothing here reaches the process, or keeps it alive."""
        _close_both(self._connection, self._socket)
        self._process.returncode = 0


def _begin_python(code: str, theirs: socket.socket) -> subprocess.Popen:
    # In a session of its own: Ctrl-C is for this process, whose end is the end of that one. It prints nothing: what it would
    # say, this process says, which meets the same errors.
    return subprocess.Popen(
        [sys.executable, *subprocess._args_from_interpreter_flags(), "-c", code],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,
    )


def _import_path() -> list[str]:
    """Where modules are found. An empty text is the working directory, which may be another one by now."""
    empty = "" if _HOME in sys.path else _HOME
    return [each or empty for each in sys.path if isinstance(each, str)]


def _close_both(connection: Connection, other: socket.socket) -> None:
    connection.close()
    other.close()


def _next_order(connection: Connection, parent: int) -> Any:
    """Waits for an order. Raises EOFError if the parent has ended, also if a process that it forked still holds its socket."""
    while not connection.poll(_SECONDS_TO_NOTICE):
        if os.getppid() != parent:
            raise EOFError
    return connection.recv()


def serve(descriptor: int, parent: int) -> None:
    """What such a process does: makes batches until the other side is gone.

    Args:
        descriptor: the socket that its orders come through.
        parent: the process that it makes them for.
    """
    stream = socket.socket(fileno=descriptor)
    connection = Connection(os.dup(descriptor))
    slabs: dict[int, np.ndarray] = {}
    pool, scratch = SlabPool(), Scratch()
    with contextlib.suppress(EOFError, OSError):
        recipe = _next_order(connection, parent)
        make = recipe.maker(*recipe.arguments)
        connection.send(True)
        while True:
            order = _next_order(connection, parent)
            if len(order) == 2:
                place, size = order
                _, [shared], _, _ = socket.recv_fds(stream, 1, 1)
                slabs[place] = np.frombuffer(mmap.mmap(shared, size), np.uint8)
                os.close(shared)
                continue
            number, items, place = order
            pool.begin(slabs[place])
            try:
                batch = {name: pool.sent(value) for name, value in make(number, items, pool, scratch).items()}
            except Exception:  # the other side makes the batch itself, and so meets the error
                batch = None
            connection.send(batch)
