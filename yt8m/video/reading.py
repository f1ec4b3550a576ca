"""Reads a video in one pass: a picture for each whole second, and the sound."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from yt8m.errors import InputError, quantity
from yt8m.video.containers import opened, picture_stream, sound_stream
from yt8m.video.seconds import Picture, WholeSeconds
from yt8m.video.sound import SAMPLE_RATE, SoundTrack
from yt8m.video.upright import orientation_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet


@dataclass(frozen=True)
class Frame:
    """A picture of a video.

    Attributes:
        second: the whole second that it is nearest to, from 0.
        time: when it is shown, in seconds from the video's start.
        pixels: uint8 [H, W, 3], RGB, upright. Seconds that share a picture share the array.
    """

    second: int
    time: float
    pixels: np.ndarray


@dataclass(frozen=True)
class Sound:
    """A piece of a video's sound.

    Attributes:
        start: the number of samples before it, since the video's start.
        samples: float32 [n], the mean of the channels, -1 to 1, at `SAMPLE_RATE`.
    """

    start: int
    samples: np.ndarray


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of itself.

    Attributes:
        path: the file.
        seconds: the declared duration of the pictures; None = not declared.
        width: pixels across, as the video is shown.
        height: pixels down, as the video is shown.
        frames_per_second: on average; 0 = unknown.
        rotation: degrees clockwise by which stored pictures are turned before they are shown: 0, 90, 180 or 270.
        sample_rate: samples of sound a second; 0 = no sound.
        channels: channels of sound; 0 = no sound.
    """

    path: str
    seconds: float | None
    width: int
    height: int
    frames_per_second: float
    rotation: int
    sample_rate: int
    channels: int


class Video:
    """A video file, made by `open_video`. Each call of `pieces` reads it from the start.

    Attributes:
        info: what the file says of itself.
        seconds: the end of the last picture read, in seconds from the video's start; 0 before the end of a pass.
        lost_seconds: seconds that are missing at the end, and at the start.
        problems: what was wrong, each a clause without a full stop; known at the end of a pass.
    """

    def __init__(self, info: VideoInfo):
        self.info = info
        self.seconds = 0.0
        self.lost_seconds = 0.0
        self.problems: tuple[str, ...] = ()

    def pieces(self, sound: bool = True, max_frames: int | None = None) -> Iterator[Frame | Sound]:
        """Decodes the video once, from start to end. Memory does not grow with its length.

        Pictures come in order, and so does sound, but neither waits for the other: a file decides which of them is first.

        Args:
            sound: whether to read the sound.
            max_frames: the most pictures to read, and the most seconds of sound; None = all.

        Yields:
            A `Frame` for each whole second before the end of the pictures: the nearest one to it. `Sound` from second 0 on,
            without gaps; it may end before the pictures or after them.

        Raises:
            InputError: the file has changed and cannot be opened.
        """
        with opened(self.info.path) as container:
            reading = _Pass(container, self.info, sound, max_frames)
            yield from reading.pieces()
        self.seconds, self.lost_seconds, self.problems = reading.seconds, reading.lost_seconds, tuple(reading.problems)


def open_video(path: str | os.PathLike) -> Video:
    """Opens a video file and decodes its first picture.

    Raises:
        InputError: the file is missing, empty, or no video; it has no picture, or none that can be decoded; or PyAV is missing.
    """
    shown = os.fspath(path)
    with opened(path) as container:
        import av

        stream, sound = picture_stream(container, path), sound_stream(container)
        first = None
        for packet in container.demux(stream):
            try:
                first = next(iter(packet.decode()), None)
            except av.FFmpegError:
                continue
            if first is not None:
                break
        if first is None:
            raise InputError(f"{shown}: has no picture that can be decoded")
        rate, orientation = stream.average_rate or stream.guessed_rate, orientation_of(first)
        width, height = first.width, first.height
        if orientation.transposed:
            width, height = height, width
        info = VideoInfo(
            path=shown,
            seconds=_declared_seconds(container, stream),
            width=width,
            height=height,
            frames_per_second=float(rate or 0),
            rotation=orientation.rotation,
            sample_rate=sound.codec_context.sample_rate if sound else 0,
            channels=sound.codec_context.channels if sound else 0,
        )
    return Video(info)


