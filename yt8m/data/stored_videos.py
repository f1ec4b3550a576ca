"""Reads the videos of record files one by one, whole, as they are stored.

Readers that make batches (`yt8m.data.engine`) cut or pad videos to one length. This module is for work that needs each video as
it is: labels over time, clips, an index. T = frames, D = values of a feature.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from yt8m.data.checking import check_record, parse, values_of
from yt8m.data.engine.files import open_records
from yt8m.data.engine.memory import Scratch
from yt8m.data.engine.records import Record
from yt8m.data.engine.videos import finite_video_of
from yt8m.data.identity import id_in
from yt8m.data.source import Source
from yt8m.errors import RecordError


@dataclass(frozen=True)
class StoredVideo:
    """A video of a record."""

    video_id: str
    """Bytes that are not UTF-8 are surrogates (`os.fsdecode`), as in tables of videos."""
    labels: tuple[int, ...]
    """Class ids, as stored."""
    path: str
    """The file."""
    record: int
    """The number of the record in the file, from 0."""
    streams: dict[str, np.ndarray] = field(default_factory=dict)
    """Frames by feature, [T, D] of the feature's type; features without frames are left out, and all are at video level."""
    means: dict[str, np.ndarray] = field(default_factory=dict)
    """Means by feature, float32 [D], at video level."""

    @property
    def num_frames(self) -> int:
        """T; 0 at video level, and for a video without frames."""
        return min(map(len, self.streams.values()), default=0)


def read_stored_videos(source: Source, broken: Callable[[RecordError], None] | None = None) -> Iterator[StoredVideo]:
    """Reads all videos in the order of the files. One is in memory at a time.

    Args:
        source: the records; frame and segment level, or video level.
        broken: gets the error of a record that cannot be used, which is left out, with the rest of its file if the next record
            cannot be found. None = the first such record is an error.

    Raises:
        RecordError: a record is damaged, or is not as the source says.
    """
    read = _means_of if source.level == "video" else _frames_of
    for path in source.files:
        scratch, records = Scratch(), iter(open_records(path, source.level).records())
        while True:
            try:
                record = next(records, None)
                if record is None:
                    break
                video = read(record, source, scratch)
            except RecordError as error:
                if broken is None:
                    raise
                broken(error)
                continue  # a generator that raised has ended
            yield video


def _frames_of(record: Record, source: Source, scratch: Scratch) -> StoredVideo:
    video = finite_video_of(record.read(scratch), source, record)
    streams = {name: rows.copy() for name, rows in video.frames(source.features).items()}
    return StoredVideo(_text(video.id), tuple(video.labels), record.path, record.index, streams=streams)


def _means_of(record: Record, source: Source, scratch: Scratch) -> StoredVideo:
    serialized = record.read(scratch).tobytes()
    problem = check_record(serialized, **source.expectations)
    if problem:
        raise record.error(problem)
    context = parse(serialized, source.features).context
    video_id, values = id_in(context), context.feature
    labels = source.labels_of(video_id) if source.labels else values_of(values["labels"]) if "labels" in values else ()
    means = {
        each.name: np.array(values[each.video_name].float_list.value, np.float32)
        for each in source.features
        if each.video_name in values
    }
    return StoredVideo(_text(video_id), tuple(labels), record.path, record.index, means=means)


def _text(video_id: bytes) -> str:
    return video_id.decode(errors="surrogateescape")
