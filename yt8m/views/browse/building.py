"""`yt8m browse`: gathers videos, makes their thumbnails, finds related clips, and writes the page."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from yt8m.download.addresses import known_addresses
from yt8m.errors import InputError
from yt8m.files import NewFile
from yt8m.progress import SILENT, Progress
from yt8m.runs import check_output
from yt8m.views.browse import page
from yt8m.views.browse.gathering import BrowsedVideo, gather
from yt8m.views.browse.options import BrowseOptions
from yt8m.views.browse.reading import shown
from yt8m.views.browse.related import most_alike
from yt8m.views.browse.strips import Strip, make_strip
from yt8m.views.templates import require_jinja

MOST_RELATED = 8
_ENDING = ".html"


@dataclass(frozen=True)
class Page:
    """A page, and what it shows."""

    content: bytes
    num_videos: int
    num_clips: int
    num_left_out: int
    """Videos beyond the most that a page takes."""
    num_without_pictures: int
    """Videos on the page without thumbnails."""


def check_page(path: str | os.PathLike, options: BrowseOptions) -> None:
    """Raises InputError if a page cannot be written there. Ask before the work."""
    inputs = [each for each in (options.clips, options.labels, options.vocabulary) if os.path.isfile(each)]
    check_output(path, inputs=inputs)
    if not os.fspath(path).lower().endswith(_ENDING):
        raise InputError(f"{os.fspath(path)}: the page is HTML; name a file that ends in {_ENDING}")


def write_page(made: Page, path: str | os.PathLike) -> None:
    """Writes a page. The file appears complete."""
    with NewFile(Path(path)) as file:
        file.write(made.content)


def make_page(directory: str, options: BrowseOptions | None = None, progress: Progress = SILENT) -> Page:
    """Makes the page of a directory of videos.

    Args:
        directory: what `yt8m extract` made: records, `videos.csv`, or both.
        options: what to show.
        progress: counts the work, and gets a line on videos without thumbnails, and on tables with videos that are not there.

    Raises:
        InputError, RecordError: there are no videos; a table cannot be read; or Jinja is not installed.
    """
    require_jinja()
    options = options or BrowseOptions()
    gathered = gather(directory, options, progress)
    if not gathered.videos:
        raise InputError(f"{directory}: holds no videos")
    strips = _strips(gathered.videos, options.frames, progress) if options.frames else {}
    content = page.render(
        options.title or os.path.basename(os.path.abspath(directory)),
        gathered.videos,
        strips,
        _related(gathered.videos),
        known_addresses([each.video_id for each in gathered.videos]),
        gathered.num_left_out,
    )
    return Page(
        content.encode(errors="backslashreplace"),
        len(gathered.videos),
        sum(len(each.parts) for each in gathered.videos),
        gathered.num_left_out,
        len(gathered.videos) - len(strips),
    )


def _strips(videos: Sequence[BrowsedVideo], frames: int, progress: Progress) -> dict[str, Strip]:
    """The thumbnails of the videos whose files are there. Of a missing one, and of one that cannot be decoded, a line says so."""
    strips = {}
    with progress.working("making thumbnails", "video", total=len(videos)):
        for video in videos:
            if video.row is not None and video.seconds:
                try:
                    strips[video.video_id] = make_strip(video.row.path, video.seconds, frames)
                except InputError as error:
                    progress.message(f"{shown(video.video_id)}: no thumbnails: {error}")
            progress.advance(1)
    return strips


def _related(videos: Sequence[BrowsedVideo]) -> dict[tuple[str, int], list[tuple[str, int, float]]]:
    """The clips that are most like each clip, in all videos of the page."""
    known = [
        (video.video_id, number, part.vector)
        for video in videos
        for number, part in enumerate(video.parts)
        if part.vector is not None
    ]
    if len(known) < 2:
        return {}
    nearest = most_alike(np.stack([vector for _, _, vector in known]), MOST_RELATED)
    return {
        known[place][:2]: [(*known[other][:2], max(cosine, 0.0)) for other, cosine in others]
        for place, others in enumerate(nearest)
    }
