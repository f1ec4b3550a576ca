"""Fits a PCA to one's own videos, for a network whose values are many."""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from yt8m.errors import InputError
from yt8m.extracting.extracted import Options
from yt8m.extracting.inputs import find_video_files
from yt8m.extracting.meter import Meter
from yt8m.extracting.networks.network import Network
from yt8m.extracting.networks.projections import MOST_VALUES, PcaFit
from yt8m.extracting.pool import Pool, Result, Task, num_readers
from yt8m.files import check_destination, refuse_inputs
from yt8m.progress import SILENT, Progress
from yt8m.values import PositiveInt, checked
from yt8m.video.containers import require_av


@dataclass(frozen=True)
class PcaSummary:
    """A fitted PCA."""

    path: str
    sha256: str
    num_values: int
    num_frames: int
    num_videos: int
    """Video files found."""
    num_failed: int
    problems: dict[str, str]
    """By path: of the videos that could not be read."""


class _Values(Network):
    """A network whose values are kept as floats, and which hears nothing."""

    sound = None

    def __init__(self, network: Network):
        self._network = network
        self.name, self.batch_size = network.name, network.batch_size
        self.picture = dataclasses.replace(network.picture, storage="float32")

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        return self._network.prepare(pixels)

    def frames(self, prepared: np.ndarray) -> np.ndarray:
        return self._network.frames(prepared)

    @property
    def identity(self) -> dict[str, Any]:
        return self._network.identity


@checked
def fit_pca(
    paths: str | Sequence[str],
    network: Network,
    out: str | os.PathLike,
    *,
    num_values: PositiveInt = MOST_VALUES,
    jobs: PositiveInt | None = None,
    max_frames: PositiveInt | None = None,
    progress: Progress = SILENT,
) -> PcaSummary:
    """Fits a PCA to the frames of videos, one a second, and writes it.

    The same videos in the same order give the same file.

    Args:
        paths: video files, globs, or directories, with all below them.
        network: from `yt8m.extracting.networks.registry.load_network`.
        out: the file, which `load_network` takes as `pca`. It is replaced.
        num_values: values to keep; the network's own number if that is less.
        jobs: the most videos to read at once; None = one for each core.
        max_frames: the most seconds of a video; None = all.
        progress: counts the seconds of video.

    Raises:
        InputError: a path stands for no video, the videos have too few frames, the network fails, or the file cannot be written.
    """
    files = check_places(paths, out)
    fit = PcaFit(network)
    tasks = [Task(path) for path in files]
    values, waiting, problems = _Values(network), list(tasks), {}
    done: dict[Task, Result] = {}
    with Meter(progress, tasks, max_frames) as meter:
        for result in Pool(tasks, values, Options(max_frames), num_readers(jobs), meter).results():
            done[result.task] = result
            meter.ended(result.task, result.extracted.num_frames if result.extracted else 0)
            while waiting and waiting[0] in done:  # in the order of the videos, on which the last digits depend
                found = done.pop(waiting.pop(0))
                if found.extracted is None:
                    problems[found.task.path] = found.problem
                else:
                    fit.add(found.extracted.streams[network.picture.name])
    if len(problems) == len(files):
        path, problem = next(iter(problems.items()))
        raise InputError(
            f"{path}: {problem}; no other video could be read either" if files[1:] else f"{path}: {problem}"
        )
    kept = min(num_values, network.picture.size)
    digest = fit.save(out, kept)
    return PcaSummary(os.fspath(out), digest, kept, fit.num_frames, len(files), len(problems), problems)


def check_places(paths: str | Sequence[str], out: str | os.PathLike) -> list[str]:
    """The video files that `fit_pca` would read. Call it before `load_network`, which takes seconds: it tells mistyped paths.

    Raises:
        InputError: PyAV is missing; a path stands for no video; or `out` cannot be written, or is one of the videos.
    """
    require_av()
    files = find_video_files([paths] if isinstance(paths, str) else list(paths))
    check_destination(out)
    refuse_inputs(out, files)
    return files
