"""Batches made in processes: equal to those of threads, whatever happens to the processes, which end with their stream."""

import gc
import gzip
import os
import time
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import pytest

from yt8m.data.arrays import read_batches
from yt8m.data.engine import processes, stream
from yt8m.data.engine.processes import Processes, Recipe
from yt8m.data.records import frame_level_record, framed
from yt8m.data.source import Source
from yt8m.errors import InputError, RecordError

VIDEOS_A_FILE = 40


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Three files of videos of 1 to 40 frames."""
    random = np.random.default_rng(5)
    directory = tmp_path_factory.mktemp("records")
    for number in range(3):
        records = []
        for video in range(VIDEOS_A_FILE):
            length = int(random.integers(1, 41))
            frames = {"rgb": random.integers(0, 256, (length, 1024), np.uint8)}
            frames["audio"] = random.integers(0, 256, (length, 128), np.uint8)
            records.append(frame_level_record(f"{number}_{video:02d}", sorted({video, number}), frames))
        (directory / f"train{number}.tfrecord").write_bytes(b"".join(map(framed, records)))
    return str(directory)


def own_processes() -> list[psutil.Process]:
    return [each for each in psutil.Process().children() if "yt8m.data.engine.processes" in " ".join(each.cmdline())]


def wait_for(number: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 60
    while len(found := own_processes()) != number:
        assert time.monotonic() < deadline, f"{len(found)} processes, not {number}"
        time.sleep(0.02)
    return found


@pytest.fixture
def made_by(monkeypatch):
    """Waits until all processes are ready before a second batch is begun, and counts whether they or threads made batches."""
    counts = {"processes": 0, "threads": 0}
    make = Processes.make

    def counted(self, number, items):
        batch = make(self, number, items)
        counts["threads" if batch is None else "processes"] += 1
        return batch

    monkeypatch.setattr(Processes, "_begin_in_background", Processes._begin)
    monkeypatch.setattr(Processes, "make", counted)
    return counts


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for key, values in one.items():
        assert (values.dtype, values.shape) == (other[key].dtype, other[key].shape), key
        np.testing.assert_array_equal(values, other[key], key)


@pytest.mark.parametrize(
    "options",
    [
        {"max_frames": 40},
        {"num_frames": 6, "shuffle": True, "seed": 3, "shuffle_buffer": 20, "repeat": True, "shard": (1, 2)},
        {"features": ("rgb",), "max_frames": 20, "drop_remainder": True},
    ],
    ids=["all frames", "shuffled, sampled, shared", "one feature"],
)
def test_processes_and_threads_make_the_same_batches(files, options, made_by):
    expected = islice(read_batches(files, 16, processes=0, **options), 20)
    found = list(islice(read_batches(files, 16, processes=2, **options), 20))
    for one, other in zip(found, expected, strict=True):
        assert_equal(one, other)
    assert made_by["processes"] > made_by["threads"]


def test_rated_segments_come_from_processes_too(sample, made_by):
    paths = str(sample / "3" / "frame" / "validate")
    expected = list(read_batches(paths, 16, level="segment", processes=0))
    for one, other in zip(read_batches(paths, 16, level="segment", processes=1), expected, strict=True):
        assert_equal(one, other)
    assert made_by["processes"] > 0


def test_batches_that_are_kept_are_not_written_over(files, made_by):
    def stream_of(number):
        return islice(read_batches(files, 8, num_frames=5, repeat=True, processes=number), 60)

    kept = list(stream_of(2))
    gc.collect()
    for one, other in zip(kept, stream_of(0), strict=True):
        assert_equal(one, other)
    assert all(batch["rgb"].ctypes.data % 64 == 0 for batch in kept)
    assert made_by["processes"] > 40


def test_memory_is_used_again(files, monkeypatch, made_by):
    slabs = []
    monkeypatch.setattr(processes._Slab, "__init__", _counting(processes._Slab.__init__, slabs))
    for _ in islice(read_batches(files, 8, num_frames=5, repeat=True, processes=2), 200):
        pass
    assert 0 < len(slabs) <= 2 * 5


def _counting(function, calls):
    def counted(self, *arguments):
        calls.append(arguments)
        function(self, *arguments)

    return counted


def test_a_stream_goes_on_when_its_processes_are_killed(files, made_by):
    expected = islice(read_batches(files, 8, num_frames=5, repeat=True, processes=0), 60)
    stream = iter(read_batches(files, 8, num_frames=5, repeat=True, processes=2))
    found = [next(stream)]
    victims = wait_for(2)
    for number in range(1, 60):
        if number in (20, 40):
            victims.pop().kill()
        found.append(next(stream))
    for one, other in zip(found, expected, strict=True):
        assert_equal(one, other)
    stream.close()
    assert made_by["processes"] > 20
    assert made_by["threads"] >= 20


def test_processes_end_with_the_stream_and_also_with_one_that_is_dropped(files):
    gc.collect()
    open_before = len(os.listdir("/proc/self/fd"))
    for stop in (lambda stream: stream.close(), lambda stream: None):
        stream = iter(read_batches(files, 8, repeat=True, max_frames=40, processes=2))
        next(stream)
        wait_for(2)
        next(stream)
        stop(stream)
        del stream
        gc.collect()
        wait_for(0)
    deadline = time.monotonic() + 20
    while (
        len(os.listdir("/proc/self/fd")) > open_before + 3 and time.monotonic() < deadline
    ):  # those of the record files
        time.sleep(0.02)
    assert len(os.listdir("/proc/self/fd")) <= open_before + 3


def test_a_damaged_record_is_named_at_its_place(files, tmp_path, made_by):
    path, content = tmp_path / "damaged.tfrecord", bytearray(Path(files, "train1.tfrecord").read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    stream = iter(read_batches(str(path), 8, max_frames=40, processes=1))
    assert [len(next(stream)["id"]) for _ in range(4)] == [8] * 4
    with pytest.raises(RecordError) as raised:
        next(stream)
    assert (raised.value.record, raised.value.reason) == (39, "its data do not match their checksum")


def test_records_in_the_memory_of_this_process_stay_there(tmp_path, files, made_by):
    path = tmp_path / "train.tfrecord"
    path.write_bytes(gzip.compress(Path(files, "train0.tfrecord").read_bytes(), 1))
    batches = list(read_batches(str(path), 8, max_frames=40, processes=1))
    assert sum(len(batch["id"]) for batch in batches) == VIDEOS_A_FILE
    assert made_by == {"processes": 0, "threads": 5}


class Clock:
    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.mark.parametrize(
    ("waited", "worked", "begins_after"),
    [(0.125, 0.0, 8), (0.125, 0.1, 8), (0.125, 0.15, None), (0.001, 0.0, None), (1.0, 1.0, 1)],
    ids=["nothing else is done", "mostly waiting", "mostly working", "short", "half"],
)
def test_processes_begin_when_batches_are_waited_for(monkeypatch, waited, worked, begins_after):
    clock, begun = Clock(), []
    monkeypatch.setattr(processes.time, "monotonic", clock.monotonic)
    monkeypatch.setattr(Processes, "_begin", lambda self, count, size: begun.append(count))
    some = Processes(4, Recipe(stream.maker, ()))
    first = None
    for number in range(1, 101):
        clock.now += waited
        some.after(waited, {})
        if begun and first is None:
            first = number
        clock.now += worked
    assert first == begins_after
    assert begun == ([4] if begins_after else [])


def test_which_streams_get_processes(monkeypatch):
    def number(level, asked, cores=4):
        monkeypatch.setattr(stream, "num_threads", lambda: cores)
        found = stream._processes(
            Source((), level, ("rgb",)), stream.Portion(processes=asked), Recipe(stream.maker, ())
        )
        return found and found._number

    assert [number("frame", each) for each in ("auto", 0, 1, 3)] == [4, None, 1, 3]
    assert [number("segment", "auto"), number("video", "auto"), number("video", 2)] == [4, None, None]
    assert number("frame", "auto", cores=1) is None
    monkeypatch.setattr(stream, "are_possible", lambda: False)
    assert number("frame", 3) is None


def test_a_number_of_processes_cannot_be_negative(files):
    with pytest.raises(InputError, match="processes is -1; it must be 0 or more"):
        read_batches(files, processes=-1)
