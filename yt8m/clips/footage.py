"""The videos to divide into clips: from records, or from video files by a network.

T = seconds with a frame, D = values of a feature.
"""

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from yt8m.data.features import Feature
from yt8m.data.opening import source_of
from yt8m.data.source import Source
from yt8m.data.sources import expand_paths
from yt8m.data.stored_videos import StoredVideo, read_stored_videos
from yt8m.data.survey import survey
from yt8m.data.tables.videos import VideoRow, find_videos, read_videos
from yt8m.data.tables.vocabulary import class_name, find_vocabulary, read_class_names
from yt8m.errors import InputError, quantity
from yt8m.extracting.features import features_of
from yt8m.extracting.naming import ids_of
from yt8m.extracting.networks.network import Network
from yt8m.progress import SILENT, Progress

Tell = Callable[[str], None]
"""Gets a line on a video that cannot be used."""


@dataclass(frozen=True)
class Footage:
    """A video with its features."""

    row: VideoRow
    """Its id, and its file. The path is empty if it is not known."""
    place: str
    """Where its features are from, for messages."""
    streams: Mapping[str, np.ndarray]
    """Frames by feature, [T, D] as stored, one a second; at least one feature, and T of 1 or more."""
    labels: tuple[str, ...] = ()
    """Names of its classes, if its record has any."""

    @property
    def num_frames(self) -> int:
        """T."""
        return min(map(len, self.streams.values()))

    @property
    def seconds(self) -> float:
        """How long it is: as its table says, if its frames agree, or one second a frame."""
        known = self.row.seconds
        return known if known is not None and abs(known - self.num_frames) <= 1 else float(self.num_frames)


class Records:
    """Videos of records.

    Args:
        paths: files, directories or globs of frame-level records.
        vocabulary: a `vocabulary.csv` with class names; None = the one at the root of the data set.

    Raises:
        InputError, RecordError: nothing matches, or the records are not of frame level.
    """

    def __init__(self, paths: Sequence[str], vocabulary: str | os.PathLike | None):
        found = survey(expand_paths(paths))
        source = source_of(found, "frame")
        self._source: Source = dataclasses.replace(source, num_classes=None, max_labels=None)
        vocabulary = vocabulary or find_vocabulary(found.files[0])
        self._names = read_class_names(vocabulary) if vocabulary else {}
        self.features: tuple[Feature, ...] = source.features
        self.files: tuple[str, ...] = source.files

    def each(self, tell: Tell, progress: Progress = SILENT) -> Iterator[Footage]:
        """Reads the videos. A record that is broken, or without frames, is told and left out."""
        without_frames = 0
        with progress.working("finding clips", "video"):
            for video in read_stored_videos(self._source, broken=lambda error: tell(str(error))):
                if video.num_frames:
                    yield self._footage(video)
                without_frames += not video.num_frames
                progress.advance(1)
        if without_frames:
            what = "has no frames, and so no clips" if without_frames == 1 else "have no frames, and so no clips"
            progress.message(f"{quantity(without_frames, 'record')} {what}")

    def _footage(self, video: StoredVideo) -> Footage:
        row = _rows_beside(os.path.dirname(video.path), video.path).get(video.video_id)
        labels = tuple(class_name(label, self._names) for label in video.labels)
        streams = {name: frames for name, frames in video.streams.items() if len(frames)}
        return Footage(
            row or VideoRow(video.video_id, "", frames=video.num_frames),
            f"{video.path}, record {video.record}",
            streams,
            labels,
        )


@cache
def _rows_beside(directory: str, path: str) -> Mapping[str, VideoRow]:
    """The table of videos beside a file of records in a directory."""
    found = find_videos(path)
    return read_videos(found) if found else {}


class Files:
    """Video files.

    Args:
        paths: absolute.
        network: gives their features.
    """

    def __init__(self, paths: Sequence[str], network: Network):
        self._paths, self._network = paths, network
        self.features, self.files = network.features, tuple(paths)

    def each(self, tell: Tell, progress: Progress = SILENT) -> Iterator[Footage]:
        """Extracts the features of each. A video that cannot be read is told and left out."""
        for path, video_id in ids_of(self._paths).items():
            try:
                found = features_of(path, self._network, progress=progress)
            except InputError as error:
                tell(str(error))
                continue
            info, problem = found.info, "; ".join(found.problems)
            if problem:
                tell(f"{path}: {problem}")
            row = VideoRow(video_id, path, found.seconds, found.num_frames, info.width, info.height, "", problem)
            yield Footage(row, path, found.streams)
