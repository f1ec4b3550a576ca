"""Batches made in processes: equal to those of threads, whatever happens to the processes, which end with their stream."""

import gc
import gzip
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import pytest

from yt8m.data.arrays import read_batches
from yt8m.data.engine import processes, stream
from yt8m.data.engine.processes import Processes, Recipe
from yt8m.data.protos import Example
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
    """Those that run. Between its end and the question for its exit status, a process has no command line any more."""

    def is_own(process: psutil.Process) -> bool:
        try:
            return "yt8m.data.engine.processes" in " ".join(process.cmdline())
        except psutil.NoSuchProcess:  # or a zombie, which is a kind of it
            return False

    return list(filter(is_own, psutil.Process().children()))


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


@pytest.mark.thorough
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


@pytest.mark.thorough
def test_batches_that_are_kept_are_not_written_over(files, made_by):
    def stream_of(number):
        return islice(read_batches(files, 8, num_frames=5, repeat=True, processes=number), 60)

    kept = list(stream_of(2))
    gc.collect(1)
    for one, other in zip(kept, stream_of(0), strict=True):
        assert_equal(one, other)
    assert all(batch["rgb"].ctypes.data % 64 == 0 for batch in kept)
    assert made_by["processes"] > 40


@pytest.mark.thorough
def test_memory_is_used_again(files, monkeypatch, made_by):
    slabs = []
    monkeypatch.setattr(processes._Process, "_add_slab", _counting(processes._Process._add_slab, slabs))
    for _ in islice(read_batches(files, 8, num_frames=5, repeat=True, processes=2), 200):
        pass
    assert 0 < len(slabs) <= 2 * 5


def _counting(function, calls):
    def counted(self, *arguments):
        calls.append(arguments)
        function(self, *arguments)

    return counted


@pytest.mark.thorough
def test_descriptors_do_not_become_more_with_the_batches_that_are_kept(files, made_by):
    stream = iter(read_batches(files, 4, num_frames=5, repeat=True, processes=2))
    kept = [next(stream)]
    open_before = len(os.listdir("/proc/self/fd"))
    kept += islice(stream, 80)
    assert len(os.listdir("/proc/self/fd")) <= open_before + 2 * processes._MOST_SLABS + 3
    assert made_by["processes"] > 60
    for one, other in zip(kept, read_batches(files, 4, num_frames=5, repeat=True, processes=0), strict=False):
        assert_equal(one, other)
    assert all(batch["rgb"].ctypes.data % 64 == 0 for batch in kept)


@pytest.mark.parametrize(
    ("allowed", "asked", "begun", "slabs"), [(64, 2, 2, 6), (64, 16, 4, 2), (8, 2, 0, 0), (1024, 16, 16, 8)]
)
def test_few_descriptors_give_few_processes_and_slabs(monkeypatch, allowed, asked, begun, slabs):
    found = []

    class Process:
        def __init__(self, size, most, copies):
            found.append(most)

        def get_ready(self, recipe):
            return True

    monkeypatch.setattr(processes, "_Process", Process)
    monkeypatch.setattr(processes, "allowed_descriptors", lambda: allowed)
    Processes(asked, Recipe(stream.maker, ()))._begin(asked, 100)
    assert found == [slabs] * begun


@pytest.mark.thorough
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
    gc.collect(1)
    open_before = len(os.listdir("/proc/self/fd"))
    for stop in (lambda stream: stream.close(), lambda stream: None):
        stream = iter(read_batches(files, 8, repeat=True, max_frames=40, processes=2))
        next(stream)
        wait_for(2)
        next(stream)
        stop(stream)
        del stream
        gc.collect(1)
        wait_for(0)
    deadline = time.monotonic() + 20
    while (
        len(os.listdir("/proc/self/fd")) > open_before + 3 and time.monotonic() < deadline
    ):  # those of the record files
        time.sleep(0.02)
    assert len(os.listdir("/proc/self/fd")) <= open_before + 3


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_processes_keep_their_batches_and_leave_the_processes_alone(files, made_by):
    stream = iter(read_batches(files, 8, num_frames=5, repeat=True, processes=2))
    batches = list(islice(stream, 12))
    expected = [batch["rgb"].copy() for batch in batches]
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(writing)
            stream.close()
            os.read(reading, 1)
            status = 0 if all(map(np.array_equal, [batch["rgb"] for batch in batches], expected)) else 2
        finally:
            os._exit(status)
    victims = wait_for(2)
    del batches
    gc.collect(1)
    for _ in islice(stream, 60):
        pass
    os.write(writing, b".")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(reading)
    os.close(writing)
    before = made_by["processes"]
    for _ in islice(stream, 10):
        pass
    assert wait_for(2) == victims
    assert made_by["processes"] > before
    stream.close()


_KILLED = """
import os, sys, time
import psutil
from yt8m.data.arrays import read_batches
stream = iter(read_batches(sys.argv[1], 8, num_frames=5, repeat=True, processes=1))
next(stream)
while not (found := psutil.Process().children()):
    time.sleep(0.02)
next(stream)
child = os.fork()
if not child:
    os.close(1)
    time.sleep(60)
print(found[0].pid, child, flush=True)
os.kill(os.getpid(), 9)
"""


