"""Renders the page from `page.html`, a Jinja template.

Videos go into it as JSON, and its script shows their names as text, never as HTML.
"""

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yt8m.views.browse.gathering import BrowsedVideo
from yt8m.views.browse.reading import shown
from yt8m.views.browse.strips import Strip
from yt8m.views.templates import template_of

_PLACE = Path(__file__).parent
_DIGITS = 3

Related = Mapping[tuple[str, int], Sequence[tuple[str, int, float]]]
"""For a clip, by its video and its number in it: the clips that are most alike, with cosines."""


def render(
    title: str,
    videos: Sequence[BrowsedVideo],
    strips: Mapping[str, Strip],
    related: Related,
    addresses: Mapping[str, str],
    num_left_out: int = 0,
) -> str:
    """The page as HTML that needs no other file, with a policy that forbids it to load any.

    Args:
        title: the heading.
        videos: the videos, in order.
        strips: thumbnails by id, of those videos that have some.
        related: clips that are alike.
        addresses: YouTube addresses by id, of those videos that have a known one.
        num_left_out: videos that the page does not show.

    Raises:
        InputError: Jinja is not installed.
    """
    style, script = ((_PLACE / name).read_text() for name in ("page.css", "page.js"))
    places = {video.video_id: number for number, video in enumerate(videos)}
    values = [_video(each, strips.get(each.video_id), related, places, addresses) for each in videos]
    return template_of(_PLACE, "page.html").render(
        title=title,
        style=style,
        script=script,
        policy=content_policy(style, script),
        num_videos=len(videos),
        num_left_out=num_left_out,
        num_clips=sum(len(each.parts) for each in videos),
        has_labels=any(each.labels or each.spans for each in videos),
        videos=values,
    )


def content_policy(style: str, script: str) -> str:
    """The Content-Security-Policy: nothing is loaded, and nothing runs but this style and this script."""
    sources = {name: _digest(text) for name, text in (("style-src", style), ("script-src", script))}
    parts = ["default-src 'none'", "img-src data:", *(f"{name} '{digest}'" for name, digest in sources.items())]
    return "; ".join([*parts, "base-uri 'none'", "form-action 'none'"])


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _video(
    video: BrowsedVideo,
    strip: Strip | None,
    related: Related,
    places: Mapping[str, int],
    addresses: Mapping[str, str],
) -> dict[str, Any]:
    row = video.row
    values: dict[str, Any] = {
        "id": shown(video.video_id),
        "name": shown(os.path.basename(row.path)) if row else "",
        "seconds": round(video.seconds, _DIGITS),
        "labels": [[name, None if value is None else round(value, _DIGITS)] for name, value in video.labels],
        "spans": [
            [round(each.start, _DIGITS), round(each.end, _DIGITS), each.name, round(each.probability, _DIGITS)]
            for each in video.spans
        ],
        "clips": [
            {
                "start": round(part.clip.start, _DIGITS),
                "end": round(part.clip.end, _DIGITS),
                "second": round(part.clip.second, _DIGITS),
                "cluster": part.clip.cluster,
                "scene": part.clip.scene,
                "labels": [shown(each) for each in part.clip.labels],
                "related": [
                    [places[other], clip, round(likeness, _DIGITS)]
                    for other, clip, likeness in related.get((video.video_id, number), ())
                ],
            }
            for number, part in enumerate(video.parts)
        ],
    }
    if row and row.width and row.height:
        values["size"] = f"{row.width} × {row.height}"
    if row and row.problem:
        values["problem"] = shown(row.problem)
    if strip:
        values["strip"] = [strip.address, strip.width, strip.height, strip.count]
    if video.video_id in addresses:
        values["address"] = addresses[video.video_id]
    return values
