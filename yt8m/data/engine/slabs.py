"""Slabs: memory that a process makes a batch in and another reads it from, without a copy."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from yt8m.data.engine.memory import ALIGNMENT

GAPS_BYTES = 64 * ALIGNMENT
"""Bytes of a slab for the gaps between the arrays of a batch."""


class Lent:
    """The arrays of a batch refer to this, which refers to the memory."""

    def __init__(self, memory: np.ndarray):
        self.__array_interface__ = memory.__array_interface__
        self.memory = memory


class Place(NamedTuple):
    """Where an array lies in a slab."""

    begin: int
    shape: tuple[int, ...]
    dtype: np.dtype


def array_at(memory: np.ndarray, place: Place) -> np.ndarray:
    """An array that lies in a slab."""
    count = math.prod(place.shape) * place.dtype.itemsize
    return memory[place.begin : place.begin + count].view(place.dtype).reshape(place.shape)


class SlabPool:
    """Gives arrays in a slab, in place of `yt8m.data.engine.memory.Pool`."""

    def __init__(self):
        self._memory, self._used = np.empty(0, np.uint8), 0

    def begin(self, memory: np.ndarray) -> None:
        """All further arrays lie in this memory, as long as there is room."""
        self._memory, self._used = memory, 0

    def empty(self, shape: Sequence[int], dtype: np.dtype | type) -> np.ndarray:
        """See `Pool`."""
        place = Place(self._used, tuple(shape), np.dtype(dtype))
        size = math.prod(place.shape) * place.dtype.itemsize
        if self._used + size > len(self._memory):
            return np.empty(shape, dtype)
        self._used += -(-size // ALIGNMENT) * ALIGNMENT
        return array_at(self._memory, place)

    def sent(self, value: Any) -> Any:
        """An array in the slab as its place there, anything else as it is."""
        if not isinstance(value, np.ndarray) or not value.size or not value.flags.c_contiguous or value.dtype.hasobject:
            return value
        begin = value.ctypes.data - self._memory.ctypes.data
        return Place(begin, value.shape, value.dtype) if 0 <= begin < len(self._memory) else value
