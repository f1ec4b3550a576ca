"""Batches made in several threads: their order, their errors, their memory, and the end of the threads."""

import gc
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from yt8m.data.engine import batches
from yt8m.data.engine.batches import most_waiting, stream_batches
from yt8m.data.engine.memory import ALIGNMENT, Pool, Scratch
from yt8m.errors import RecordError


@pytest.fixture(params=[1, 2, 7])
def threads(request, monkeypatch):
    monkeypatch.setattr(batches, "num_threads", lambda: request.param)
    return request.param


def numbered(number, items, pool, scratch):
    time.sleep(0.002 * (number % 3 == 0))  # later batches are made before earlier ones
    return {"number": number, "items": items}


def test_batches_come_in_order_whatever_the_number_of_threads(threads):
    found = list(stream_batches(iter(range(50)), numbered, 4, first=10))
    assert [batch["number"] for batch in found] == [*range(10, 23)]
    assert [item for batch in found for item in batch["items"]] == [*range(50)]
    assert len(found[-1]["items"]) == 2


def test_a_smaller_last_batch_can_be_left_out(threads):
    assert len(list(stream_batches(iter(range(50)), numbered, 4, drop_remainder=True))) == 12


def test_errors_come_at_their_place_in_the_stream(threads):
    def items():
        yield from range(9)
        raise RecordError("a.tfrecord", 9, "is cut off")

    stream = stream_batches(items(), numbered, 2)
    assert [next(stream)["items"] for _ in range(4)] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    with pytest.raises(RecordError, match=r"a\.tfrecord, record 9"):
        next(stream)

    def make(number, items, pool, scratch):
        if number >= 3:
            raise RecordError("b.tfrecord", number, "is bad")
        return numbered(number, items, pool, scratch)

    stream = stream_batches(iter(range(100)), make, 2)
    assert [next(stream)["number"] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RecordError, match=r"b\.tfrecord, record 3"):
        next(stream)


@pytest.mark.parametrize("drop_remainder", [False, True])
def test_several_batches_are_made_in_one_go(threads, drop_remainder):
    def make(number, items, pool, scratch):
        for first in range(0, len(items), 4):
            yield {"call": number, "items": items[first : first + 4]}

    def found(num_items):
        stream = stream_batches(iter(range(num_items)), make, 4, several=3, drop_remainder=drop_remainder)
        return [(batch["call"], len(batch["items"])) for batch in stream]

    # First one, then two, then three of them.
    assert found(24) == [(0, 4), *[(1, 4)] * 2, *[(2, 4)] * 3]
    assert found(34) == [(0, 4), *[(1, 4)] * 2, *[(2, 4)] * 3, *[(3, 4)] * 2, *[(3, 2)] * (not drop_remainder)]
    assert found(3) == [(0, 3)] * (not drop_remainder)


def test_batches_whose_items_come_slowly_are_made_one_by_one(monkeypatch):
    """Items take a millisecond at first, then 30, then one again."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(batches.time, "monotonic", lambda: clock.now)
    sizes = []

    def items():
        for number in range(60):
            clock.now += 0.03 if 14 <= number < 26 else 0.001
            yield number

    def make(number, items, pool, scratch):
        sizes.append(len(items) // 2)
        for first in range(0, len(items), 2):
            yield {"items": items[first : first + 2]}

    made = list(stream_batches(items(), make, 2, several=4))
    assert [item for batch in made for item in batch["items"]] == [*range(60)]
    assert sizes == [1, 2, 4, 4, 2, 1, 2, 4, 4, 4, 2]


def test_batches_made_in_one_go_come_before_the_error_of_one_of_them(threads):
    def make(number, items, pool, scratch):
        for first in range(0, len(items), 2):
            if 9 in items[first : first + 2]:
                raise RecordError("b.tfrecord", 9, "is bad")
            yield {"items": items[first : first + 2]}

    def items():
        yield from range(7)
        raise RecordError("a.tfrecord", 7, "is cut off")

    for source, path in ((iter(range(100)), "b"), (items(), "a")):
        found = []
        with pytest.raises(RecordError, match=rf"{path}\.tfrecord"):
            found.extend(stream_batches(source, make, 2, several=3))
        assert [batch["items"] for batch in found] == [[0, 1], [2, 3], [4, 5], [6, 7]][: 4 if path == "b" else 3]


def test_only_so_many_batches_are_made_ahead(threads):
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    stream = stream_batches(items(), numbered, 1)
    for number in range(5):
        next(stream)
        assert len(taken) <= number + 1 + threads + 1
    stream.close()


def test_very_large_batches_are_not_made_ahead_by_every_thread(monkeypatch):
    monkeypatch.setattr(batches, "num_threads", lambda: 16)
    assert most_waiting(1 << 20) == 17
    assert most_waiting(64 << 20) == 4
    assert most_waiting(1 << 30) == 2


def test_threads_end_with_the_stream_and_also_with_one_that_is_dropped(threads):
    before = threading.enumerate()  # streams of other tests, which fixtures may hold

    def alive():
        return [each for each in threading.enumerate() if each.name.startswith("yt8m-batches") and each not in before]

    for stop in (lambda stream: stream.close(), lambda stream: None):
        stream = stream_batches(iter(range(10**6)), numbered, 1)
        next(stream)
        assert alive()
        stop(stream)
        del stream
        if alive():
            gc.collect(1)
        deadline = time.monotonic() + 5
        while alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not alive()


def test_each_thread_has_memory_of_its_own_to_read_into(threads):
    def make(number, items, pool, scratch):
        assert isinstance(scratch, Scratch)
        memory = scratch.first(1000)
        memory[:] = number % 251
        time.sleep(0.001)
        return {"values": set(memory.tolist())}

    assert [batch["values"] for batch in stream_batches(iter(range(40)), make, 1)] == [{number} for number in range(40)]


def test_arrays_of_a_pool_are_aligned_and_writable():
    pool = Pool()
    for shape, dtype in (((3, 5, 7), np.uint8), ((2, 9), np.float32), ((1,), np.float16), ((4, 0), np.int32)):
        array = pool.empty(shape, dtype)
        assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
        assert array.flags.writeable
        assert array.flags.c_contiguous
        if array.size:
            assert array.ctypes.data % ALIGNMENT == 0


def test_memory_serves_again_only_when_nothing_refers_to_it():
    pool = Pool()
    first = pool.empty((100,), np.uint8)
    first[:] = 7
    address, part = first.ctypes.data, first[50:60]
    del first
    second = pool.empty((100,), np.uint8)
    second[:] = 9
    assert second.ctypes.data != address
    assert part.tolist() == [7] * 10
    del part
    assert pool.empty((100,), np.uint8).ctypes.data == address


def test_memory_may_come_back_while_some_is_taken():
    """The garbage collector runs at any time, also in the thread that holds the pool's lock."""
    pool, ended = Pool(), threading.Event()

    def come_back():
        with pool._lock:
            array = pool.empty([100], np.uint8)
            del array
        ended.set()

    threading.Thread(target=come_back, daemon=True).start()
    assert ended.wait(10)
