"""Chapters as WebVTT, which players and `<track kind="chapters">` show: https://www.w3.org/TR/webvtt1/."""

from collections.abc import Sequence

from yt8m.labelling.labels import Chapter

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""A title must not have the arrow of a timing line, and `<` begins a tag."""


def as_webvtt(chapters: Sequence[Chapter]) -> str:
    """Writes chapters, in the order of time, as a WebVTT file. Each cue has the name of a class as its title.

    Chapters shorter than a millisecond, the resolution of WebVTT, are left out.
    """
    cues = []
    for chapter in chapters:
        start, end = (round(1000 * seconds) for seconds in (chapter.start, chapter.end))
        if end > start:
            title = " ".join(chapter.label.name.split()).translate(_ESCAPES) or f"Class {chapter.label.class_id}"
            cues.append(f"\n{len(cues) + 1}\n{_timestamp(start)} --> {_timestamp(end)}\n{title}\n")
    return f"WEBVTT\n{''.join(cues)}"


def _timestamp(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{rest:03d}"
