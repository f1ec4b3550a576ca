"""What becomes of one video of an extraction: a record, a problem, or nothing new."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yt8m.conversion.video_level import mean_of_frames
from yt8m.data.extraction import FileState, Level
from yt8m.data.features import Feature
from yt8m.data.quantisation import Rounding
from yt8m.data.records import frame_level_record, video_level_record
from yt8m.data.tables.videos import VideoRow
from yt8m.extracting.extracted import Extracted, Options
from yt8m.extracting.naming import Naming
from yt8m.extracting.networks.network import Network
from yt8m.extracting.output import Part, write_part
from yt8m.extracting.pool import Pool, Result, Task, Watcher, num_readers
from yt8m.values import PositiveInt

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
class Order:
    """A video to extract."""

    id: str
    task: Task
    state: FileState | None
    """Its file; None if that cannot be read."""


@dataclass(frozen=True)
class Outcome:
    """What became of it."""

    order: Order
    num_frames: int
    """Seconds of it that were extracted now."""
    part: Part | None = None
    """Where its record is kept; None if it has none."""
    failed: VideoRow | None = None
    """Its row with the problem, if it has no record; None also if the file has changed in nothing but its place or time."""


def refused(row: VideoRow) -> VideoRow:
    """The row of a video that has a problem, and no record because of that."""
    return dataclasses.replace(row, frames=0)


class Making:
    """Extracts videos, and keeps their records. It is the same wherever the work is done.

    Args:
        how: the options.
        features: the network's.
        directory: `yt8m.extracting.output.Output.parts_directory`, which all workers share.
    """

    def __init__(self, how: ExtractionOptions, features: Sequence[Feature], directory: Path):
        self._how, self._features = how, {each.name: each for each in features}
        self.directory = directory

    def outcomes(self, orders: Sequence[Order], network: Network, watcher: Watcher) -> Iterator[Outcome]:
        """Extracts several videos at once, and yields what became of each, as soon as it is known.

        Raises:
            InputError: the network fails, or the disk is full.
        """
        by_task = {each.task: each for each in orders}
        options = Options(self._how.max_frames, self._how.rounding)
        for result in Pool(list(by_task), network, options, num_readers(self._how.jobs), watcher).results():
            yield self._outcome(by_task[result.task], result)

    def _outcome(self, order: Order, result: Result) -> Outcome:
        found, info, state = result.extracted, result.info, order.state
        num_frames = found.num_frames if found else 0
        size = (info.width, info.height) if info else (None, None)
        if result.is_unchanged:
            return Outcome(order, num_frames)
        if found is None or state is None:
            row = VideoRow(order.id, order.task.path, None, 0, *size, result.sha256, result.problem)
            return Outcome(order, num_frames, failed=row)
        problem = "; ".join(found.problems)
        row = VideoRow(order.id, order.task.path, found.seconds, found.num_frames, *size, result.sha256, problem)
        if problem and self._how.on_corrupt == "refuse":
            return Outcome(order, num_frames, failed=refused(row))
        return Outcome(order, num_frames, write_part(self.directory, row, state, self._record(order.id, found)))

    def _record(self, video_id: str, found: Extracted) -> bytes:
        if self._how.level == "frame":
            return frame_level_record(video_id, None, found.streams)
        means = {name: mean_of_frames(rows, self._features[name]) for name, rows in found.streams.items()}
        return video_level_record(video_id, None, means)
