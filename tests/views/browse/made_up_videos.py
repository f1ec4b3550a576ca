"""Videos for the page that no file has: names that are code elsewhere, times of all lengths, clips that are alike."""

import numpy as np

from yt8m.data.tables.clips import Clip
from yt8m.data.tables.videos import VideoRow
from yt8m.views.browse.gathering import BrowsedVideo, Part, Span
from yt8m.views.browse.strips import Strip, joined

NAMES = [
    "Guitar",
    "Concert",
    "Cat & dog",
    "<b>Bold</b>",
    "Zeppelin über München",
    "二胡",
    "A label with a name that takes much room",
]
EVIL = "</script><img src=x onerror=alert(1)>"
COLOURS = np.array([[200, 80, 60], [60, 140, 200], [90, 170, 90], [180, 120, 210], [220, 180, 60]])


def made_up_video(number: int, seconds: float = 60.0, num_clips: int = 4) -> BrowsedVideo:
    """A video with clips of equal length, whose labels and groups depend on its number."""
    video_id = f"video{number:04d}" if number else EVIL
    row = VideoRow(
        video_id, f"/videos/film {number}.mp4" if number else f"/{EVIL}.mp4", seconds, int(seconds), 1280, 720
    )
    edges = np.linspace(0, seconds, num_clips + 1)
    clips, spans = [], []
    for place, (start, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        name = NAMES[(number + place) % len(NAMES)]
        clips.append(Clip(video_id, start, end, (number + place) % 5, (name,), place // 2, (start + end) / 2))
        spans.append(Span(start, end, name, 0.5 + 0.1 * (place % 5)))
    labels = [(NAMES[number % len(NAMES)], 0.93), (NAMES[(number + 1) % len(NAMES)], 0.41)]
    return BrowsedVideo(video_id, row, seconds, labels, spans, [Part(each) for each in clips])


def made_up_strip(number: int, count: int = 12) -> Strip:
    """Frames of one colour each, that of the group of the clip in their middle."""
    colours = [COLOURS[(number + 4 * place // count) % 5] for place in range(count)]
    return joined([np.full((64, 114, 3), each, np.uint8) for each in colours])


def made_up_page_parts(count: int = 12) -> dict:
    """Arguments of `page.render` for so many videos."""
    videos = [made_up_video(number, 30.0 + 45 * number) for number in range(count)]
    videos.append(
        BrowsedVideo("gone", VideoRow("gone", "/videos/gone.mp4", problem="cannot be opened: it is cut off"), 0.0)
    )
    videos.append(BrowsedVideo("plain", None, 12.0, [("Guitar", None)]))
    strips = {each.video_id: made_up_strip(number) for number, each in enumerate(videos[:count])}
    related = {}
    for number, video in enumerate(videos[:count]):
        for place in range(len(video.parts)):
            others = [(number + 1 + step) % count for step in range(4)]
            related[video.video_id, place] = [
                (videos[other].video_id, place, 0.95 - 0.1 * step) for step, other in enumerate(others)
            ]
    addresses = {"video0001": "https://www.youtube.com/watch?v=abcdefghijk"}
    return {"title": "My videos", "videos": videos, "strips": strips, "related": related, "addresses": addresses}
