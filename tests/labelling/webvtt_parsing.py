"""A parser of WebVTT, after the grammar of https://www.w3.org/TR/webvtt1/#file-structure, that takes nothing else."""

import html
import re

_TIMESTAMP = r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})"
_TIMINGS = re.compile(rf"{_TIMESTAMP}[ \t]+-->[ \t]+{_TIMESTAMP}")
_TAGS = re.compile(r"&(?!(amp|lt|gt|lrm|rlm|nbsp);)|<")


def parse_webvtt(text: str) -> list[tuple[float, float, str]]:
    """The cues: start, end, and text."""
    assert "\r" not in text
    assert "\x00" not in text
    first, *blocks = text.removesuffix("\n").split("\n\n")
    assert first == "WEBVTT"
    cues = []
    for block in blocks:
        lines = block.split("\n")
        if "-->" not in lines[0]:  # an identifier
            lines = lines[1:]
        found = _TIMINGS.fullmatch(lines[0])
        assert found, block
        parts = [int(each or 0) for each in found.groups()]
        start, end = ((h * 3600 + m * 60 + s) + ms / 1000 for h, m, s, ms in (parts[:4], parts[4:]))
        payload = lines[1:]
        assert payload, block
        assert all(payload), block
        assert not any("-->" in line or _TAGS.search(line) for line in payload), block
        assert start < end, block
        assert not cues or cues[-1][0] <= start, block
        cues.append((start, end, html.unescape("\n".join(payload))))
    return cues
