"""One pass through an open video: demuxes, decodes and chooses, packet by packet."""

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from yt8m.errors import quantity
from yt8m.video.clock import Clock
from yt8m.video.containers import picture_stream, sound_stream, step_of
from yt8m.video.pieces import Frame, Sound, VideoInfo, Wanted
from yt8m.video.pixels import Converter
from yt8m.video.seconds import Lookahead, Picture, WholeSeconds
from yt8m.video.sound import SAMPLE_RATE, SoundTrack
from yt8m.video.turns import TakingTurns

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame

_MAY_SKIP = {"h264"}
"""Codecs whose pictures say whether others refer to them, so that those without use need not be decoded."""
_PATIENCE = 10
"""Seconds to read on for sound that is stored later than its pictures, once there are enough pictures."""
_LONGEST_WAIT = 3600
"""Seconds without anything, beyond the declared end, after which a time stamp is taken for a wrong one."""


class Pass:
    """One pass through a file.

    Args:
        container: the open file.
        info: what it says of itself.
        zero: the time stamp of the video's start, in ticks of the pictures' stream.
        wanted: what to yield.

    Attributes:
        first: when the first picture is shown, in seconds from the video's start; None = none was decoded.
        end: when the last picture ends; 0 = none was decoded.
        reached: when the last packet of pictures or sound ends.
        remarks: what was wrong, but for what is missing; each a clause. Complete at the end.
    """

    def __init__(self, container: "InputContainer", info: VideoInfo, zero: int, wanted: Wanted):
        self._container, self._declared, self._zero, self._wanted = container, info.seconds, zero, wanted
        stream = picture_stream(container, info.path)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = wanted.threads
        self._stream, self._sound_stream = stream, sound_stream(container)
        self._tick: Fraction = stream.time_base
        self._start = zero * self._tick
        self._step = step_of(stream)
        self._turns = TakingTurns() if container.format.name == "avi" else None
        self._skips = stream.codec_context.name in _MAY_SKIP
        self._clock, self._lookahead = Clock(container), Lookahead(self._tick, zero)
        self._seconds = WholeSeconds(self._tick)
        limit = None if wanted.max_frames is None else wanted.max_frames * SAMPLE_RATE
        sound_tick = 0.0 if self._sound_stream is None else float(self._sound_stream.time_base)
        self._track = SoundTrack(float(self._start), sound_tick, limit)
        self._ticks_of = {stream.index: float(self._tick)}
        if self._sound_stream is not None:
            self._ticks_of[self._sound_stream.index] = sound_tick
        self._converter = Converter(wanted.height, stream.sample_aspect_ratio)
        self._converted: tuple[VideoFrame, np.ndarray] | None = None
        self._shown: int | None = None  # ticks of the last picture
        self._counts = {"video": 0, "audio": 0, "early": 0, "absurd": 0}
        self._stopped = ""
        self._end = 0
        self.first: float | None = None
        self.reached = 0.0

    @property
    def end(self) -> float:
        return float(self._end * self._tick)

    @property
    def full(self) -> bool:
        """Whether there are as many pictures as wanted."""
        return self._wanted.max_frames is not None and self._seconds.second >= self._wanted.max_frames

    @property
    def remarks(self) -> list[str]:
        counts = self._counts
        found = [
            (counts["video"], f"{quantity(counts['video'], 'broken packet')} of pictures passed over"),
            (counts["audio"], f"{quantity(counts['audio'], 'broken packet')} of sound passed over"),
            (counts["early"], f"{quantity(counts['early'], 'picture')} with a time before an earlier one left out"),
            (counts["absurd"], f"{quantity(counts['absurd'], 'piece')} with a time far beyond the end left out"),
            (self._clock.num_jumps, "the time stamps jump, which was mended"),
            (self._stopped, f"nothing can be read beyond {self.end:.1f} s ({self._stopped})"),
        ]
        return [text for wrong, text in found if wrong]

    def pieces(self) -> Iterator[Frame | Sound]:
        """Reads to the end, or until there is enough."""
        for packet in self._packets():
            if packet.stream_index == self._stream.index:
                for each, needed in self._lookahead.push(packet):
                    yield from self._pictures(each, needed)
            elif self._wanted.sound:
                yield from self._sounds(packet)
            if self.full and self._has_enough_sound():
                break
        for each, needed in self._lookahead.finish():
            yield from self._pictures(each, needed)
        yield from self._pictures(None, True)
        yield from self._wanted_ones(self._seconds.finish(self._end))
        if self._sound_stream is not None and self._wanted.sound:
            yield from self._sounds(None)
            yield from self._numbered(self._track.finish())

    def _packets(self) -> Iterator["Packet"]:
        """The packets of pictures and sound, with mended time stamps."""
        import av

        streams, start = [each for each in (self._stream, self._sound_stream) if each is not None], float(self._start)
        try:
            for packet in self._container.demux(streams):
                if not packet.size:  # asks for what a decoder still holds
                    continue
                self._clock.mend(packet)
                time = packet.dts if packet.pts is None else packet.pts
                if time is not None:
                    end = (time + (packet.duration or 0)) * self._ticks_of[packet.stream_index] - start
                    self.reached = max(self.reached, end)
                yield packet
        except (av.FFmpegError, OSError) as error:
            self._stopped = error.strerror or str(error)

    def _has_enough_sound(self) -> bool:
        if self._sound_stream is None or not self._wanted.sound or self._track.full:
            return True
        return self.reached > self._wanted.max_frames + _PATIENCE

    def _decoded(self, stream: "Stream", packet: "Packet | None") -> list:
        """What a decoder gives for a packet, or at the end for None."""
        import av

        try:
            return stream.decode(packet)
        except av.EOFError:
            return []
        except av.FFmpegError:
            self._counts[stream.type] += 1
            return []

    def _pictures(self, packet: "Packet | None", needed: bool) -> Iterator[Frame]:
        if self.full:
            return
        if self._skips:
            self._stream.codec_context.skip_frame = "DEFAULT" if needed else "NONREF"
        frames = self._decoded(self._stream, packet)
        for frame in frames if self._turns is None else self._turns.push(frames, is_last=packet is None):
            ticks = self._ticks(frame)
            if ticks is not None:
                yield from self._wanted_ones(self._seconds.push(Picture(frame, ticks)))

    def _ticks(self, frame: "VideoFrame") -> int | None:
        """When a picture is shown; None = it has no place in time."""
        if frame.pts is not None:
            ticks = frame.pts - self._zero
        else:
            ticks = 0 if self._shown is None else self._shown + (frame.duration or self._step)
        if self._shown is not None and ticks <= self._shown:
            self._counts["early"] += 1
            return None
        if self._is_absurd(ticks * self._tick, self._end * self._tick):
            self._counts["absurd"] += 1
            return None
        if self.first is None:
            self.first = float(ticks * self._tick)
        self._shown, self._end = ticks, ticks + self._step
        if frame.duration and not self._is_absurd((ticks + frame.duration) * self._tick, ticks * self._tick):
            self._end = ticks + frame.duration
        return ticks

    def _is_absurd(self, time: float, before: float) -> bool:
        return time > _LONGEST_WAIT + max(before, self._declared or 0)

    def _wanted_ones(self, chosen: Iterator[tuple[int, Picture]]) -> Iterator[Frame]:
        for second, picture in chosen:
            if self._wanted.max_frames is not None and second >= self._wanted.max_frames:
                return
            if self._converted is None or self._converted[0] is not picture.frame:
                self._converted = picture.frame, self._converter.pixels(picture.frame)
            yield Frame(second, float(picture.ticks * self._tick), self._converted[1])

    def _sounds(self, packet: "Packet | None") -> Iterator[Sound]:
        if self._track.full:
            return
        for frame in self._decoded(self._sound_stream, packet):
            time = self._track.time_of(frame)
            if time is not None and self._is_absurd(time, self._track.num_samples / SAMPLE_RATE):
                self._counts["absurd"] += 1
            else:
                yield from self._numbered(self._track.push(frame))

    def _numbered(self, pieces: Iterator[np.ndarray]) -> Iterator[Sound]:
        for samples in pieces:
            yield Sound(self._track.num_samples - samples.size, samples)
