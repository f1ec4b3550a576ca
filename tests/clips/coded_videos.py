"""Videos whose frames carry their numbers, and whose sound clicks at each whole second."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, BITS = 160, 16, 10
SAMPLE_RATE = 48_000


def picture_of(number: int) -> np.ndarray:
    """A row of squares, black or white: the digits of the number."""
    digits = [(number >> bit) & 1 for bit in range(BITS)]
    row = np.repeat(np.array(digits, np.uint8) * 255, WIDTH // BITS)
    return np.broadcast_to(row[None, :, None], (HEIGHT, WIDTH, 3)).copy()


def number_in(pixels: np.ndarray) -> int:
    """The number in a picture, uint8 [H, W, 3]."""
    squares = pixels.reshape(HEIGHT, BITS, WIDTH // BITS, 3).mean(axis=(0, 2, 3)) > 127
    return sum(1 << bit for bit, is_white in enumerate(squares) if is_white)


def write_coded(
    path: Path, seconds: int = 8, rate: int = 25, gop: int = 50, codec: str = "libx264", sound: str = "aac", **options
) -> Path:
    """Writes a video: `gop` frames from a key frame to the next; `sound` is a codec, or empty; `options` are the encoder's."""
    if codec != "libvpx":
        options["sc_threshold"] = 0 if codec == "libx264" else 1_000_000_000  # no key frames where much changes
    with av.open(str(path), "w") as container:
        pictures = container.add_stream(codec, rate=rate, options={name: str(value) for name, value in options.items()})
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        pictures.gop_size, pictures.codec_context.thread_count = gop, 1  # the same bytes each time
        track = container.add_stream(sound, rate=SAMPLE_RATE, layout="mono") if sound else None
        for number in range(seconds * rate):
            frame = av.VideoFrame.from_ndarray(picture_of(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(pictures.encode(frame))
            if track and number % rate == 0:
                samples = np.zeros((1, SAMPLE_RATE), np.float32)
                samples[0, :48] = 0.9
                clicks = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                clicks.sample_rate, clicks.pts = SAMPLE_RATE, number // rate * SAMPLE_RATE
                resampled = av.AudioResampler(track.format, track.layout, SAMPLE_RATE).resample(clicks)
                container.mux([packet for each in resampled for packet in track.encode(each)])
        container.mux(pictures.encode(None))
        if track:
            container.mux(track.encode(None))
    return path


def read_coded(path: Path) -> tuple[list[tuple[float, int]], list[float]]:
    """What a player shows: the time and number of each picture, in seconds of the container, and the times of clicks."""
    shown, clicks = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            shown.append((frame.time, number_in(frame.to_ndarray(format="rgb24"))))
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0) if container.streams.audio else ():
            loud = np.flatnonzero(np.abs(frame.to_ndarray().astype(np.float32)).max(axis=0) > _loud(frame))
            clicks += [frame.time + place / frame.sample_rate for place in loud]
    return shown, [time for place, time in enumerate(clicks) if not place or time - clicks[place - 1] > 0.2]


def _loud(frame) -> float:
    return 0.3 * (32767 if frame.format.name.startswith("s16") else 1)
