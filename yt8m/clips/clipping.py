"""`yt8m clips`: divides videos into clips, groups them, and writes a table, timelines for editors, and the clips themselves."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from yt8m.clips.dividing import Shot, divide, joined_means
from yt8m.clips.footage import Files, Footage, Records
from yt8m.clips.grouping import group_clips
from yt8m.clips.options import ClipOptions
from yt8m.clips.output import Cut, write_cuts, write_tables, write_timelines
from yt8m.clips.pixels import find_shots_in_pixels, require_scenedetect
from yt8m.data.features import Feature
from yt8m.data.tables.clips import Clip
from yt8m.data.tables.videos import VideoRow
from yt8m.data.tables.vocabulary import read_class_names
from yt8m.errors import InputError
from yt8m.extracting.networks.network import Network
from yt8m.files import check_empty, new_contents
from yt8m.progress import SILENT, Progress
from yt8m.runs import load_config
from yt8m.values import checked
from yt8m.video.containers import require_av


@dataclass
class Clips:
    """The result of `make_clips`."""

    directory: str
    clips: list[Clip] = field(default_factory=list)
    """In the order of the videos, and of time."""
    num_clusters: int = 0
    silhouette: float | None = None
    """Mean silhouette of the clusters, -1 to 1; None if there are too few clips or clusters for one."""
    num_joined: int = 0
    """Clips that were compared with each other; the others were assigned to the nearest cluster."""
    cuts: list[Cut] = field(default_factory=list)
    """The files of `--cut`."""
    problems: list[str] = field(default_factory=list)
    """A line for all that could not be done."""

    @property
    def num_videos(self) -> int:
        """Videos with clips."""
        return len({clip.video for clip in self.clips})

    @property
    def num_scenes(self) -> int:
        """Scenes of all videos."""
        return len({(clip.video, clip.scene) for clip in self.clips})


@checked(options_of=[ClipOptions])
def make_clips(
    out: str | os.PathLike,
    records: Sequence[str] = (),
    videos: Sequence[str] = (),
    network: Network | None = None,
    run: str | os.PathLike | None = None,
    vocabulary: str | os.PathLike | None = None,
    progress: Progress = SILENT,
    **options: Any,
) -> Clips:
    """Divides videos into clips and writes them to a directory. One bad video does not end the work.

    Args:
        out: a missing or empty directory.
        records: files, directories or globs of frame-level records.
        videos: video files, absolute paths.
        network: gives the features of `videos`.
        run: a run directory whose model names what clips show; None = they have the labels of their record.
        vocabulary: a `vocabulary.csv` with class names; None = the one at the root of the data set.
        progress: counts the videos.
        options: fields of `ClipOptions`.

    Raises:
        InputError, RecordError: `out` is not empty or cannot be written, nothing is found, no video has a frame, the run or a
            library is missing, or there are fewer clips than clusters.
    """
    how = ClipOptions(**options)
    check_places(out, how, run, vocabulary)
    sources: list[Records | Files] = []
    if records:
        sources.append(Records(records, vocabulary))
    if videos:
        assert network is not None
        sources.append(Files(videos, network))
    features = _joined(sources)
    namer = _namer(run, vocabulary, sources, features)
    work = _Work(how, features, namer, Clips(os.fspath(out)))
    with new_contents(out, "yt8m clips") as hidden:
        for source in sources:
            for footage in source.each(work.result.problems.append, progress):
                work.add(footage)
        return work.finish(hidden, progress)


def check_places(
    out: str | os.PathLike, how: ClipOptions, run: str | os.PathLike | None, vocabulary: str | os.PathLike | None
) -> None:
    """Looks at what `make_clips` is given, but for the videos. Call it before `load_network`, which takes seconds.

    Raises:
        InputError: `out` is not empty or cannot be written, there is no such run, the vocabulary cannot be read, or a library is
            missing.
    """
    check_empty(out)
    if run is not None:
        load_config(run)
    if vocabulary is not None:
        read_class_names(vocabulary)
    if how.cut:
        require_av()
    if how.shots == "pixels":
        require_scenedetect()


def _joined(sources: Sequence[Records | Files]) -> tuple[Feature, ...]:
    """The features of all sources. Raises InputError if two of them have another form under one name."""
    found: dict[str, Feature] = {}
    for source in sources:
        for feature in source.features:
            if found.setdefault(feature.name, feature) != feature:
                raise InputError(
                    f"{source.files[0]}: has {feature.text}, and other videos have {found[feature.name].text}; divide them "
                    "separately"
                )
    return tuple(found.values())


def _namer(run, vocabulary, sources: Sequence[Records | Files], features: Sequence[Feature]):
    """What names clips by a run; None without a run."""
    if run is None:
        return None
    from yt8m.clips.naming import ClipNamer  # loads TensorFlow

    return ClipNamer(run, vocabulary, sources[0].files[0] if sources else None)


class _Work:
    """One call of `make_clips`."""

    def __init__(self, how: ClipOptions, features: Sequence[Feature], namer, result: Clips):
        self.result = result
        self._how, self._features, self._namer = how, features, namer
        self._rows: dict[str, VideoRow] = {}
        self._shots: list[Shot] = []
        self._labels: list[tuple[str, ...]] = []
        self._videos: list[str] = []

    def add(self, footage: Footage) -> None:
        """Divides a video."""
        video, problems = footage.row.id, self.result.problems
        if video in self._rows:
            problems.append(f"{footage.place}: video {video[:60]!r} comes a second time; the first one counts")
            return
        shots = divide(footage, self._features, self._starts(footage))
        labels = [footage.labels] * len(shots)
        if self._namer is not None:
            labels, problem = self._namer.labels(footage, shots)
            problems += [problem] if problem else []
        self._rows[video] = footage.row
        self._videos += [video] * len(shots)
        self._shots += shots
        self._labels += labels

    def _starts(self, footage: Footage) -> list[float] | None:
        """When the shots begin, by pixels; None if features decide."""
        if self._how.shots == "features":
            return None
        path, tell = footage.row.path, self.result.problems.append
        if not path:
            tell(f"{footage.place}: its video file is not known; the clips are those of its features")
            return None
        try:
            return find_shots_in_pixels(path)
        except InputError as error:
            tell(f"{error}; the clips are those of its features")
            return None

    def finish(self, hidden: Path, progress: Progress) -> Clips:
        """Groups the clips and writes them."""
        result, how, seconds = self.result, self._how, np.array([shot.end - shot.start for shot in self._shots])
        if not self._shots:
            raise InputError(result.problems[0] if result.problems else "no video has a frame, so there are no clips")
        with progress.working("comparing clips", "clip", total=len(self._shots)):
            groups = group_clips(joined_means(self._shots, self._features), seconds, how.clusters, how.seed)
            progress.advance(len(self._shots))
        result.num_clusters, result.silhouette = groups.number, groups.silhouette
        result.num_joined = groups.num_joined
        result.clips = [
            Clip(video, shot.start, shot.end, int(cluster), labels, shot.scene, shot.second)
            for video, shot, cluster, labels in zip(
                self._videos, self._shots, groups.cluster, self._labels, strict=True
            )
        ]
        write_tables(hidden, result.clips, self._rows)
        clips_of = _by_video(result.clips)
        write_timelines(hidden, clips_of, self._rows, how, progress)
        if how.cut:
            result.cuts = write_cuts(hidden, clips_of, self._rows, result.problems.append, progress)
        return result


def _by_video(clips: Sequence[Clip]) -> Mapping[str, list[Clip]]:
    found: dict[str, list[Clip]] = {}
    for clip in clips:
        found.setdefault(clip.video, []).append(clip)
    return found
