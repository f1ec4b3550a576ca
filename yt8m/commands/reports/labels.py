"""Describes labels of videos, for `yt8m label`."""

from collections.abc import Sequence
from typing import Any

from yt8m.errors import quantity


def labelled(result: Any) -> str:
    """Describes a `yt8m.labelling.labelling.Labelling`: lines for each video, with merged windows, then the problems."""
    blocks = ["\n".join(_video(video)) for video in result.videos]
    blocks += ["\n".join(result.problems)] if result.problems else []
    return "\n\n".join(blocks)


def labelled_values(result: Any) -> dict[str, Any]:
    """Returns a `yt8m.labelling.labelling.Labelling` as JSON values."""
    return {
        "run": result.run,
        "window": result.window,
        "videos": [
            {
                "id": _shown(video.video_id),
                "path": _shown(video.path) or None,
                "source": _shown(video.source),
                "seconds": video.seconds,
                "labels": _labels(video.labels),
                "windows": [
                    {"start": window.start, "end": window.end, "labels": _labels(window.labels)}
                    for window in video.windows
                ],
            }
            for video in result.videos
        ],
        "problems": list(result.problems),
    }


def clock(seconds: float) -> str:
    """Writes a time: `1:05` or `1:00:05`; tenths of a second if it is not whole: `0:07.5`."""
    tenths = round(10 * seconds)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    whole, tenth = divmod(tenths, 10)
    text = f"{hours}:{minutes:02d}:{whole:02d}" if hours else f"{minutes}:{whole:02d}"
    return f"{text}.{tenth}" if tenth else text


def _video(video: Any) -> list[str]:
    from yt8m.labelling.labels import chapters_of

    head = f"{_shown(video.video_id)}: {_shown(video.path or video.source)}"
    lines = [head if video.seconds is None else f"{head}, {clock(video.seconds)}"]
    lines += [f"  {label.probability:.3f}  {label.name}" for label in video.labels] or ["  no label"]
    chapters = chapters_of(video.windows)
    width = len(clock(video.seconds or 0.0))
    for chapter in chapters:
        begin, end = (f"{clock(each):>{width}}" for each in (chapter.start, chapter.end))
        lines.append(f"    {begin} to {end}  {chapter.label.probability:.3f}  {chapter.label.name}")
    if video.windows and not chapters:
        lines.append(f"    no label in any of {quantity(len(video.windows), 'window')}")
    return lines


def _labels(labels: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"class": each.class_id, "name": each.name, "probability": each.probability} for each in labels]


def _shown(text: str) -> str:
    """Text that may have bytes that are not UTF-8, for a terminal."""
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
