"""Small pictures of moments of a video file."""

import dataclasses
import os
from typing import TYPE_CHECKING

import numpy as np

from yt8m.data.tables.videos import find_videos, read_videos
from yt8m.errors import InputError
from yt8m.progress import SILENT, Progress

if TYPE_CHECKING:  # it loads TensorFlow, which the page of videos does not need
    from yt8m.views.video import VideoView

_HEIGHT, _COUNT = 90, 8


def seconds_of(seconds: float, most: int) -> list[float]:
    """The times of thumbnails: the middles of equal parts, at least a second long.

    Args:
        seconds: the length of the video.
        most: most thumbnails.
    """
    count = max(1, min(most, int(seconds)))
    return [(place + 0.5) * seconds / count for place in range(count)]


def check_thumbnails(video: str) -> None:
    """Raises InputError if a video file is missing or empty, or PyAV is not installed. Ask before the work."""
    from yt8m.video.containers import check_file, require_av

    require_av()
    check_file(video)


def take_thumbnails(path: str, seconds: float, most: int, height: int) -> list[np.ndarray]:
    """Takes thumbnails of a video at `seconds_of`, each uint8 [height, W, 3] or smaller.

    Raises:
        InputError: the file is gone or cannot be decoded, or PyAV is not installed.
    """
    from yt8m.video.pictures import thumbnails

    if not os.path.exists(path):
        raise InputError(f"{path}: is gone")
    times = seconds_of(seconds, most)
    found = thumbnails(path, times, height)
    return [found[each] for each in times]


def with_thumbnails(view: "VideoView", video: str | None = None, progress: Progress = SILENT) -> "VideoView":
    """Adds thumbnails to the view of a video.

    Args:
        view: from `view_video`. A video-level record has no time, and so no thumbnails.
        video: the video file; None = the one that `videos.csv` at the root of the records names, if there is one.
        progress: gets a line if that file cannot be used.

    Raises:
        InputError: the given file cannot be used, or PyAV is not installed.
    """
    path = video or _known_file(view)
    if path is None or not view.num_frames:
        if video is not None:
            progress.message(f"{video}: no thumbnails, as the record of {view.video_id} has no frames, and so no time")
        return view
    try:
        taken = take_thumbnails(path, float(view.num_frames), _COUNT, _HEIGHT)
    except InputError as error:
        if video is not None:
            raise
        progress.message(f"no thumbnails: {error}")
        return view
    return dataclasses.replace(view, thumbnails=tuple(taken))


def _known_file(view: "VideoView") -> str | None:
    table = find_videos(view.path)
    row = read_videos(table).get(view.video_id) if table else None
    return row.path if row else None