def _declared_seconds(container: "InputContainer", stream) -> float | None:
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / 1e6


class _Pass:
    """One pass through an open file."""

    def __init__(self, container: "InputContainer", info: VideoInfo, sound: bool, max_frames: int | None):
        self._container, self._info, self._max_frames = container, info, max_frames
        self._stream = picture_stream(container, info.path)
        self._stream.thread_type = "AUTO"
        self._sound_stream = sound_stream(container) if sound else None
        self._seconds = WholeSeconds(self._stream.time_base)
        self._zero: int | None = self._stream.start_time  # ticks
        self._track: SoundTrack | None = None
        self._end = 0
        self._broken = {"video": 0, "audio": 0}
        self._converted: tuple[object, np.ndarray] | None = None
        self.lost_seconds = 0.0
        self.problems: list[str] = []

    @property
    def seconds(self) -> float:
        return float(self._end * self._stream.time_base)

    @property
    def _full(self) -> bool:
        return self._max_frames is not None and self._seconds.second >= self._max_frames

    def pieces(self) -> Iterator[Frame | Sound]:
        streams = [each for each in (self._stream, self._sound_stream) if each is not None]
        for packet in self._container.demux(streams):
            if packet.stream is self._stream:
                if not self._full:
                    for frame in self._decoded(packet):
                        yield from self._pictures(frame)
            else:
                for frame in self._decoded(packet):
                    yield from self._sounds(frame)
            if self._full and (self._track is None or self._track.full):
                break
        for second, picture in self._seconds.finish(self._end):
            if self._max_frames is not None and second >= self._max_frames:
                break
            yield self._frame(second, picture)
        if self._track is not None:
            for samples in self._track.finish():
                yield Sound(self._track.num_samples - samples.size, samples)
        self._conclude()

    def _decoded(self, packet: "Packet") -> list:
        import av

        try:
            return packet.decode()
        except av.FFmpegError:
            self._broken[packet.stream.type] += 1
            return []

    def _pictures(self, frame) -> Iterator[Frame]:
        if self._zero is None:
            self._zero = frame.pts
        picture = Picture(frame, frame.pts - self._zero)
        self._end = picture.ticks + (frame.duration or 0)
        for second, nearest in self._seconds.push(picture):
            if self._max_frames is not None and second >= self._max_frames:
                return
            yield self._frame(second, nearest)

    def _frame(self, second: int, picture: Picture) -> Frame:
        if self._converted is None or self._converted[0] is not picture.frame:
            pixels = orientation_of(picture.frame).apply(picture.frame.to_ndarray(format="rgb24"))
            self._converted = picture.frame, pixels
        return Frame(second, float(picture.ticks * self._stream.time_base), self._converted[1])

    def _sounds(self, frame) -> Iterator[Sound]:
        if self._track is None:
            limit = None if self._max_frames is None else self._max_frames * SAMPLE_RATE
            zero = (self._zero or 0) * self._stream.time_base
            self._track = SoundTrack(Fraction(zero), limit)
        for samples in self._track.push(frame):
            yield Sound(self._track.num_samples - samples.size, samples)

    def _conclude(self) -> None:
        for kind, what in (("video", "packet of pictures"), ("audio", "packet of sound")):
            if self._broken[kind]:
                self.problems.append(f"{quantity(self._broken[kind], f'broken {what}')} passed over")
        if self._info.seconds is not None and self._max_frames is None and self._info.seconds - self.seconds > 0.5:
            self.lost_seconds = self._info.seconds - self.seconds
            self.problems.append(f"cut off: the last {self.lost_seconds:.1f} s are missing")
