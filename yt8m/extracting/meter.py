"""The progress of an extraction in seconds of video, whose sum is estimated until all videos are open."""

import os
from collections.abc import Sequence

from yt8m.extracting.pool import Task
from yt8m.progress import Progress


class Meter:
    """Tells a watcher of frames, which are seconds of video, and of videos.

    How long a video is, is known once it is open. The others count by their bytes, as if they had as many a second.

    Args:
        progress: the watcher. The work begins and ends with the `with` block.
        tasks: the videos to extract.
        max_frames: the most seconds of each; None = all.
        num_done: videos that need no work.
    """

    def __init__(self, progress: Progress, tasks: Sequence[Task], max_frames: int | None, num_done: int = 0):
        self._progress, self._most = progress, max_frames
        self._bytes = {task: _bytes_of(task.path) for task in tasks}
        self._seconds: dict[Task, float] = {}
        self._num_done, self._num_videos = num_done, num_done + len(tasks)
        self._num_frames = 0

    def __enter__(self) -> "Meter":
        self._progress.start("extracting", "second")
        self._tell()
        return self

    def __exit__(self, *_) -> None:
        self._progress.end()

    def opened(self, task: Task, seconds: float | None) -> None:
        """Learns the declared length of a video."""
        if seconds is not None and seconds > 0:
            self._seconds[task] = seconds if self._most is None else min(seconds, self._most)

    def passed(self, num_frames: int) -> None:
        """Counts seconds of video."""
        self._num_frames += num_frames
        self._progress.advance(num_frames, self._total())

    def ended(self, task: Task, num_frames: int) -> None:
        """Counts a video, of which so many seconds were extracted."""
        self._seconds[task] = num_frames
        self._num_done += 1
        self._tell()

    def _tell(self) -> None:
        self._progress.note(f"{self._num_done} of {self._num_videos} videos")
        self._progress.advance(0, self._total())

    def _total(self) -> int | None:
        """All seconds, as far as is known."""
        known_bytes = sum(self._bytes[task] for task, seconds in self._seconds.items() if seconds)
        known = sum(self._seconds.values())
        other_bytes = sum(size for task, size in self._bytes.items() if task not in self._seconds)
        if not other_bytes:
            return max(round(known), self._num_frames)
        return max(round(known + known * other_bytes / known_bytes), self._num_frames) if known_bytes else None


def _bytes_of(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0
