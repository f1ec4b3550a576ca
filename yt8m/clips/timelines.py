"""Timelines for editors: OpenTimelineIO files, and edit decision lists (EDL) in the form of CMX 3600.

A timeline shows the whole video, cut into its clips. Its times are those of the video's own start, which is 00:00:00:00.

OpenTimelineIO itself writes only formats of its own, and its adapter for EDL is a package of its own, so the few lines of an EDL
are written here. https://xmil.biz/EDL-X/CMX3600.pdf describes them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yt8m.clips.media import Media
from yt8m.data.tables.clips import Clip
from yt8m.errors import not_installed

if TYPE_CHECKING:
    from opentimelineio.opentime import RationalTime, TimeRange

MOST_EVENTS = 999
"""Events of an EDL: their numbers have three digits."""
_LONGEST_TITLE = 70
_CHANNELS = {0: "V", 1: "B"}
"""Picture alone; picture and one channel of sound. With more it is `AA/V`: picture and two channels."""


def edl_parts(media: Media, clips: Sequence[Clip]) -> list[bytes]:
    """Makes the content of one or more EDL files, of at most `MOST_EVENTS` events each.

    Args:
        media: the video.
        clips: all its clips, in order.

    Raises:
        InputError: OpenTimelineIO is missing.
    """
    ranges, parts = _ranges(media, clips), []
    for first in range(0, len(clips), MOST_EVENTS):
        count = "" if len(clips) <= MOST_EVENTS else f" {first // MOST_EVENTS + 1}"
        lines = [f"TITLE: {_one_line(media.video)[: _LONGEST_TITLE - len(count)]}{count}"]
        lines += ["FCM: DROP FRAME" if media.drops_frames else "FCM: NON-DROP FRAME", ""]
        for number, place in enumerate(range(first, min(first + MOST_EVENTS, len(clips))), 1):
            lines += _event(number, media, clips[place], ranges[place])
        parts.append("".join(f"{line}\r\n" for line in lines).encode(errors="replace"))
    return parts


def otio_of(media: Media, clips: Sequence[Clip]) -> str:
    """Makes the content of an OpenTimelineIO file: a track of pictures, and one of sound if the video has any.

    The name of a clip is its labels. A marker stands where a scene begins. `metadata` holds the columns of `clips.csv`.

    Args:
        media: the video.
        clips: all its clips, in order.

    Raises:
        InputError: OpenTimelineIO is missing.
    """
    otio = _opentimelineio()
    schema, ranges = otio.schema, _ranges(media, clips)
    timeline = schema.Timeline(_one_line(media.video), global_start_time=otio.opentime.RationalTime(0, media.rate))
    for kind in (schema.TrackKind.Video, schema.TrackKind.Audio)[: 2 if media.channels else 1]:
        track = schema.Track(kind, kind=kind)
        scene = None
        for number, (clip, span) in enumerate(zip(clips, ranges, strict=True)):
            item = schema.Clip(_name(number, clip), _reference(schema, media, ranges), span, metadata=_metadata(clip))
            if kind == schema.TrackKind.Video and clip.scene != scene:
                here = otio.opentime.TimeRange(span.start_time, otio.opentime.RationalTime(0, media.rate))
                item.markers.append(schema.Marker(f"Scene {clip.scene}", here))
                scene = clip.scene
            track.append(item)
        timeline.tracks.append(track)
    return otio.adapters.write_to_string(timeline, "otio_json")


def _opentimelineio() -> Any:
    try:
        import opentimelineio
    except ImportError as error:
        raise not_installed("writing timelines", "OpenTimelineIO", "video", error) from None
    return opentimelineio


def _ranges(media: Media, clips: Sequence[Clip]) -> list["TimeRange"]:
    """Where the clips lie, in whole frames of the timeline: each begins where the one before ends, and has a frame or more."""
    opentime, rate, ranges, end = _opentimelineio().opentime, media.rate, [], 0
    if clips:
        end = round(clips[0].start * rate)
    for clip in clips:
        start, end = end, max(round(clip.end * rate), end + 1)
        ranges.append(opentime.TimeRange(opentime.RationalTime(start, rate), opentime.RationalTime(end - start, rate)))
    return ranges


def _event(number: int, media: Media, clip: Clip, span: "TimeRange") -> list[str]:
    """The lines of an event. Source and record have the same times, because the timeline shows the whole video."""
    channels = _CHANNELS.get(media.channels, "AA/V")
    times = [_timecode(time, media) for time in (span.start_time, span.end_time_exclusive())]
    said = [f"scene {clip.scene}", f"cluster {clip.cluster}", *map(_one_line, clip.labels)]
    return [
        f"{number:03d}  AX       {channels:<5} C        {' '.join(times)} {' '.join(times)}",
        f"* FROM CLIP NAME: {_one_line(media.name)}",
        f"* COMMENT: {', '.join(said)}",
    ]


def _timecode(time: "RationalTime", media: Media) -> str:
    return time.to_timecode(media.rate, media.drops_frames)


def _one_line(text: str) -> str:
    return " ".join(text.encode(errors="replace").decode().split())


def _name(number: int, clip: Clip) -> str:
    return _one_line(", ".join(clip.labels)) or f"Clip {number}"


def _metadata(clip: Clip) -> dict[str, Any]:
    values = {"video": _one_line(clip.video), "labels": [_one_line(label) for label in clip.labels]}
    return {
        "yt8m": values | {"cluster": clip.cluster, "scene": clip.scene, "second": round(clip.second, 3)},
    }


def _reference(schema: Any, media: Media, ranges: Sequence["TimeRange"]) -> Any:
    if media.path is None:
        return schema.MissingReference(_one_line(media.video))
    whole = ranges[0].extended_by(ranges[-1])
    reference = schema.ExternalReference(Path(media.path).absolute().as_uri(), whole)
    reference.name = _one_line(media.name)
    return reference
