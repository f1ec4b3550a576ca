"""From video files to records."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yt8m.data.extraction import Extraction, FileState, NetworkChoice
from yt8m.data.features import texts_of
from yt8m.errors import quantity
from yt8m.extracting.inputs import find_video_files, refuse_inside
from yt8m.extracting.labels import labels_for, refuse_unreadable
from yt8m.extracting.making import ExtractionOptions, Making, Order, Outcome, refused
from yt8m.extracting.meter import Meter
from yt8m.extracting.naming import ids_of
from yt8m.extracting.networks.network import Network
from yt8m.extracting.output import Output, refuse_other_things
from yt8m.extracting.pool import Task
from yt8m.progress import SILENT, Progress
from yt8m.values import checked
from yt8m.video.containers import require_av


@dataclass(frozen=True)
class ExtractionSummary:
    """The result of an extraction."""

    directory: str
    features: tuple[str, ...]
    """As `--data.features` takes them."""
    num_videos: int
    """Video files found."""
    num_extracted: int
    """Those extracted now."""
    num_kept: int
    """Those with a record from before."""
    num_failed: int
    """Those without a record: `videos.csv` has their problems."""
    num_damaged: int
    """Those with a record and a problem."""
    num_cut: int
    """Those longer than `max_frames`."""
    num_frames: int
    """Rows in the records of these videos, or averaged in them."""
    seconds: float
    """Length of the videos that were extracted now."""
    problems: dict[str, str]
    """By path: of failed and damaged videos."""


@checked(options_of=[ExtractionOptions])
def extract(
    paths: str | Sequence[str],
    out: str | os.PathLike,
    network: Network,
    *,
    choice: NetworkChoice | None = None,
    progress: Progress = SILENT,
    engine: "Engine | None" = None,
    **options: Any,
) -> ExtractionSummary:
    """Writes records of the features of videos, in the frame-level format or as means.

    Args:
        paths: video files, globs, or directories, with all below them.
        out: a missing or empty directory, or that of an earlier extraction, to which videos are added. Videos that are there
            and have not changed are not read again.
        network: from `yt8m.extracting.networks.registry.load_network`.
        choice: what that was given, to be kept in `extraction.json`; None = the network's name.
        progress: counts the seconds of video, and gets a line when a stopped extraction goes on.
        engine: extracts the videos; None = this process. `yt8m.cluster.extract.BeamExtraction` is another.
        options: fields of `ExtractionOptions`.

    Returns:
        What became of the videos. A video that cannot be read does not end the others' extraction. After a kill, the same call
        goes on after the videos that were extracted.

    Raises:
        InputError: a path stands for no video; `out` holds something else, or records that were made in another way; labels
            cannot be read; the network fails; or the disk is full.
    """
    how = ExtractionOptions(**options)
    files = check_places(paths, out, how.labels, how.vocabulary)
    choice = choice or NetworkChoice(network.name)
    extraction = Extraction(choice, network.identity, network.features, how.level, how.max_frames, how.rounding)
    output = Output(Path(out), extraction, how.records_per_shard)
    with output.opened():
        videos = {video: path for path, video in ids_of(files, how.naming, output.rows, output.files).items()}
        labels, vocabulary = labels_for(how.labels, how.vocabulary, Path(out), videos, progress)
        output.plan(videos, labels, vocabulary)
        making = Making(how, network.features, output.parts_directory)
        return _Work(output, network, how, videos, progress).run(making, engine or _Here(network))


def check_places(
    paths: str | Sequence[str], out: str | os.PathLike, labels: str | None = None, vocabulary: str | None = None
) -> list[str]:
    """The video files that `extract` would read. Call it before `load_network`, which takes seconds: it tells mistyped paths.

    Raises:
        InputError: PyAV is missing; a path stands for no video; `out` holds something else or lies in a directory to read; or
            a file of labels or classes cannot be read.
    """
    require_av()
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    refuse_inside(out, given)
    files = find_video_files(given)
    refuse_other_things(Path(out))
    refuse_unreadable(labels, vocabulary)
    return files


def _state_of(path: str) -> FileState | None:
    """A video file as it is now; None if it cannot be read."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return FileState(status.st_size, status.st_mtime_ns)


