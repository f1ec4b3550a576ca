"""Small videos whose grey tells the second, and a network that measures it."""

import threading
from pathlib import Path

import numpy as np

from yt8m.data.features import Feature
from yt8m.extracting.networks.network import SAMPLE_RATE, Network, SoundNetwork, SoundStream
from yt8m.video.writing import write_video

WIDTH, HEIGHT, FRAMES_PER_SECOND = 64, 36, 4


def grey_of(second: int, first: int = 40) -> int:
    """The grey of the pictures that are nearest to a second."""
    return first + 15 * (second % 14)


def write_grey(
    path: Path, seconds: float, first: int = 40, loud: float | None = 0.5, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> Path:
    """Writes a video.

    Args:
        path: the file.
        seconds: its length.
        first: grey of second 0.
        loud: seconds of a tone of amplitude 0.5 from the start, as a share of the length; None = no sound.
        size: of the pictures.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    num_frames = round(seconds * FRAMES_PER_SECOND)
    greys = (grey_of(int(frame / FRAMES_PER_SECOND + 0.5), first) for frame in range(num_frames))
    pictures = (np.full((size[1], size[0], 3), grey, np.uint8) for grey in greys)
    sound = None
    if loud is not None:
        times = np.arange(round(seconds * loud * SAMPLE_RATE)) / SAMPLE_RATE
        sound = (0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)[None]
    write_video(path, pictures, FRAMES_PER_SECOND, sound)
    return path


class Loudness(SoundNetwork):
    """The root of the mean square of each second."""

    feature = Feature("loudness", 1, "float32")

    def begin(self) -> SoundStream:
        return _Loudness()


class _Loudness(SoundStream):
    def __init__(self):
        self._rest = np.zeros(0, np.float32)

    def push(self, samples):
        self._rest = np.concatenate([self._rest, samples])

    def rows(self, final=False):
        count = -(-len(self._rest) // SAMPLE_RATE) if final else len(self._rest) // SAMPLE_RATE
        pieces = [self._rest[start * SAMPLE_RATE : (start + 1) * SAMPLE_RATE] for start in range(count)]
        self._rest = self._rest[count * SAMPLE_RATE :]
        return np.array([[np.sqrt((each.astype(np.float64) ** 2).mean())] for each in pieces], np.float32).reshape(
            -1, 1
        )


class Grey(Network):
    """The mean grey of a frame and what is missing to 255, as bytes; the loudness of the sound.

    Args:
        keeps_size: frames stay as large as those of the video.
        fails_after: frames before it raises `error`.
        error: what it raises then.
    """

    name = "grey"
    picture = Feature("grey", 2, "uint8", 0.0, 255.0)
    sound = Loudness()
    batch_size = 8
    version = 1

    def __init__(self, keeps_size: bool = False, fails_after: int | None = None, error=KeyboardInterrupt):
        self._keeps_size, self._fails_after, self._error = keeps_size, fails_after, error
        self.batches: list[int] = []
        self._lock = threading.Lock()

    @property
    def num_frames(self) -> int:
        return sum(self.batches)

    def prepare(self, pixels):
        return pixels if self._keeps_size else pixels[:2, :2].copy()

    def frames(self, prepared):
        if self._fails_after is not None and self.num_frames >= self._fails_after:
            raise self._error
        with self._lock:
            self.batches.append(len(prepared))
        grey = prepared.reshape(len(prepared), -1).mean(axis=1, dtype=np.float64)
        return np.stack([grey, 255 - grey], axis=1).astype(np.float32)

    @property
    def identity(self):
        return {"name": self.name, "files": {"grey": str(self.version)}}
