"""Video files written with PyAV alone, picture by picture, so that every time and every pixel is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 160, 96
_BITS = 10
_MILLISECOND = Fraction(1, 1000)


def numbered(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A picture that carries a number as ten black or white columns: uint8 [height, width, 3]."""
    bits = [number >> bit & 1 for bit in range(_BITS)]
    row = np.repeat(np.array(bits, np.uint8) * 200 + 20, width // _BITS)
    return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()


def number_of(pixels: np.ndarray) -> int:
    """The number that `numbered` wrote, read from decoded pixels."""
    columns = pixels.reshape(len(pixels), _BITS, -1).mean(axis=(0, 2))
    return sum(int(column > 120) << bit for bit, column in enumerate(columns))


def clicks(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    """A click of half a millisecond at each whole second, over silence: float32 [channels, n]."""
    samples = np.zeros((channels, round(seconds * rate)), np.float32)
    for second in range(int(np.ceil(seconds))):
        samples[:, second * rate : second * rate + rate // 2000] = 0.9
    return samples


@dataclass(frozen=True)
class Track:
    """The sound of a file: float32 [channels, n]; it begins `start` seconds after the pictures' time 0."""

    samples: np.ndarray
    rate: int
    codec: str = "aac"
    start: float = 0.0
    layout: str = ""
    options: dict[str, str] = field(default_factory=dict)


def write(
    path: Path,
    times: Sequence[float],
    sound: Track | None = None,
    codec: str = "libx264",
    pictures: Sequence[np.ndarray] | None = None,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    rotation: int = 0,
) -> Path:
    """Writes numbered pictures that are shown at the given times, in seconds; rounded to milliseconds.

    Args:
        path: the file; its ending chooses the container.
        times: of the pictures.
        sound: None = a silent file.
        codec: of the pictures.
        pictures: others than numbered ones.
        options: of the codec.
        container: options of the container.
        rotation: degrees counter-clockwise, in the file's display matrix.
    """
    pictures = [numbered(number) for number in range(len(times))] if pictures is None else pictures
    with av.open(str(path), "w", options=container or {}) as file:
        stream = file.add_stream(codec, rate=25)
        stream.height, stream.width = pictures[0].shape[:2] if len(pictures) else (HEIGHT, WIDTH)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _MILLISECOND if codec != "mpeg4" else Fraction(1, 25)
        stream.options = options or {}
        stream.codec_context.thread_count = 1
        if rotation:
            stream.set_display_rotation(rotation)
        voice = None
        if sound is not None:
            voice = file.add_stream(sound.codec, rate=sound.rate)
            voice.layout = sound.layout or {1: "mono", 2: "stereo", 6: "5.1"}[len(sound.samples)]
            voice.options = sound.options
            voice.codec_context.open()
        packets = list(_pictures(stream, times, pictures))
        packets += list(_sounds(voice, sound)) if sound is not None else []
        for packet in sorted(packets, key=lambda each: each.dts * each.time_base):
            file.mux(packet)
    return path


def _pictures(stream, times, pictures):
    base = stream.codec_context.time_base
    for time, pixels in zip(times, pictures, strict=True):
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = round(time / base), base
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _sounds(voice, sound):
    size = voice.codec_context.frame_size or 1024
    kind = voice.codec_context.format.name
    start = round(sound.start * sound.rate)
    for place in range(0, sound.samples.shape[1], size):
        piece = np.ascontiguousarray(sound.samples[:, place : place + size])
        if kind.startswith("s16"):
            piece = np.round(piece * 32767).astype(np.int16)
        elif kind.startswith("u8"):
            piece = np.round(piece * 127 + 128).astype(np.uint8)
        if not kind.endswith("p"):
            piece = np.ascontiguousarray(piece.T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(piece, format=kind, layout=voice.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = sound.rate, start + place, Fraction(1, sound.rate)
        yield from voice.encode(frame)
    yield from voice.encode(None)