Engine = Callable[[Sequence[Order], Making, Meter], Iterator[Outcome]]
"""Extracts videos, and yields what became of each. The meter may hear of the work."""


class _Here:
    """The engine of this process."""

    def __init__(self, network: Network):
        self._network = network

    def __call__(self, orders: Sequence[Order], making: Making, meter: Meter) -> Iterator[Outcome]:
        return making.outcomes(orders, self._network, meter)


class _Work:
    """One call of `extract`.

    Args:
        output: the open directory.
        network: gives the features.
        how: the options.
        videos: paths by id, in the order of records.
        progress: watches.
    """

    def __init__(
        self, output: Output, network: Network, how: ExtractionOptions, videos: Mapping[str, str], progress: Progress
    ):
        self._output, self._network, self._how, self._videos, self._progress = output, network, how, videos, progress
        self._states = {video_id: _state_of(path) for video_id, path in videos.items()}
        self._waiting = list(videos)
        self._done: set[str] = set()
        self._extracted: set[str] = set()

    def run(self, making: Making, engine: "Engine") -> ExtractionSummary:
        """Extracts what is missing."""
        orders = [
            Order(video_id, task, self._states[video_id])
            for video_id, path in self._videos.items()
            if (task := self._task(video_id, path))
        ]
        num_there = len(self._videos) - len(orders)
        if num_there:
            there = f"{num_there} of {quantity(len(self._videos), 'video')}"
            self._progress.message(f"{self._output.directory}: going on; {there} are there")
        try:
            with Meter(self._progress, [each.task for each in orders], self._how.max_frames, num_there) as meter:
                for outcome in engine(orders, making, meter):
                    self._take(outcome)
                    meter.ended(outcome.order.task, outcome.num_frames)
                    self._output.ready(self._newly_ready(), is_last=False)
        except KeyboardInterrupt:
            if self._output.is_settled:
                self._output.ready(self._newly_ready(), is_last=True)
            raise
        self._output.ready(self._newly_ready(), is_last=True)
        return self._summary()

    def _task(self, video_id: str, path: str) -> Task | None:
        """What there is to do for a video; None if nothing is."""
        row, part, state = self._output.rows[video_id], self._output.parts.get(video_id), self._states[video_id]
        known = part.row if part else row
        before = part.state if part else self._output.files.get(video_id)
        if before is None or state is None:
            return Task(path, needs_digest=True)
        if known.problem and self._how.on_corrupt == "refuse":
            self._output.fail(refused(known))
        elif (before.bytes, before.modified) != (state.bytes, state.modified):
            return Task(path, needs_digest=True, known_digest=known.sha256)
        self._done.add(video_id)
        return None

    def _take(self, outcome: Outcome) -> None:
        """Keeps what became of a video."""
        order = outcome.order
        self._done.add(order.id)
        if outcome.part is not None:
            self._output.add(outcome.part)
            self._extracted.add(order.id)
        elif outcome.failed is not None:
            self._output.fail(outcome.failed)
        else:
            assert order.state is not None
            self._output.touch(order.id, order.state)

    def _newly_ready(self) -> list[str]:
        """The next extracted videos, up to the first that is not done yet: records have the order of the videos."""
        count = next((place for place, each in enumerate(self._waiting) if each not in self._done), len(self._waiting))
        ready, self._waiting = self._waiting[:count], self._waiting[count:]
        return [video_id for video_id in ready if video_id in self._output.parts]

    def _summary(self) -> ExtractionSummary:
        rows = [self._output.rows[video_id] for video_id in self._videos]
        good = [row for row in rows if not row.has_failed]
        most = self._how.max_frames
        return ExtractionSummary(
            str(self._output.directory),
            texts_of(self._network.features),
            num_videos=len(rows),
            num_extracted=len(self._extracted),
            num_kept=len(good) - len(self._extracted),
            num_failed=len(rows) - len(good),
            num_damaged=sum(bool(row.problem) for row in good),
            num_cut=0 if most is None else sum((row.seconds or 0) > most for row in good),
            num_frames=sum(row.frames for row in good),
            seconds=sum(row.seconds or 0.0 for row in good if row.id in self._extracted),
            problems={row.path: row.problem for row in rows if row.problem},
        )
