"""Records of files that are compressed or behind a network are those of the same file, plain and local."""

import gc
import gzip
import os
import random
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from misbehaving_server import QUICK, Fault, Served, serve

from yt8m.data.access import web, web_reading
from yt8m.data.access.retries import Patience, Stopped
from yt8m.data.endings import broken_end
from yt8m.data.engine import ahead
from yt8m.data.engine.ahead import THREAD_NAME, Memory, Queue, chunks_ahead, ranges_ahead
from yt8m.data.engine.files import StreamedFile, open_records
from yt8m.data.engine.memory import Scratch
from yt8m.data.engine.pieces import PieceFile
from yt8m.data.engine.records import LocalFile, Record
from yt8m.data.identity import identify, read_ids
from yt8m.data.records import framed, read_framing, video_level_record
from yt8m.data.survey import survey
from yt8m.errors import RecordError

DATA = [random.Random(0).randbytes(size) for size in (3, 70_000, 0, 1500, 300_000, 5000, 40_000)]
CONTENT = b"".join(map(framed, DATA))
LEVELS = ("frame", "video")
NAME = "/a.tfrecord"


def members(content: bytes) -> bytes:
    return b"".join(gzip.compress(content[begin : begin + 9001], 1) for begin in range(0, len(content), 9001))


COMPRESSED = {"gzip": gzip.compress, "zlib": zlib.compress, "several gzip files": members}


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(web_reading, "PATIENCE", QUICK)
    monkeypatch.setattr(web, "_found", {})  # a port may come again


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    assert threads_end(), "a thread that reads ahead goes on"


@pytest.fixture
def served() -> Iterator[Served]:
    """The records at `NAME`."""
    with serve({NAME: CONTENT}) as server:
        yield server


def is_reading_ahead() -> bool:
    return any(thread.name == THREAD_NAME for thread in threading.enumerate())


def threads_end(seconds: float = 10.0) -> bool:
    """Whether all threads that read ahead end in time."""
    deadline = time.monotonic() + seconds
    if is_reading_ahead():
        gc.collect()  # takes two seconds where TensorFlow was used
    while is_reading_ahead():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def data_of(records: Iterator[Record]) -> list[bytes]:
    scratch = Scratch()
    return [record.read(scratch).tobytes() for record in records]


