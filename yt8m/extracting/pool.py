"""Several videos at once: threads read them, and their frames pass the network in common batches.

Decoding and networks leave Python's lock to others, so threads use all cores, and one copy of the network serves all videos.
"""

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from yt8m.errors import InputError
from yt8m.extracting.extracted import Extracted, Options, PictureRows, length_of, sound_rows_of
from yt8m.extracting.networks.network import Network
from yt8m.extracting.queueing import BoundedQueue, Closed
from yt8m.machine import count_cores
from yt8m.video.containers import check_file
from yt8m.video.reading import Sound, Video, VideoInfo, open_video

_QUEUED_BYTES = 64 << 20
"""Prepared frames that wait for a batch. A few of them are enough: they only bridge the time of a batch."""
_PENDING_BYTES = 96 << 20
"""Prepared frames in batches that are not full yet, before the largest of these passes as it is."""
_DIGEST_BYTES = 1 << 20
_SECONDS_TO_LEAVE = 10.0


@dataclass(frozen=True)
class Task:
    """A video to extract."""

    path: str
    needs_digest: bool = False
    """Whether the digest of the file is wanted."""
    known_digest: str = ""
    """A file with this digest is not read."""


@dataclass(frozen=True)
class Result:
    """What became of a task."""

    task: Task
    extracted: Extracted | None = None
    """None if the video could not be read, or need not be."""
    sha256: str = ""
    """Digest of the file; empty if it was not asked for, or the file cannot be read."""
    problem: str = ""
    """Why the video could not be read, as a clause."""
    info: VideoInfo | None = None
    """What the file says of itself; None if it could not be opened."""

    @property
    def is_unchanged(self) -> bool:
        """Whether the file has the known digest."""
        return bool(self.sha256) and self.sha256 == self.task.known_digest


class Watcher(Protocol):
    """Hears of the work, in the thread that asks for results."""

    def opened(self, task: Task, seconds: float | None) -> None:
        """A video was opened. Its declared length is None if it is unknown."""

    def passed(self, num_frames: int) -> None:
        """Frames have passed the network."""


@dataclass(frozen=True)
class _Opened:
    task: Task
    info: VideoInfo


@dataclass(frozen=True)
class _Frame:
    task: Task
    second: int
    prepared: np.ndarray


@dataclass(frozen=True)
class _Read:
    """A video was read to its end."""

    task: Task
    sha256: str
    video: Video
    num_frames: int
    sound: np.ndarray | None


_Item = _Opened | _Frame | _Read | Result | BaseException | None
"""What threads tell. A `Result` ends a video that failed, or need not be read. None is the last word of a thread. An error that
is no video's ends the work."""


def num_readers(jobs: int | None) -> int:
    """The number of videos to read at once: as asked, or one for each core that this process may use."""
    return jobs or count_cores()


