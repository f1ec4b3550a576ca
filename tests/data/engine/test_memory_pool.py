"""Memory of batches is used again once nothing refers to it, and not before."""

import gc

import numpy as np
import pytest

from yt8m.data.engine.memory import ALIGNMENT, Pool

NUM_BYTES = 40 << 20


@pytest.fixture(autouse=True)
def _new_memory_is_zero(monkeypatch):
    """So old contents tell that memory is used again. What NumPy has from a large heap may hold anything."""
    monkeypatch.setattr(np, "empty", np.zeros)


def filled(pool: Pool, value: int) -> np.ndarray:
    array = pool.empty((NUM_BYTES,), np.uint8)
    array.fill(value)
    return array


def test_memory_is_used_again_for_arrays_as_large():
    pool = Pool()
    view = filled(pool, 7)[1000:2000]
    other = pool.empty((NUM_BYTES // 4,), np.float32)
    assert not other.any()  # a view still refers to the first
    assert (view == 7).all()
    del view
    gc.collect(1)
    again = pool.empty((NUM_BYTES // 8, 2), np.float32)
    assert (again.view(np.uint8) == 7).all()
    assert again.ctypes.data % ALIGNMENT == 0
    assert not np.shares_memory(again, other)


@pytest.mark.thorough
def test_a_pool_keeps_no_more_than_its_share():
    pool = Pool()
    arrays = [filled(pool, value) for value in range(1, 9)]
    del arrays
    gc.collect(1)
    anew = [pool.empty((NUM_BYTES,), np.uint8) for _ in range(8)]
    assert sum(bool(array[-1]) for array in anew) == (256 << 20) // NUM_BYTES == 6
