"""From video files to records."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from yt8m.conversion.video_level import mean_of_frames
from yt8m.data.extraction import Extraction, FileState, Level, NetworkChoice
from yt8m.data.features import texts_of
from yt8m.data.quantisation import Rounding
from yt8m.data.records import frame_level_record, video_level_record
from yt8m.data.tables.videos import VideoRow
from yt8m.errors import quantity
from yt8m.extracting.extracted import Extracted, Options
from yt8m.extracting.inputs import find_video_files, refuse_inside
from yt8m.extracting.labels import labels_for, refuse_unreadable
from yt8m.extracting.meter import Meter
from yt8m.extracting.naming import Naming, ids_of
from yt8m.extracting.networks.network import Network
from yt8m.extracting.output import Output, refuse_other_things
from yt8m.extracting.pool import Pool, Result, Task, num_readers
from yt8m.progress import SILENT, Progress
from yt8m.values import PositiveInt, checked
from yt8m.video.containers import require_av

OnCorrupt = Literal["keep", "refuse"]
"""What to do with a video that is cut off or has broken parts: keep what can be read, or make no record of it."""

VIDEOS_PER_SHARD = 100
"""Records in a file. Files of YouTube-8M have about 1000; one's own collections are smaller, and their videos longer."""


@dataclass(frozen=True, kw_only=True)
class ExtractionOptions:
    """How `extract` makes records."""

    labels: str | None = None
    """A CSV file with the columns `path` and `labels`; None = records without labels."""
    vocabulary: str | None = None
    """A `vocabulary.csv` with the names of the classes; None = the one in the output directory or beside `labels`, if there is
    one. Without any, names in `labels` become classes in alphabetical order."""
    naming: Naming = "name"
    jobs: PositiveInt | None = None
    """The most videos to read at once; None = one for each core."""
    level: Level = "frame"
    records_per_shard: PositiveInt = VIDEOS_PER_SHARD
    max_frames: PositiveInt | None = None
    """The most seconds of a video to extract, from its start; None = all."""
    rounding: Rounding = "truncate"
    on_corrupt: OnCorrupt = "keep"


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
        return _Work(output, network, how, videos, progress).run()


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
        self._ids = {path: video_id for video_id, path in videos.items()}
        self._states = {video_id: _state_of(path) for video_id, path in videos.items()}
        self._waiting = list(videos)
        self._done: set[str] = set()
        self._extracted: set[str] = set()

    def run(self) -> ExtractionSummary:
        """Extracts what is missing."""
        tasks = [task for video_id, path in self._videos.items() if (task := self._task(video_id, path))]
        num_there = len(self._videos) - len(tasks)
        if num_there:
            there = f"{num_there} of {quantity(len(self._videos), 'video')}"
            self._progress.message(f"{self._output.directory}: going on; {there} are there")
        options = Options(self._how.max_frames, self._how.rounding)
        try:
            with Meter(self._progress, tasks, self._how.max_frames, num_there) as meter:
                for result in Pool(tasks, self._network, options, num_readers(self._how.jobs), meter).results():
                    self._take(result)
                    meter.ended(result.task, result.extracted.num_frames if result.extracted else 0)
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
            self._refuse(known)
        elif (before.bytes, before.modified) != (state.bytes, state.modified):
            return Task(path, needs_digest=True, known_digest=known.sha256)
        self._done.add(video_id)
        return None

    def _take(self, result: Result) -> None:
        """Keeps what became of a video."""
        video_id = self._ids[result.task.path]
        self._done.add(video_id)
        state, found, info = self._states[video_id], result.extracted, result.info
        size = (info.width, info.height) if info else (None, None)
        if result.is_unchanged:
            assert state is not None
            self._output.touch(video_id, state)
        elif found is None or state is None:
            row = VideoRow(video_id, result.task.path, None, 0, *size, result.sha256, result.problem)
            self._output.fail(row)
        else:
            problem = "; ".join(found.problems)
            row = VideoRow(video_id, result.task.path, found.seconds, found.num_frames, *size, result.sha256, problem)
            if problem and self._how.on_corrupt == "refuse":
                self._refuse(row)
            else:
                self._output.add(row, state, self._record(video_id, found))
                self._extracted.add(video_id)

    def _refuse(self, row: VideoRow) -> None:
        self._output.fail(dataclasses.replace(row, frames=0))

    def _record(self, video_id: str, found: Extracted) -> bytes:
        if self._how.level == "frame":
            return frame_level_record(video_id, None, found.streams)
        features = {each.name: each for each in self._network.features}
        means = {name: mean_of_frames(rows, features[name]) for name, rows in found.streams.items()}
        return video_level_record(video_id, None, means)

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