def written(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


def outcome(records: Iterator[Record]) -> tuple[list[int], str]:
    """Indices of the records before the error, and its message."""
    found = []
    with pytest.raises(RecordError) as caught:  # noqa: PT012
        for record in records:
            found.append(record.index)
    return found, str(caught.value)


class TestCompressedFiles:
    @pytest.mark.parametrize("kind", COMPRESSED)
    @pytest.mark.parametrize("level", LEVELS)
    def test_records_are_those_of_the_plain_file(self, tmp_path, kind, level):
        path = written(tmp_path / "a.tfrecord", COMPRESSED[kind](CONTENT))
        file = open_records(path, level)
        assert isinstance(file, StreamedFile)
        assert data_of(file.records()) == DATA
        for first in (1, 4, 7, 9):
            found = list(file.records(first))
            assert [record.index for record in found] == list(range(first, 7))
            assert data_of(found) == DATA[first:]
            assert {record.path for record in found} <= {path}

    def test_plain_files_are_read_where_they_lie(self, tmp_path):
        path = written(tmp_path / "a.tfrecord.gz", CONTENT)
        assert isinstance(open_records(path, "frame"), LocalFile)
        assert isinstance(open_records(path, "video"), PieceFile)
        assert data_of(open_records(path, "frame").records()) == data_of(open_records(path, "video").records()) == DATA

    @pytest.mark.parametrize("level", LEVELS)
    def test_a_missing_file(self, tmp_path, level):
        path = f"{tmp_path}/none.tfrecord.gz"
        assert outcome(open_records(path, level).records()) == (
            [],
            f"{path}: cannot be read (No such file or directory)",
        )

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
    def test_a_cut_file_gives_the_records_before_the_cut(self, tmp_path, share):
        whole = gzip.compress(CONTENT)
        path = written(tmp_path / "a.tfrecord.gz", whole[: int(share * len(whole))])
        *expected, broken = read_framing(path)
        found, message = outcome(open_records(path, "frame").records())
        assert found == [raw.index for raw in expected]
        assert (
            message
            == f"{path}, record {len(found)}: cannot be decompressed, as the gzip stream is cut off at byte "
            + (f"{int(share * len(whole))} of the file")
        )
        assert message == str(broken.as_error(path)) == str(broken_end(path).as_error(path))
        assert outcome(open_records(path, "frame").records(2)) == (found[2:], message)

    def test_damage_after_the_last_record_is_an_error(self, tmp_path):
        content = bytearray(gzip.compress(CONTENT))
        content[-8] ^= 1
        path = written(tmp_path / "a.tfrecord.gz", bytes(content))
        reason = "cannot be decompressed, as the gzip stream is damaged (incorrect data check)"
        assert outcome(open_records(path, "frame").records()) == (list(range(7)), f"{path}, record 7: {reason}")

    def test_damage_of_records_is_told_as_in_plain_files(self, tmp_path):
        content = bytearray(CONTENT)
        content[30_000] ^= 1
        plain = written(tmp_path / "a.tfrecord", bytes(content[:-3]))
        packed = written(tmp_path / "b.tfrecord", gzip.compress(content[:-3]))
        found, message = outcome(open_records(packed, "frame").records())
        assert found == list(range(6))
        assert message == outcome(open_records(plain, "frame").records())[1].replace(plain, packed)
        with pytest.raises(RecordError, match="record 1: its data do not match their checksum"):
            data_of(open_records(packed, "frame").records())

    @pytest.mark.parametrize("level", LEVELS)
    def test_records_that_are_kept_keep_only_their_own_bytes(self, tmp_path, level):
        path = written(tmp_path / "a.tfrecord.gz", gzip.compress(CONTENT))
        record = next(open_records(path, level).records(3))
        kept = record.detached()
        assert (len(kept.content.memory), kept.begin, kept.index) == (1500 + 4, 0, 3)
        assert kept.read(Scratch()).tobytes() == DATA[3]
        assert (len(record.content.memory) == 1504) == (level == "frame"), "large records are copied in any case"
        plain = next(LocalFile(written(tmp_path / "a.tfrecord", CONTENT)).records(3))
        assert plain.detached() == plain

    def test_the_memory_of_a_well_compressed_file_is_bounded(self, tmp_path, monkeypatch):
        memory = Memory(4 << 20)
        monkeypatch.setattr(ahead, "_MEMORY", memory)
        content = framed(bytes(1 << 20)) * 64
        path = written(tmp_path / "a.tfrecord.gz", gzip.compress(content))
        count = peak = 0
        for record in open_records(path, "frame").records():
            count += record.size == 1 << 20
            time.sleep(0.001)
            peak = max(peak, memory.num_bytes)
        assert count == 64
        assert 0 < peak <= (4 << 20) + (2 << 20)
        assert memory.num_bytes == 0


class TestFilesBehindHttp:
    @pytest.mark.parametrize("range_bytes", [997, 4096, 1 << 16, 1 << 20])
    @pytest.mark.parametrize("level", LEVELS)
    def test_records_are_those_of_the_local_file(self, served, monkeypatch, level, range_bytes):
        monkeypatch.setattr(ahead, "RANGE_BYTES", range_bytes)
        file = open_records(served.url + NAME, level)
        assert data_of(file.records()) == DATA
        spans = sorted((sent.first, sent.first + sent.count) for sent in served.log[1:])
        assert spans == [
            (begin, min(begin + range_bytes, len(CONTENT))) for begin in range(0, len(CONTENT), range_bytes)
        ], "each byte is asked for once"
        assert {sent.status for sent in served.log} == {206}
        assert data_of(file.records(5)) == DATA[5:]

    @pytest.mark.parametrize("kind", COMPRESSED)
    @pytest.mark.parametrize("fault", [Fault(), Fault(whole=True), Fault(chunked=True)])
    def test_compressed_files(self, served, monkeypatch, kind, fault):
        monkeypatch.setattr(ahead, "RANGE_BYTES", 10_007)
        served.files[NAME] = COMPRESSED[kind](CONTENT)
        served.always = fault
        assert data_of(open_records(served.url + NAME, "frame").records()) == DATA

    @pytest.mark.parametrize("fault", [Fault(whole=True), Fault(chunked=True)])
    def test_servers_without_ranges(self, served, fault):
        served.always = fault
        assert data_of(open_records(served.url + NAME, "frame").records()) == DATA
        assert [(sent.status, sent.count) for sent in served.log[1:]] == [(200, len(CONTENT))]

    @pytest.mark.parametrize("fault", [Fault(whole=True), Fault(chunked=True)])
    def test_servers_without_ranges_whose_connections_break(self, served, fault):
        served.always = fault
        drops = [Fault(whole=fault.whole, chunked=fault.chunked, drop=drop) for drop in (65_536, 0, 200_000)]
        served.faults[NAME] = [fault, *drops, Fault(status=503)]
        assert data_of(open_records(served.url + NAME, "frame").records()) == DATA
        assert [sent.status for sent in served.log[1:]] == [200, 200, 200, 503, 200]

    def test_faults_that_pass(self, served, monkeypatch):
        monkeypatch.setattr(ahead, "RANGE_BYTES", 1 << 16)
        served.faults[NAME] = [
            Fault(),
            *(
                Fault(drop=1000),
                Fault(status=503),
                Fault(drop=0),
                Fault(most=500),
                Fault(whole=True),
                Fault(status=429),
            ),
        ]
        assert data_of(open_records(served.url + NAME, "frame").records()) == DATA
        assert len(served.log) > 1 + -(-len(CONTENT) // (1 << 16))

    def test_a_part_goes_on_where_its_connection_broke(self, served):
        served.faults[NAME] = [Fault(), Fault(drop=100_000), Fault(drop=200_000)]
        assert data_of(open_records(served.url + NAME, "frame").records()) == DATA
        spans = [(sent.first, sent.count) for sent in served.log[1:]]
        assert spans == [(0, 100_000), (100_000, 200_000), (300_000, len(CONTENT) - 300_000)]

    @pytest.mark.parametrize(
        ("fault", "reason"),
        [
            (Fault(status=503), "503 Service Unavailable"),
            (Fault(status=403), "403 Forbidden"),
            (Fault(drop=0), "the connection was closed early|the connection broke"),
        ],
    )
    def test_faults_that_stay(self, served, fault, reason):
        served.faults[NAME] = [Fault()]
        served.always = fault
        url = served.url + NAME
        with pytest.raises(RecordError, match=rf"^{url}: cannot be read \(({reason})\)$"):
            list(open_records(url, "frame").records())

    def test_a_server_that_falls_silent(self, served, monkeypatch):
        monkeypatch.setattr(web_reading, "PATIENCE", Patience(timeout=0.2, attempts=2, first_wait=0.001))
        served.faults[NAME] = [Fault()]
        served.always = Fault(stall=0)
        url = served.url + NAME
        with pytest.raises(RecordError, match=rf"^{url}: cannot be read \(no answer for 0.2 s\)$"):
            list(open_records(url, "frame").records())

    @pytest.mark.parametrize("is_shorter", [False, True])
    @pytest.mark.parametrize("fault", [Fault(), Fault(whole=True)])
    def test_a_file_that_changes_is_refused_and_then_read_anew(self, served, is_shorter, fault):
        url = served.url + NAME
        served.always = fault
        served.versions[NAME] = '"1"'
        assert data_of(open_records(url, "frame").records()) == DATA
        served.files[NAME] = framed(b"new") * 2 if is_shorter else framed(b"new") + CONTENT[len(framed(DATA[0])) :]
        served.versions[NAME] = '"1"' if is_shorter else '"2"'
        found, message = outcome(open_records(url, "frame").records())
        assert (found, message) == ([], f"{url}: was changed while it was read; start again")
        assert data_of(open_records(url, "frame").records(1))[:1] == [b"new" if is_shorter else DATA[1]]

    def test_other_readers_of_records(self, served):
        url = served.url + NAME
        videos = [video_level_record(f"v{index}", [index], {}) for index in range(3)]
        served.files[NAME] = b"".join(map(framed, videos))
        assert [raw.data for raw in read_framing(url)] == videos
        assert read_ids([url]) == [b"v0", b"v1", b"v2"]
        served.files["/b.tfrecord.gz"] = gzip.compress(CONTENT[:50_000])
        other = f"{served.url}/b.tfrecord.gz"
        *good, broken = read_framing(other)
        assert [raw.data for raw in good] == DATA[:1]
        assert broken.problem.startswith("is cut off by the end of the file")
        served.versions["/b.tfrecord.gz"] = '"x"'
        assert identify([other]) == [[other, len(served.files["/b.tfrecord.gz"]), ""]], "as it was when it was found"
        with pytest.raises(RecordError, match=rf"{other}, record 0: is no tf.train"):
            survey([other])
        served.files["/c.tfrecord"] = b""
        assert list(open_records(f"{served.url}/c.tfrecord", "frame").records()) == []

    @pytest.mark.thorough
    def test_threads_end_when_the_reader_stops_or_is_forgotten(self, served, monkeypatch):
        monkeypatch.setattr(ahead, "RANGE_BYTES", 4096)
        served.files[NAME] = CONTENT * 20
        for end in (lambda records: records.close(), lambda records: None):
            records = open_records(served.url + NAME, "frame").records()
            next(records)
            assert not threads_end(0.05), "they read ahead"
            end(records)
            del records
            assert threads_end()

    def test_threads_of_a_silent_server_end_when_the_reader_stops(self, served, monkeypatch):
        # A second attempt would get silence, too, so the first answers have time enough on a busy machine.
        monkeypatch.setattr(web_reading, "PATIENCE", Patience(timeout=2.0, attempts=9, first_wait=60.0))
        monkeypatch.setattr(ahead, "RANGE_BYTES", 1 << 20)
        served.files[NAME] = CONTENT * 20
        served.faults[NAME] = [Fault()] * (2 + ahead.RANGES_AT_ONCE - 1)  # one to find it, one for each thread
        served.always = Fault(stall=20)
        records = open_records(served.url + NAME, "frame").records()
        next(records)
        records.close()
        assert threads_end(10.0), "neither silence nor the wait for another attempt holds them"


class TestReadingAhead:
    def test_chunks_come_in_order_whatever_the_threads(self, monkeypatch):
        monkeypatch.setattr(ahead, "RANGE_BYTES", 1000)
        content, chance = random.Random(1).randbytes(123_456), random.Random(2)
        at_once: list[int] = []
        running = [0]
        lock, all_there = threading.Lock(), threading.Barrier(ahead.RANGES_AT_ONCE)

        def part(begin: int, end: int) -> bytes:
            with lock:
                running[0] += 1
                at_once.append(running[0])
                seconds = chance.random() / 2000
            if begin < 1000 * ahead.RANGES_AT_ONCE:
                all_there.wait(30)
            time.sleep(seconds)
            with lock:
                running[0] -= 1
            return content[begin:end]

        assert b"".join(ranges_ahead(part, len(content), lambda: None)) == content
        assert max(at_once) == ahead.RANGES_AT_ONCE

    def test_all_files_together_keep_the_bound(self, monkeypatch):
        """Counted here: bytes that were asked for, less those that were taken."""
        monkeypatch.setattr(ahead, "RANGE_BYTES", 1000)
        memory = Memory(10_000)
        lock, asked, peaks = threading.Lock(), [0], []

        def part(begin: int, end: int) -> bytes:
            with lock:
                asked[0] += end - begin
                peaks.append(asked[0])
            return bytes(end - begin)

        files = [ranges_ahead(part, 30_500, lambda: None, memory) for _ in range(5)]
        chance, sizes = random.Random(0), [0] * 5
        while files_left := [number for number, size in enumerate(sizes) if size < 30_500]:
            number = chance.choice(files_left)
            chunk = next(files[number])
            with lock:
                asked[0] -= len(chunk)
            sizes[number] += len(chunk)
            if chance.random() < 0.2:
                time.sleep(0.002)
        assert [list(file) for file in files] == [[]] * 5
        assert 5000 < max(peaks) <= 10_000 + 5 * 1000 + 1000, "and one chunk a file, and the one just taken"
        assert memory.num_bytes == 0

    def test_a_file_goes_on_though_others_hold_all_memory(self, monkeypatch):
        monkeypatch.setattr(ahead, "RANGE_BYTES", 1000)
        memory = Memory(3000)
        greedy = ranges_ahead(lambda begin, end: bytes(end - begin), 9000, lambda: None, memory)
        next(greedy)
        while memory.num_bytes < 3000:
            time.sleep(0.001)
        other = ranges_ahead(lambda begin, end: bytes(end - begin), 9000, lambda: None, memory)
        assert sum(map(len, other)) == 9000
        greedy.close()
        with pytest.raises(Stopped):
            next(greedy)
        assert memory.num_bytes == 0

    def test_an_error_comes_at_its_place(self, monkeypatch):
        monkeypatch.setattr(ahead, "RANGE_BYTES", 1000)

        def part(begin: int, end: int) -> bytes:
            if begin == 3000:
                raise RecordError("a", None, "cannot be read")
            return bytes(end - begin)

        chunks = ranges_ahead(part, 9000, lambda: None)
        assert [len(next(chunks)) for _ in range(3)] == [1000] * 3
        with pytest.raises(RecordError, match="a: cannot be read"):
            next(chunks)
        chunks.close()

    def test_small_chunks_are_joined_and_come_before_an_error(self):
        def fail() -> Iterator[bytes]:
            yield b"ab"
            yield b"c"
            raise RecordError("a", None, "cannot be read")

        chunks = chunks_ahead(fail(), lambda: None)
        assert next(chunks) == b"abc"
        with pytest.raises(RecordError, match="a: cannot be read"):
            next(chunks)
        chunks.close()
        assert list(chunks_ahead(iter_of(b"ab", b"c"), lambda: None)) == [b"abc"]
        assert list(chunks_ahead(iter_of(), lambda: None)) == []

    def test_a_generator_is_closed_in_its_thread(self):
        closed = threading.Event()

        def endless() -> Iterator[bytes]:
            try:
                while True:
                    yield bytes(1 << 20)
            finally:
                closed.set()

        chunks = chunks_ahead(endless(), lambda: None)
        next(chunks)
        del chunks
        assert closed.wait(5)

    def test_a_closed_queue_gives_nothing_and_keeps_nothing(self):
        memory = Memory()
        queue = Queue(memory, 1000)
        first, second = queue.claim(), queue.claim()
        queue.put(first, bytes(10))
        assert memory.num_bytes == 1010
        queue.close()
        queue.put(second, bytes(10))
        assert (memory.num_bytes, queue.claim()) == (0, None)
        with pytest.raises(Stopped):
            queue.take()

    def test_a_forked_process_reads_although_a_thread_held_the_lock(self):
        held, release = threading.Event(), threading.Event()

        def hold() -> None:
            with ahead._MEMORY.changed:
                held.set()
                release.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        child = os.fork()
        if not child:
            os._exit(list(chunks_ahead(iter_of(b"ab", b"c"), lambda: None)) != [b"abc"])
        release.set()
        thread.join()
        deadline = time.monotonic() + 10
        while (ended := os.waitpid(child, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        if not ended[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        assert ended == (child, 0)


def iter_of(*chunks: bytes) -> Iterator[bytes]:
    yield from chunks


class TestOtherFileSystems:
    """TensorFlow's file system of `file://` stands for those of clouds."""

    @pytest.mark.parametrize("pack", [lambda content: content, *COMPRESSED.values()])
    @pytest.mark.parametrize("in_parts", [True, False])
    def test_records_are_those_of_the_local_file(self, tmp_path, monkeypatch, pack: Callable, in_parts):
        from yt8m.data.access import gfile_reading

        monkeypatch.setattr(ahead, "RANGE_BYTES", 10_007)
        if not in_parts:
            monkeypatch.setattr(gfile_reading, "_READ_AHEAD_THEMSELVES", ("file",))
        path = f"file://{written(tmp_path / 'a.tfrecord', pack(CONTENT))}"
        assert data_of(open_records(path, "frame").records()) == DATA
        assert [raw.data for raw in read_framing(path)] == DATA

    def test_what_cannot_be_read(self, tmp_path):
        path = f"file://{tmp_path}/none.tfrecord"
        found, message = outcome(open_records(path, "frame").records())
        assert found == []
        assert message.startswith(f"{path}: cannot be read (")
        assert "No such file or directory" in message
        assert "\n" not in message

    def test_transient_errors_pass(self, tmp_path, monkeypatch):
        import tensorflow as tf

        from yt8m.data.access import gfile_reading

        monkeypatch.setattr(gfile_reading, "PATIENCE", QUICK)
        left = [tf.errors.UnavailableError(None, None, "busy"), tf.errors.AbortedError(None, None, "busy")]
        read = tf.io.gfile.GFile.read

        def failing(file, size):
            if left:
                raise left.pop()
            return read(file, size)

        monkeypatch.setattr(tf.io.gfile.GFile, "read", failing)
        path = f"file://{written(tmp_path / 'a.tfrecord', CONTENT)}"
        assert data_of(open_records(path, "frame").records()) == DATA
        left += [tf.errors.UnavailableError(None, None, "busy")] * 99
        assert outcome(open_records(path, "frame").records())[1] == f"{path}: cannot be read (busy)"
