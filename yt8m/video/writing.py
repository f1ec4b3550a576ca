"""Writes pictures and sound to a video file: H.264 and AAC."""

import itertools
import os
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from yt8m.files import unwritable
from yt8m.video.containers import require_av

if TYPE_CHECKING:
    from av.container import OutputContainer

_PIECE = 1024
"""Samples of a frame of AAC."""
_SECONDS_BETWEEN_KEY_FRAMES = 2
"""As on the web; a file can be cut there without encoding it again."""

_REPEATABLE = "mbtree=0"
"""With its macroblock tree and AVX-512, x264 gives other bytes each time (findings/x264-reads-memory-it-did-not-write.sh)."""


def write_video(
    path: str | os.PathLike,
    pictures: Iterable[np.ndarray],
    frames_per_second: int,
    sound: np.ndarray | None = None,
    sample_rate: int = 16_000,
    shown: str | os.PathLike | None = None,
) -> None:
    """Writes a video file. The same arguments give the same bytes, with the same FFmpeg.

    Args:
        path: the file; its ending chooses the container.
        pictures: uint8 [H, W, 3], RGB, of one size with even sides.
        frames_per_second: of the pictures.
        sound: float32 [channels, n], -1 to 1; one channel or two; None = a silent file.
        sample_rate: samples of sound a second.
        shown: the path in messages; None = `path`.

    Raises:
        InputError: the file cannot be written, or PyAV is missing.
    """
    require_av()
    import av

    pictures = iter(pictures)
    first = next(pictures)
    try:
        with av.open(os.fspath(path), "w") as container:
            stream = container.add_stream("libx264", rate=frames_per_second)
            stream.height, stream.width = first.shape[:2]
            stream.pix_fmt = "yuv420p"
            key_frames = str(_SECONDS_BETWEEN_KEY_FRAMES * frames_per_second)
            stream.options = {"preset": "veryfast", "crf": "20", "g": key_frames, "x264-params": _REPEATABLE}
            stream.codec_context.thread_count = 1  # more would give other bytes
            voice = None if sound is None else _Voice(container, sound, sample_rate)
            for place, pixels in enumerate(itertools.chain([first], pictures)):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = place, Fraction(1, frames_per_second)
                container.mux(stream.encode(frame))
                if voice is not None:
                    voice.write((place + 1) * sample_rate // frames_per_second)
            container.mux(stream.encode(None))
            if voice is not None:
                voice.finish()
    except OSError as error:
        raise unwritable(shown or path, error) from error


class _Voice:
    """The stream of sound in a file that is written."""

    def __init__(self, container: "OutputContainer", sound: np.ndarray, sample_rate: int):
        self._container, self._sound, self._rate = container, np.ascontiguousarray(sound, np.float32), sample_rate
        self._layout = "mono" if len(sound) == 1 else "stereo"
        self._stream = container.add_stream("aac", rate=sample_rate)
        self._stream.layout = self._layout
        self._done = 0

    def write(self, until: int) -> None:
        """Writes samples until at least the given number is written."""
        import av

        while self._done < min(until, self._sound.shape[1]):
            piece = np.ascontiguousarray(self._sound[:, self._done : self._done + _PIECE])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=self._layout)
            frame.sample_rate, frame.pts, frame.time_base = self._rate, self._done, Fraction(1, self._rate)
            self._container.mux(self._stream.encode(frame))
            self._done += piece.shape[1]

    def finish(self) -> None:
        """Writes the rest."""
        self.write(self._sound.shape[1])
        self._container.mux(self._stream.encode(None))
