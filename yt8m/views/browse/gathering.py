"""Gathers what is known of the videos of a directory: files, records, clips, and labels over time."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from yt8m.data.opening import open_source
from yt8m.data.source import Source
from yt8m.data.sources import expand_paths
from yt8m.data.stored_videos import read_stored_videos
from yt8m.data.tables.clips import CLIPS_FILE, Clip, read_clips
from yt8m.data.tables.timed_labels import TIMED_LABELS_FILE, TimedLabel, read_timed_labels
from yt8m.data.tables.videos import VIDEOS_FILE, VideoRow, read_videos
from yt8m.data.tables.vocabulary import class_name, find_vocabulary, read_class_names
from yt8m.errors import InputError, quantity
from yt8m.progress import SILENT, Progress
from yt8m.views.browse.options import BrowseOptions
from yt8m.views.browse.related import vectors_of_parts


@dataclass(frozen=True)
class Span:
    """A part of a video with a label. Times are seconds."""

    start: float
    end: float
    name: str
    probability: float


@dataclass(frozen=True)
class Part:
    """A clip of a video."""

    clip: Clip
    vector: np.ndarray | None = None
    """Its mean frame, float32 [D] (`yt8m.views.browse.related`); None if the record of the video is not there."""


@dataclass
class BrowsedVideo:
    """A video of the page."""

    video_id: str
    row: VideoRow | None = None
    """Its row of `videos.csv`; None if it is in no such table."""
    seconds: float = 0.0
    labels: list[tuple[str, float | None]] = field(default_factory=list)
    """Names of the labels of the whole video; with probabilities, if a run gave them."""
    spans: list[Span] = field(default_factory=list)
    """The best label of each window, in the order of time. Adjacent ones with one name are merged."""
    parts: list[Part] = field(default_factory=list)


@dataclass(frozen=True)
class Gathered:
    """The videos, and the tables and records that were read."""

    videos: list[BrowsedVideo]
    num_left_out: int
    """Videos beyond the most that a page takes."""
    inputs: tuple[str, ...]


def gather(directory: str, options: BrowseOptions, progress: Progress = SILENT) -> Gathered:
    """Gathers the videos of a directory, in the order of `videos.csv`, or of the records.

    Args:
        directory: what `yt8m extract` made.
        options: where to look for what, and how many videos to take.
        progress: gets remarks, and counts the videos of the records.

    Raises:
        InputError, RecordError: the directory has neither records nor a table of videos, or a table cannot be read.
    """
    if not os.path.isdir(directory):
        raise InputError(f"{directory}: is no directory; name one that yt8m extract made")
    table = Path(directory, VIDEOS_FILE)
    rows = read_videos(table) if table.is_file() else {}
    source = _source(directory, bool(rows))
    clips_file = _given(options.clips, directory, CLIPS_FILE)
    labels_file = _given(options.labels, directory, TIMED_LABELS_FILE)
    clips = _by_video(read_clips(clips_file) if clips_file else [])
    labels = _by_video(read_timed_labels(labels_file) if labels_file else [])
    videos = {video_id: BrowsedVideo(video_id, row, row.seconds or 0.0) for video_id, row in rows.items()}
    names = _class_names(options.vocabulary, source)
    if source is not None:
        with progress.working("reading records", "video"):
            _add_records(videos, source, names, clips, progress)
    _remark_on_strangers(clips, videos, clips_file, progress)
    _remark_on_strangers(labels, videos, labels_file, progress)
    for video in videos.values():
        _add_labels(video, labels.get(video.video_id, ()))
        if not video.parts:
            video.parts = [Part(clip) for clip in _sorted(clips.get(video.video_id, ()))]
        ends = [part.clip.end for part in video.parts] + [span.end for span in video.spans]
        video.seconds = max([video.seconds, *ends])
    shown = list(videos.values())[: options.most_videos]
    tables = (str(table) if rows else None, clips_file, labels_file)
    inputs = (*filter(None, tables), *(source.files if source else ()))
    return Gathered(shown, len(videos) - len(shown), inputs)


def _source(directory: str, has_table: bool) -> Source | None:
    try:
        expand_paths(directory)
    except InputError as error:
        if has_table:
            return None
        raise InputError(f"{directory}: holds neither records nor {VIDEOS_FILE}; yt8m extract makes both") from error
    return replace(open_source(directory), num_classes=None, max_labels=None)


def _given(path: str, directory: str, name: str) -> str | None:
    """The path of a table: the given one, which may be a directory with it; or that in the directory; or None."""
    if path:
        return os.path.join(path, name) if os.path.isdir(path) else path
    beside = os.path.join(directory, name)
    return beside if os.path.isfile(beside) else None


def _by_video(rows: Sequence) -> dict[str, list]:
    found = defaultdict(list)
    for row in rows:
        found[row.video].append(row)
    return found


def _class_names(vocabulary: str, source: Source | None) -> Mapping[int, str]:
    if vocabulary:
        return read_class_names(vocabulary)
    found = find_vocabulary(source.files[0]) if source else None
    return read_class_names(found) if found else {}


def _add_records(
    videos: dict[str, BrowsedVideo],
    source: Source,
    names: Mapping[int, str],
    clips: Mapping[str, Sequence[Clip]],
    progress: Progress,
) -> None:
    """Adds what records say: videos that no table has, lengths, labels, and the features of clips."""
    for stored in read_stored_videos(source, broken=lambda error: progress.message(f"left out: {error}")):
        progress.advance(1)
        video = videos.get(stored.video_id)
        if video is None:
            video = videos[stored.video_id] = BrowsedVideo(stored.video_id)
        video.seconds = video.seconds or float(stored.num_frames)
        video.labels = video.labels or [(class_name(each, names), None) for each in stored.labels]
        of_video = _sorted(clips.get(stored.video_id, ()))
        if of_video and stored.num_frames:
            vectors = vectors_of_parts(stored.streams, source.features, [(clip.start, clip.end) for clip in of_video])
            video.parts = [Part(clip, vector) for clip, vector in zip(of_video, vectors, strict=True)]


def _sorted(clips: Sequence[Clip]) -> list[Clip]:
    return sorted(clips, key=lambda clip: (clip.start, clip.end))


def _add_labels(video: BrowsedVideo, labels: Sequence[TimedLabel]) -> None:
    whole = [each for each in labels if each.start is None]
    if whole:
        video.labels = [(each.name, each.probability) for each in sorted(whole, key=lambda each: -each.probability)]
    best: dict[float, TimedLabel] = {}
    for each in labels:
        if each.start is not None and (each.start not in best or each.probability > best[each.start].probability):
            best[each.start] = each
    for start in sorted(best):
        label = best[start]
        last = video.spans[-1] if video.spans else None
        if last and last.end >= start and last.name == label.name:
            merged = Span(last.start, max(last.end, label.end), last.name, max(last.probability, label.probability))
            video.spans[-1] = merged
        else:
            if last and last.end > start:
                video.spans[-1] = replace(last, end=start)
            video.spans.append(Span(start, label.end, label.name, label.probability))


def _remark_on_strangers(
    rows: Mapping[str, Sequence], videos: Mapping[str, BrowsedVideo], path: str | None, progress: Progress
) -> None:
    strangers = [video_id for video_id in rows if video_id not in videos]
    if strangers:
        first = strangers[0].encode(errors="surrogateescape").decode(errors="backslashreplace")
        progress.message(
            f"{path}: {quantity(len(strangers), 'video')} of it, such as {first}, are not in the directory"
        )