class Pool:
    """Extracts videos. `results` may be asked once.

    Args:
        tasks: the videos.
        network: gives the features.
        options: how.
        num_threads: the most videos to read at once.
        watcher: hears of the work.
    """

    def __init__(self, tasks: Sequence[Task], network: Network, options: Options, num_threads: int, watcher: Watcher):
        self._network, self._options, self._watcher = network, options, watcher
        self._queue: BoundedQueue[_Item] = BoundedQueue(_QUEUED_BYTES)
        self._tasks, self._lock = iter(tasks), threading.Lock()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(min(num_threads, len(tasks)))]
        self._decoding_threads = max(1, count_cores() // max(1, len(self._threads)))
        self._rows: dict[Task, PictureRows] = {}
        self._ends: dict[Task, _Read] = {}
        self._pending: dict[tuple[int, ...], list[_Frame]] = {}

    def results(self) -> Iterator[Result]:
        """Yields what became of each video, as soon as it is known.

        Raises:
            InputError: the network fails, or a value of it cannot be stored.
        """
        for thread in self._threads:
            thread.start()
        try:
            working = len(self._threads)
            while working:
                item = self._queue.get()
                if item is None:
                    working -= 1
                elif isinstance(item, BaseException):
                    raise item
                else:
                    yield from self._take(item)
            yield from self._pass_all(list(self._pending))
        finally:
            self._queue.close()
            for thread in self._threads:
                thread.join(_SECONDS_TO_LEAVE)

    def _take(self, item: _Opened | _Frame | _Read | Result) -> Iterator[Result]:
        if isinstance(item, _Opened):
            self._rows[item.task] = PictureRows(self._network.picture, self._options.rounding)
            self._watcher.opened(item.task, item.info.seconds)
        elif isinstance(item, _Frame):
            yield from self._add(item)
        elif isinstance(item, _Read):
            self._ends[item.task] = item
            yield from self._finished([item.task])
            if item.task in self._ends and len(self._pending) > 1:
                # No other video may have frames of this size.
                yield from self._pass_all(
                    [shape for shape, frames in self._pending.items() if any(each.task is item.task for each in frames)]
                )
        else:
            self._rows.pop(item.task, None)
            yield item

    def _add(self, frame: _Frame) -> Iterator[Result]:
        group = self._pending.setdefault(frame.prepared.shape, [])
        group.append(frame)
        if len(group) >= self._network.batch_size:
            yield from self._pass_all([frame.prepared.shape])
            return
        sizes = {shape: len(frames) * frames[0].prepared.nbytes for shape, frames in self._pending.items()}
        if sum(sizes.values()) >= _PENDING_BYTES:
            yield from self._pass_all([max(sizes, key=sizes.__getitem__)])

    def _pass_all(self, shapes: Sequence[tuple[int, ...]]) -> Iterator[Result]:
        """Lets pending frames of these shapes pass the network."""
        for shape in shapes:
            frames = self._pending.pop(shape)
            values = self._network.frames(np.stack([each.prepared for each in frames]))
            for frame, row in zip(frames, values, strict=True):
                if frame.task in self._rows:  # the rest of the video may have failed
                    self._rows[frame.task].put(frame.second, row)
            self._watcher.passed(len(frames))
            yield from self._finished(dict.fromkeys(frame.task for frame in frames))

    def _finished(self, tasks: Sequence[Task]) -> Iterator[Result]:
        """Yields the results of those videos that have all rows."""
        for task in tasks:
            end = self._ends.get(task)
            if end is None or len(self._rows[task]) < end.num_frames:
                continue
            del self._ends[task]
            yield self._result(end, self._rows.pop(task))

    def _result(self, end: _Read, rows: PictureRows) -> Result:
        video, info = end.video, end.video.info
        streams = {self._network.picture.name: rows.all()}
        if end.sound is not None:
            assert self._network.sound is not None
            streams[self._network.sound.feature.name] = end.sound
        seconds = length_of(video.seconds, info.seconds, end.num_frames, self._options)
        extracted = Extracted(streams, info, seconds, video.lost_seconds, video.problems, end.sha256)
        return Result(end.task, extracted, end.sha256, info=info)

    def _work(self) -> None:
        """The work of a thread."""
        with contextlib.suppress(Closed):
            try:
                while (task := self._next()) is not None:
                    self._read(task)
                self._queue.put(None)
            except Closed:
                raise
            except BaseException as error:
                self._queue.put(error)

    def _next(self) -> Task | None:
        with self._lock:
            return next(self._tasks, None)

    def _read(self, task: Task) -> None:
        digest, info = "", None
        try:
            if task.needs_digest:
                check_file(task.path)
                digest = self._digest_of(task.path)
                if digest == task.known_digest:
                    self._queue.put(Result(task, sha256=digest))
                    return
            video = open_video(task.path)
            info = video.info
            self._queue.put(_Opened(task, info))
            self._queue.put(self._read_pieces(task, digest, video))
        except InputError as error:
            self._queue.put(Result(task, None, digest, str(error).removeprefix(f"{task.path}: "), info))
        except (Closed, MemoryError):
            raise
        except Exception as error:  # whatever a decoder raises must not end the other videos
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            self._queue.put(Result(task, None, digest, f"cannot be read ({reason})", info))

    def _read_pieces(self, task: Task, digest: str, video: Video) -> _Read:
        sound = sound_rows_of(self._network, self._options, video.info.sample_rate > 0)
        num_frames, pixels, prepared = 0, None, None
        wanted = {"sound": sound is not None, "max_frames": self._options.max_frames}
        for piece in video.pieces(**wanted, threads=self._decoding_threads):
            if isinstance(piece, Sound):
                assert sound is not None
                sound.push(piece.samples)
                continue
            if piece.pixels is not pixels:  # seconds may share a picture
                pixels, prepared = piece.pixels, self._network.prepare(piece.pixels)
            self._queue.put(_Frame(task, num_frames, prepared), prepared.nbytes)
            num_frames += 1
        if num_frames == 0:
            raise InputError("has no frames")
        return _Read(task, digest, video, num_frames, None if sound is None else sound.end(num_frames))

    def _digest_of(self, path: str) -> str:
        """The sha256 of a file, in hexadecimal. Raises InputError if the file cannot be read."""
        digest = hashlib.sha256()
        try:
            with open(path, "rb", buffering=0) as file:
                while block := file.read(_DIGEST_BYTES):
                    self._queue.refuse_if_closed()
                    digest.update(block)
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})") from error
        return digest.hexdigest()
