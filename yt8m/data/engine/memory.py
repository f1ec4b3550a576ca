"""Memory for batches that is used again, and begins where TensorFlow, PyTorch and JAX take it without a copy."""

import math
import threading
import weakref
from collections.abc import Sequence

import numpy as np

ALIGNMENT = 64
"""Bytes. TensorFlow copies an array that begins elsewhere."""
_MOST_FREE_BYTES = 256 << 20


class _Slab:
    """Owns one piece of memory. It goes back to its pool when the last array on it is gone."""

    def __init__(self, memory: np.ndarray):
        self.memory = memory

    @property
    def __array_interface__(self):
        return self.memory.__array_interface__


class Pool:
    """Gives arrays, and takes their memory back once nothing refers to them. Safe to use in several threads.

    New memory costs more than the copy into it, because the system first fills every page of it with zeros.
    """

    def __init__(self):
        self._free: dict[int, list[np.ndarray]] = {}
        self._num_free = 0
        # Reentrant, as the garbage collector may give memory back while this thread takes or gives some.
        self._lock = threading.RLock()

    def empty(self, shape: Sequence[int], dtype: np.dtype | type) -> np.ndarray:
        """An array with arbitrary contents, writable, C-contiguous, at a multiple of `ALIGNMENT` bytes."""
        dtype = np.dtype(dtype)
        num_bytes = math.prod(shape) * dtype.itemsize
        if not num_bytes:
            return np.empty(shape, dtype)
        slab = _Slab(self._take(num_bytes))
        weakref.finalize(slab, self._give_back, slab.memory).atexit = False
        return np.asarray(slab)[:num_bytes].view(dtype).reshape(shape)

    def _take(self, num_bytes: int) -> np.ndarray:
        rounded = -(-num_bytes // ALIGNMENT) * ALIGNMENT
        with self._lock:
            if self._free.get(rounded):
                self._num_free -= rounded
                return self._free[rounded].pop()
        memory = np.empty(rounded + ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % ALIGNMENT
        return memory[start : start + rounded]

    def _give_back(self, memory: np.ndarray) -> None:
        with self._lock:
            if self._num_free + len(memory) <= _MOST_FREE_BYTES:
                self._free.setdefault(len(memory), []).append(memory)
                self._num_free += len(memory)


class Scratch:
    """Memory of one thread that each record is read into."""

    def __init__(self):
        self._memory = np.empty(1 << 19, np.uint8)

    def first(self, num_bytes: int) -> np.ndarray:
        """The first bytes of the memory, uint8 [num_bytes]."""
        if num_bytes > len(self._memory):
            self._memory = np.empty(2 * num_bytes, np.uint8)
        return self._memory[:num_bytes]