def test_processes_end_with_a_killed_process_though_one_that_it_forked_goes_on(files):
    found = subprocess.run([sys.executable, "-c", _KILLED, files], stdout=subprocess.PIPE, text=True, check=False)
    assert found.returncode == -signal.SIGKILL
    reader, forked = map(int, found.stdout.split())
    try:
        deadline = time.monotonic() + 20
        while psutil.pid_exists(reader) and psutil.Process(reader).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert psutil.pid_exists(forked)
    finally:
        os.kill(forked, signal.SIGKILL)


_DROPPED = """
import sys, time
import psutil
from yt8m.data.arrays import read_batches
stream = iter(read_batches(sys.argv[1], 8, num_frames=5, repeat=True, processes=1))
next(stream)
while not psutil.Process().children():
    time.sleep(0.02)
kept = [next(stream) for _ in range(20)]
"""


def test_nothing_is_printed_when_python_ends_during_a_stream(files):
    command = [sys.executable, "-W", "error", "-c", _DROPPED, files]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_a_stopped_process_is_woken_and_ends_with_its_stream(files, made_by, monkeypatch):
    monkeypatch.setattr(processes, "_SECONDS_UNTIL_AWAKE", 0.1)
    stream = iter(read_batches(files, 8, num_frames=5, repeat=True, processes=1))
    next(stream)
    (process,) = wait_for(1)
    for _ in range(2):
        process.suspend()
        before = made_by["processes"]
        list(islice(stream, 20))
    assert made_by["processes"] > before
    process.suspend()
    stream.close()
    wait_for(0)


@pytest.mark.parametrize("program", ["", None, "/usr/sbin/uwsgi"])
def test_no_other_program_is_begun_in_the_place_of_python(monkeypatch, program):
    assert processes.are_possible()
    monkeypatch.setattr(sys, "executable", program)
    assert not processes.are_possible()


def test_no_program_is_begun_a_second_time_that_python_is_packed_into(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert not processes.are_possible()


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/false"])
def test_threads_go_on_without_a_word_if_processes_cannot_begin(files, monkeypatch, made_by, capfd, program):
    monkeypatch.setattr(stream, "are_possible", lambda: True)
    monkeypatch.setattr(sys, "executable", program)
    expected = islice(read_batches(files, 8, num_frames=5, repeat=True, processes=0), 12)
    for one, other in zip(
        islice(read_batches(files, 8, num_frames=5, repeat=True, processes=2), 12), expected, strict=True
    ):
        assert_equal(one, other)
    assert made_by["processes"] == 0
    assert capfd.readouterr() == ("", "")
    wait_for(0)


def test_processes_print_nothing_and_begin_as_this_one_did(files, tmp_path, monkeypatch, made_by, capfd):
    (tmp_path / "sitecustomize.py").write_text("import sys\nprint('out')\nprint('err', file=sys.stderr)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [tmp_path, *sys.path])  # no text, so Python passes over it
    monkeypatch.setattr(sys, "warnoptions", ["error"])
    list(islice(read_batches(files, 8, num_frames=5, repeat=True, processes=1), 12))
    assert made_by["processes"] > 0
    assert capfd.readouterr() == ("", "")


def test_processes_find_this_package_from_another_directory(files, tmp_path, monkeypatch, made_by):
    monkeypatch.setattr(sys, "path", ["", *[each for each in sys.path if each != processes._HOME]])
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (tmp_path / "yt8m").mkdir()
    (tmp_path / "yt8m" / "__init__.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    list(islice(read_batches(files, 8, num_frames=5, repeat=True, processes=1), 12))
    assert made_by["processes"] > 0


def test_labels_from_a_pipe_are_read_by_this_process_alone(tmp_path):
    def found(labels):
        portion = stream.Portion(processes=2)
        source = Source((), "frame", ("rgb",), labels=str(labels))
        return stream._processes(source, portion, Recipe(stream.maker, ()))

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "labels.csv").write_text("id,labels\n")
    assert found(tmp_path / "pipe") is None
    assert found(tmp_path / "labels.csv") is not None


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
    assert number("segment", "auto") == 4
    assert number("frame", "auto", cores=1) is None
    monkeypatch.setattr(stream, "are_possible", lambda: False)
    assert number("frame", 3) is None


def test_video_level_records_are_left_to_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "Processes", None)  # cannot be called
    record = Example()
    record.features.feature["id"].bytes_list.value.append(b"a")
    record.features.feature["mean_audio"].float_list.value.extend([0.5] * 128)
    (tmp_path / "a.tfrecord").write_bytes(framed(record.SerializeToString()))
    batches = read_batches(str(tmp_path / "a.tfrecord"), level="video", features=("audio",), processes=2)
    assert [batch["id"].tolist() for batch in batches] == [[b"a"]]


def test_a_number_of_processes_cannot_be_negative(files):
    with pytest.raises(InputError, match="processes is -1; it must be 0 or more"):
        read_batches(files, processes=-1)
