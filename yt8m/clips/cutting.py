"""Writes parts of a video as files without encoding it again, by PyAV.

A decoder can begin only at a key frame. So a part begins at the last key frame that is not after the wanted start. It ends with
the last picture before the wanted end, or a few later, if a decoder needs these for it. Sound is kept, on all its tracks: the
packets, of some hundredths of a second, that begin while pictures are shown. The first picture of a file is at its second 0.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from yt8m.errors import InputError
from yt8m.files import NewFile
from yt8m.video.containers import opened, picture_stream

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

_KEPT_ENDINGS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".ts", ".avi")
_OTHER_ENDING = ".mkv"
"""For videos in a container that is not written here: Matroska takes nearly every codec."""
_FORMATS = {".m4v": "mp4", ".mkv": "matroska", ".ts": "mpegts"}
"""FFmpeg's names of containers, where they are not the ending."""
_OPTIONS = {"avoid_negative_ts": "disabled", "max_delay": "0"}
"""Keeps the first picture at 0. Otherwise FFmpeg moves it, so that what is decoded before it is shown is not below 0."""
_SKEW = 1
"""Seconds by which sound may lie before or behind its pictures in a file."""


@dataclass(frozen=True)
class CutFile:
    """A part of a video, as it was written."""

    path: Path
    start: float
    """The time of its first picture, in seconds from the video's start."""
    end: float
    """Where its last picture ends, like `start`."""


def ending_for(path: str | os.PathLike) -> str:
    """The ending of the files that are cut from a video, and with it their container: that of the video if possible."""
    ending = Path(path).suffix.lower()
    return ending if ending in _KEPT_ENDINGS else _OTHER_ENDING


@dataclass(frozen=True)
class _Part:
    """The packets of pictures of a part, by their numbers, and times in units of the time base of pictures."""

    first: int
    last: int
    start: int
    """When the first picture is shown."""
    end: int
    """Where the last one ends."""


class Cutter:
    """Writes parts of a video.

    Args:
        path: the video. All its packets of pictures are counted once, because a container's own index need not be right, or be
            there.

    Raises:
        InputError: it cannot be opened.
    """

    def __init__(self, path: str | os.PathLike):
        self._path, self._shown = path, os.fspath(path)
        with opened(path) as container:
            pictures = picture_stream(container, path)
            packets = [each for each in container.demux(pictures) if each.size]
            self._times = [_time(each) for each in packets]
            self._durations = [each.duration or 0 for each in packets]
            self._keys = [place for place, each in enumerate(packets) if each.is_keyframe]
            self._time_base: Fraction = pictures.time_base
            zero = pictures.start_time
        self._zero = min(self._times, default=0) if zero is None else zero
        self._place = {time: place for place, time in enumerate(self._times)}

    def write(self, start: float, end: float, out: Path) -> CutFile:
        """Writes a part.

        Args:
            start: seconds from the video's own start.
            end: like `start`, and after it.
            out: the new file. Its ending decides about the container; `ending_for` gives one that fits.

        Raises:
            InputError: the video holds no picture in this part, or has streams that the container cannot hold; or the file cannot
                be written.
        """
        part = self._part(start, end)
        with NewFile(out) as file, opened(self._path) as container:
            self._write(container, part, file)
        return CutFile(out, self._seconds(part.start), self._seconds(part.end))

    def _seconds(self, ticks: int) -> float:
        return float((ticks - self._zero) * self._time_base)

    def _part(self, start: float, end: float) -> _Part:
        begin, stop = (self._zero + Fraction(each) / self._time_base for each in (start, end))
        inside = [place for place, time in enumerate(self._times) if begin <= time < stop]
        if not inside or not self._keys:
            raise InputError(f"{self._shown}: has no picture from {start:g} to {end:g} s that can be copied")
        before = [place for place in self._keys if self._times[place] <= begin]
        first = max(before, key=self._times.__getitem__, default=self._keys[0])
        last, found = -1, max(first, *inside)
        while last != found:  # a later picture that was needed leaves no gap before it
            last, shown = found, max(self._times[first : found + 1])
            found = max(place for place in range(first, len(self._times)) if self._times[place] <= shown)
        ends = [self._times[place] + self._durations[place] for place in range(first, last + 1)]
        return _Part(first, last, self._times[first], max(ends))

    def _write(self, container: "InputContainer", part: _Part, file: NewFile) -> None:
        import av

        ending = file.temporary.suffix.lower()
        pictures = picture_stream(container, self._path)
        streams = [pictures, *(each for each in container.streams.audio if each.codec_context is not None)]
        try:
            with av.open(
                str(file.temporary), "w", format=_FORMATS.get(ending, ending[1:]), options=_OPTIONS
            ) as written:
                copies = {each.index: written.add_stream_from_template(each) for each in streams}
                for packet in self._packets(container, streams, part):
                    _move(packet, part.start * self._time_base)
                    packet.stream = copies[packet.stream_index]
                    written.mux(packet)
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, OSError) and not isinstance(error, ValueError):
                raise file.unwritable(error) from error
            raise InputError(f"{self._shown}: cannot be written as {ending} as it is encoded ({error})") from error

    def _packets(self, container: "InputContainer", streams: Sequence["Stream"], part: _Part) -> Iterator["Packet"]:
        """The packets of a part, in the order of the file."""
        pictures, sounding = streams[0].index, {each.index for each in streams[1:]}
        early, place = part.start - int(_SKEW / self._time_base), -1
        if early > self._zero and self._goes_before(part, early):
            container.seek(early, stream=streams[0])
        for packet in container.demux(streams):
            if not packet.size:
                continue
            since_end = _time(packet) * packet.time_base - part.end * self._time_base
            if packet.stream_index == pictures:
                place = self._place.get(_time(packet), place)
                # A picture before the key frame that comes after it in the file needs others that are left out.
                if part.first <= place <= part.last and _time(packet) >= part.start:
                    yield packet
                sounding = sounding if place <= part.last or since_end <= _SKEW else set()
            elif since_end >= 0:
                sounding.discard(packet.stream_index)
            elif _time(packet) * packet.time_base >= part.start * self._time_base:
                yield packet
            if place >= part.last and not sounding:
                return

    def _goes_before(self, part: _Part, ticks: int) -> bool:
        """Whether the container can be read from a time on, and begins before the part then. It promises neither."""
        import av

        with opened(self._path) as container:
            pictures = picture_stream(container, self._path)
            try:
                container.seek(ticks, stream=pictures)
                found = next((each for each in container.demux(pictures) if each.size), None)
            except av.FFmpegError:
                return False
            return found is not None and self._place.get(_time(found), len(self._times)) <= part.first


def _time(packet: "Packet") -> int:
    """When a packet is shown, in units of its time base. AVI files say only when it is decoded."""
    return packet.dts if packet.pts is None else packet.pts


def _move(packet: "Packet", seconds: Fraction) -> None:
    """Moves a packet towards the beginning."""
    ticks = round(seconds / packet.time_base)
    if packet.pts is not None:
        packet.pts -= ticks
    if packet.dts is not None:
        packet.dts -= ticks
