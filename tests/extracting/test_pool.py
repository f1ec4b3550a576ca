"""Threads that read and a network that takes batches: nothing is lost, mixed up, or kept without bound."""

import threading
import time

import numpy as np
import pytest
from grey_videos import Grey, write_grey

from yt8m.errors import InputError
from yt8m.extracting import pool
from yt8m.extracting.extracted import Options
from yt8m.extracting.pool import Pool, Task
from yt8m.extracting.queueing import BoundedQueue, Closed


class Deaf:
    def opened(self, task, seconds):
        pass

    def passed(self, num_frames):
        pass


def results(paths, network, num_threads=2, **options):
    tasks = [Task(str(path)) for path in paths]
    return {
        result.task.path: result for result in Pool(tasks, network, Options(**options), num_threads, Deaf()).results()
    }


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    directory = tmp_path_factory.mktemp("videos")
    sizes = [(64, 36), (64, 36), (96, 54), (64, 36)]
    return [
        write_grey(directory / f"{number}.mp4", 2 + number, first=30 + 9 * number, size=size)
        for number, size in enumerate(sizes)
    ]


def test_frames_of_all_videos_are_in_common_batches_and_come_back_to_their_own(videos):
    network = Grey()
    found = results(videos, network, num_threads=3)
    assert sorted(network.batches, reverse=True) == [8, 6]
    for number, path in enumerate(videos):
        grey = found[str(path)].extracted.streams["grey"][:, 0].astype(int)
        np.testing.assert_allclose(grey, 30 + 9 * number + 15 * np.arange(2 + number), atol=3)


def test_frames_of_other_sizes_are_in_batches_of_their_own(videos):
    network = Grey(keeps_size=True)
    found = results(videos, network)
    assert [found[str(path)].extracted.num_frames for path in videos] == [2, 3, 4, 5]
    assert network.num_frames == 14


def test_large_frames_do_not_wait_for_a_full_batch(videos, monkeypatch):
    monkeypatch.setattr(pool, "_PENDING_BYTES", 3 * 64 * 36 * 3)
    network = Grey(keeps_size=True)
    results(videos[:2], network, num_threads=1)
    assert network.batches == [3, 2]


def test_a_video_whose_reading_fails_leaves_the_others_whole(videos):
    class Picky(Grey):
        def prepare(self, pixels):
            if pixels.shape[1] == 96:
                raise RuntimeError("too\nlarge")
            return super().prepare(pixels)

    found = results(videos, Picky())
    assert [found[str(path)].extracted is None for path in videos] == [False, False, True, False]
    bad = found[str(videos[2])]
    assert bad.problem == "cannot be read (RuntimeError: too large)"
    assert (bad.info.width, bad.info.height) == (96, 54)


def test_what_is_no_fault_of_a_video_ends_all(videos):
    class Hungry(Grey):
        def prepare(self, pixels):
            raise MemoryError

    with pytest.raises(MemoryError):
        results(videos, Hungry())
    with pytest.raises(InputError, match="no network"):
        results(videos, Grey(fails_after=0, error=InputError("no network")))


def test_readers_leave_when_the_work_ends_early(videos):
    before = threading.active_count()
    stream = Pool([Task(str(path)) for path in videos], Grey(), Options(), 4, Deaf()).results()
    next(stream)
    stream.close()
    assert threading.active_count() == before


def test_a_known_digest_spares_reading(videos):
    (digest,) = [result.sha256 for result in Pool([Task(str(videos[0]), True)], Grey(), Options(), 1, Deaf()).results()]
    network = Grey()
    (result,) = Pool([Task(str(videos[0]), True, digest)], network, Options(), 1, Deaf()).results()
    assert result.is_unchanged
    assert result.extracted is None
    assert network.num_frames == 0
    (result,) = Pool([Task(str(videos[0]), True, "0" * 64)], network, Options(), 1, Deaf()).results()
    assert not result.is_unchanged
    assert result.extracted.sha256 == digest


def test_a_queue_holds_so_many_bytes_and_at_least_one_item():
    queue, put = BoundedQueue(10), []

    def fill():
        for size in (25, 4, 4, 4):
            queue.put(size, size)
            put.append(size)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    for expected in ([25], [25, 4, 4], [25, 4, 4, 4]):
        deadline = time.monotonic() + 5
        while put != expected and time.monotonic() < deadline:
            time.sleep(0.001)
        assert put == expected
        assert queue.get() == expected[0 if expected == [25] else 1]
    thread.join()


def test_a_closed_queue_lets_nobody_wait():
    queue = BoundedQueue(1)
    queue.put("a", 5)
    errors = []

    def wait():
        try:
            queue.put("b", 5)
        except Closed:
            errors.append("closed")

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    queue.close()
    thread.join(5)
    assert errors == ["closed"]
    with pytest.raises(Closed):
        queue.refuse_if_closed()
