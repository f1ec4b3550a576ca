"""Reads a video in one pass: a picture for each whole second, and the sound."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from yt8m.errors import InputError
from yt8m.video.containers import may_be_still, opened, picture_stream, sound_stream, still_picture
from yt8m.video.passes import Pass
from yt8m.video.pieces import Frame, Sound, VideoInfo, Wanted
from yt8m.video.pixels import orientation_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_DECLARING = {"asf", "avi", "flv", "matroska", "mov"}
"""Formats whose files say at their beginning how long they are. FFmpeg guesses it for others, from their end or size."""
_TOLERANCE = 0.25
"""Seconds by which a whole file may end before it says, or two pictures if that is more."""
_MOST_DELAY = 0.5
"""Seconds from the declared start to the first picture that are due to the order of storage: AVI tells when pictures are decoded,
not when they are shown. If there are more, the first pictures are broken."""


class Video:
    """A video file, made by `open_video`. Each call of `pieces` reads it from the start.

    Attributes:
        info: what the file says of itself.
        zero: the time stamp of the video's start, in ticks of the pictures' stream.
        seconds: when the last picture ends, in seconds from the video's start; 0 before the end of a pass.
        lost_seconds: seconds that the file says it has, and that are missing at its end, or could not be decoded at its start.
        problems: what was wrong, each a clause without a full stop; known at the end of a pass.
    """

    def __init__(self, info: VideoInfo, zero: int = 0):
        self.info = info
        self.zero = zero
        self.seconds = 0.0
        self.lost_seconds = 0.0
        self.problems: tuple[str, ...] = ()

    def pieces(
        self, sound: bool = True, max_frames: int | None = None, height: int | None = None, threads: int = 0
    ) -> Iterator[Frame | Sound]:
        """Decodes the video once, from start to end. Memory does not grow with its length.

        Pictures come in order, and so does sound, but neither waits for the other: the file decides which of them is first.

        Args:
            sound: whether to read the sound.
            max_frames: the most pictures to yield, and the most seconds of sound; None = all.
            height: rows of the pictures, if they should be smaller than they are stored. Each pixel is then square, and the mean
                of those that it covers. None = every pixel as it is stored.
            threads: threads that decode pictures; 0 = as many as there are cores. One takes the least time of all cores together.

        Yields:
            A `Frame` for each whole second before the end of the pictures: the nearest one to it. `Sound` from second 0 on,
            without gaps; it may end before the pictures or after them.

        Raises:
            InputError: the file has changed and cannot be opened, or an argument is not positive.
        """
        for name, value in {"max_frames": max_frames, "height": height}.items():
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}; it must be at least 1")
        self.seconds, self.lost_seconds, self.problems = 0.0, 0.0, ()
        with opened(self.info.path) as container:
            reading = Pass(container, self.info, self.zero, Wanted(sound, max_frames, height, threads))
            yield from reading.pieces()
            self._conclude(reading, container)

    def _conclude(self, reading: Pass, container: "InputContainer") -> None:
        self.seconds, problems = reading.end, reading.remarks
        tolerance = max(_TOLERANCE, 2 / (self.info.frames_per_second or 25))
        late = reading.first or 0.0
        missing = 0.0 if reading.full else _missing_seconds(container, self.info.path, reading)
        if late > tolerance:
            problems.append(f"the first {late:.1f} s have no picture that can be decoded")
            self.lost_seconds += late
        if missing > tolerance:
            problems.append(f"the last {missing:.1f} s are missing, as if the file were cut off")
            self.lost_seconds += missing
        self.problems = tuple(problems)


def open_video(path: str | os.PathLike) -> Video:
    """Opens a video file and decodes its first picture.

    Raises:
        InputError: the file is missing, empty, or no video; it has no picture, or none that can be decoded; or PyAV is missing.
    """
    with opened(path) as container:
        stream, sound = picture_stream(container, path), sound_stream(container)
        first = _first_picture(container, stream, path)
        zero = _zero_of(stream, first)
        orientation, size = orientation_of(first), (first.width, first.height)
        width, height = size[::-1] if orientation.transposed else size
        declared = _declared_seconds(container, stream)
        if declared is None and (end := _declared_end(container)) is not None:
            declared = end - float(zero * stream.time_base)
        info = VideoInfo(
            path=os.fspath(path),
            seconds=declared,
            width=width,
            height=height,
            frames_per_second=float(stream.average_rate or stream.guessed_rate or 0),
            rotation=orientation.rotation,
            sample_rate=sound.codec_context.sample_rate if sound else 0,
            channels=sound.codec_context.channels if sound else 0,
            start=float(zero * stream.time_base),
        )
    return Video(info, zero)


def _first_picture(container: "InputContainer", stream: "VideoStream", path: str | os.PathLike) -> "VideoFrame":
    """Decodes up to the first picture.

    Raises:
        InputError: there is none, or it is the only one of a format for pictures.
    """
    stream.codec_context.thread_count = 1
    frames = _decodable(container, stream)
    first = next(frames, None)
    if first is None:
        raise InputError(f"{os.fspath(path)}: has no picture that can be decoded")
    if may_be_still(container) and next(frames, None) is None:
        raise still_picture(path)
    return first


def _decodable(container: "InputContainer", stream: "VideoStream") -> Iterator["VideoFrame"]:
    import av

    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            yield from frames
    except av.FFmpegError:  # the file ends here
        return


def _zero_of(stream: "VideoStream", first: "VideoFrame") -> int:
    """The time stamp of the video's start, in ticks: that of the first picture, also if it cannot be decoded."""
    declared = stream.start_time
    if first.pts is None or declared is None:
        return (declared if first.pts is None else first.pts) or 0
    late = first.pts - declared
    return declared if late * stream.time_base > _MOST_DELAY else first.pts


def _declared_seconds(container: "InputContainer", stream: "VideoStream") -> float | None:
    """How long the pictures are, as the file says; None = it does not."""
    if container.format.name == "avi" and stream.frames and stream.average_rate:
        return float(stream.frames / stream.average_rate)  # FFmpeg takes the duration of a cut file from its size
    if stream.duration:
        return float(stream.duration * stream.time_base)
    try:
        hours, minutes, seconds = (float(each) for each in stream.metadata["DURATION"].split(":"))  # Matroska
    except (KeyError, ValueError):
        return None
    return max(0.0, 3600 * hours + 60 * minutes + seconds - _start_of(stream))


def _declared_end(container: "InputContainer") -> float | None:
    """When a file ends, on its own clock, as it says; None = it does not.

    Matroska's length counts from the clock's zero, as its streams' do, though the first picture may be later.
    """
    if container.duration is None:
        return None
    start = 0 if "matroska" in container.format.name.split(",") else container.start_time or 0
    return (start + container.duration) / 1e6


def _start_of(stream: "VideoStream") -> float:
    return float((stream.start_time or 0) * stream.time_base)


def _missing_seconds(container: "InputContainer", path: str, reading: Pass) -> float:
    """How much earlier a file ends than it says."""
    if _DECLARING.isdisjoint(container.format.name.split(",")):
        return 0.0
    stream = picture_stream(container, path)
    declared = _declared_seconds(container, stream)
    if declared is not None:
        return declared - reading.end
    end = _declared_end(container)
    return 0.0 if end is None else end - _start_of(stream) - reading.reached
