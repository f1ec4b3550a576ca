"""The files of `yt8m clips`.

::

    DIR/clips.csv              the clips (`yt8m.data.tables.clips`)
    DIR/videos.csv             the video files, if any is known (`yt8m.data.tables.videos`)
    DIR/timelines/ID.otio      a timeline of each video
    DIR/timelines/ID.edl       the same as an edit decision list; ID-2.edl and so on for more than 999 clips
    DIR/cut/ID-000.mp4 ...     with `--cut`: the clips of each video
    DIR/cut.csv                which they are, and from when until when they show the video
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yt8m.clips.cutting import Cutter, ending_for
from yt8m.clips.media import Media
from yt8m.clips.options import ClipOptions
from yt8m.clips.timelines import edl_parts, otio_of
from yt8m.data.ids import unique_file_name
from yt8m.data.tables.clips import CLIPS_FILE, Clip, write_clips
from yt8m.data.tables.text import write_table
from yt8m.data.tables.videos import VIDEOS_FILE, VideoRow, videos_table
from yt8m.errors import InputError
from yt8m.files import NewFile
from yt8m.progress import Progress
from yt8m.video.reading import open_video

CUT_FILE = "cut.csv"
_TIMELINES, _CUT = "timelines", "cut"
_DECIMALS = 3

Tell = Callable[[str], None]
ClipsOf = Mapping[str, Sequence[Clip]]
"""Clips by video, in order."""
Rows = Mapping[str, VideoRow]


@dataclass(frozen=True)
class Cut:
    """A file of `--cut`. Times are seconds of the video."""

    clip: Clip
    path: str
    """Relative to the output directory."""
    first: float
    """The time of its first picture, at or before the clip's start."""
    last: float
    """Where its last picture ends."""

    @property
    def early(self) -> float:
        """Seconds by which it begins before the clip."""
        return self.clip.start - self.first

    @property
    def late(self) -> float:
        """Seconds by which it ends after the clip."""
        return self.last - self.clip.end


def write_tables(directory: Path, clips: Sequence[Clip], rows: Rows) -> None:
    """Writes the table of clips, and that of the video files that are known."""
    _write(directory / CLIPS_FILE, write_clips(clips))
    known = [row for row in rows.values() if row.path]
    if known:
        _write(directory / VIDEOS_FILE, videos_table(known))


def write_timelines(directory: Path, clips_of: ClipsOf, rows: Rows, how: ClipOptions, progress: Progress) -> None:
    """Writes the wanted timelines of each video. Those of a video file that cannot be opened name no file."""
    if how.timelines == "none":
        return
    with progress.working("writing timelines", "video", total=len(clips_of)):
        for video, clips in clips_of.items():
            media, place = (
                _media(rows[video], clips[-1].end, progress),
                directory / _TIMELINES / unique_file_name(video),
            )
            if how.wants("otio"):
                _write(place.with_name(f"{place.name}.otio"), otio_of(media, clips).encode())
            for number, part in enumerate(edl_parts(media, clips) if how.wants("edl") else (), 1):
                _write(place.with_name(f"{place.name}{'' if number == 1 else f'-{number}'}.edl"), part)
            progress.advance(1)


def _media(row: VideoRow, seconds: float, progress: Progress) -> Media:
    if not row.path:
        return Media(row.id, None, seconds)
    try:
        info = open_video(row.path).info
    except InputError as error:
        progress.message(f"{error}; the timelines of {row.id} name no file")
        return Media(row.id, None, seconds)
    return Media(row.id, row.path, seconds, info.frames_per_second, info.channels)


def write_cuts(directory: Path, clips_of: ClipsOf, rows: Rows, tell: Tell, progress: Progress) -> list[Cut]:
    """Writes each clip as a video file. What cannot be cut is told."""
    cuts: list[Cut] = []
    with progress.working("cutting", "clip", total=sum(map(len, clips_of.values()))):
        for video, clips in clips_of.items():
            path = rows[video].path
            if not path:
                tell(
                    f"{video}: cannot be cut, as its video file is not known: no videos.csv beside its record names it"
                )
            else:
                cuts += _cuts_of(directory, video, path, clips, tell)
            progress.advance(len(clips))
    columns = {
        "video": [cut.clip.video for cut in cuts],
        "start": [round(cut.clip.start, _DECIMALS) for cut in cuts],
        "end": [round(cut.clip.end, _DECIMALS) for cut in cuts],
        "path": [cut.path for cut in cuts],
        "first": [round(cut.first, _DECIMALS) for cut in cuts],
        "last": [round(cut.last, _DECIMALS) for cut in cuts],
    }
    _write(directory / CUT_FILE, write_table(columns))
    return cuts


def _cuts_of(directory: Path, video: str, path: str, clips: Sequence[Clip], tell: Tell) -> list[Cut]:
    try:
        cutter = Cutter(path)
    except InputError as error:
        tell(str(error))
        return []
    cuts: list[Cut] = []
    for number, clip in enumerate(clips):
        name = os.path.join(_CUT, f"{unique_file_name(video)}-{number:03d}{ending_for(path)}")
        try:
            file = cutter.write(clip.start, clip.end, directory / name)
        except InputError as error:
            tell(str(error))
            continue
        cuts.append(Cut(clip, name, file.start, file.end))
    return cuts


def _write(path: Path, content: bytes) -> None:
    with NewFile(path) as file:
        file.write(content)
