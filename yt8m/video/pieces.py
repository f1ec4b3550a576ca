"""What is known of a video, and what is read of it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of itself.

    Attributes:
        path: the file.
        seconds: the declared duration of the pictures, or of the file if it declares no other; None = not declared.
        width: pixels across, as the video is shown.
        height: pixels down, as the video is shown.
        frames_per_second: on average; 0 = unknown.
        rotation: degrees clockwise by which stored pictures are turned before they are shown: 0, 90, 180 or 270.
        sample_rate: samples of sound a second; 0 = no sound.
        channels: channels of sound; 0 = no sound.
        start: the time of the first picture in the file's own time, in seconds; players and this package count from there.
    """

    path: str
    seconds: float | None
    width: int
    height: int
    frames_per_second: float
    rotation: int
    sample_rate: int
    channels: int
    start: float = 0.0


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
        samples: float32 [n], the mean of the channels, -1 to 1, at `yt8m.video.SAMPLE_RATE`.
    """

    start: int
    samples: np.ndarray


@dataclass(frozen=True)
class Wanted:
    """What a pass should yield; `yt8m.video.reading.Video.pieces` has the meaning of each."""

    sound: bool = True
    max_frames: int | None = None
    height: int | None = None
    threads: int = 0
