"""The features of video files, for whoever keeps no records of them."""

import os
from collections.abc import Iterator, Sequence

from yt8m.errors import InputError
from yt8m.extracting.extracted import Extracted, Options
from yt8m.extracting.meter import Meter
from yt8m.extracting.networks.network import Network
from yt8m.extracting.pool import Pool, Task, num_readers
from yt8m.progress import SILENT, Progress
from yt8m.video.containers import require_av


def features_of(
    path: str | os.PathLike, network: Network, *, options: Options | None = None, progress: Progress = SILENT
) -> Extracted:
    """Extracts the features of one video.

    Args:
        path: the video file.
        network: from `yt8m.extracting.networks.registry.load_network`.
        options: how; None = all frames, by truncation, as `extract` does.
        progress: counts the seconds of video.

    Raises:
        InputError: the video cannot be read, PyAV is missing, or the network fails.
    """
    ((_, found),) = features_of_all([os.fspath(path)], network, options=options, progress=progress)
    if isinstance(found, InputError):
        raise found
    return found


def features_of_all(
    paths: Sequence[str],
    network: Network,
    *,
    options: Options | None = None,
    jobs: int | None = None,
    progress: Progress = SILENT,
) -> Iterator[tuple[str, Extracted | InputError]]:
    """Extracts the features of several videos at once.

    Args:
        paths: the video files, each once.
        network, options: as in `features_of`.
        jobs: the most videos to read at once; None = one for each core.
        progress: counts the seconds of all videos.

    Yields:
        Each path, and the features of its video or why it cannot be read: as soon as known, not in the order of the paths.

    Raises:
        InputError: PyAV is missing, or the network fails.
    """
    require_av()
    tasks, options = [Task(path) for path in paths], options or Options()
    with Meter(progress, tasks, options.max_frames) as meter:
        for result in Pool(tasks, network, options, num_readers(jobs), meter).results():
            meter.ended(result.task, result.extracted.num_frames if result.extracted else 0)
            yield result.task.path, result.extracted or InputError(f"{result.task.path}: {result.problem}")
