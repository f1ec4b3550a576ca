"""Record files of the real size: what the reading benchmarks read."""

from pathlib import Path

import numpy as np

from benchmarks.sizes import sized
from yt8m.data.features import DEFAULT_FEATURES
from yt8m.data.records import frame_level_record, framed, video_level_record
from yt8m.data.schema import DEFAULT_NUM_CLASSES

NUM_FILES = 8
VIDEOS_A_FILE = sized(100, 8)


def _labels(random: np.random.Generator) -> list[int]:
    return np.unique(random.integers(0, DEFAULT_NUM_CLASSES, 3)).tolist()


def write_frame_level(directory: Path) -> list[str]:
    """Videos of 120 to 300 frames, 240 kB each; the values are noise, which costs as much to read."""
    random = np.random.default_rng(0)
    noise = {each.name: random.integers(0, 256, (2000, each.size), np.uint8) for each in DEFAULT_FEATURES}
    paths = []
    for index in range(NUM_FILES):
        path = directory / f"train{index:04d}.tfrecord"
        with path.open("wb") as file:
            for video in range(VIDEOS_A_FILE):
                length, start = min(300, int(random.integers(120, 420))), int(random.integers(0, 1700))
                frames = {name: values[start : start + length] for name, values in noise.items()}
                file.write(framed(frame_level_record(f"{index:02d}{video:02d}", _labels(random), frames)))
        paths.append(str(path))
    return paths


def write_video_level(directory: Path) -> list[str]:
    """Ten times as many videos."""
    random = np.random.default_rng(0)
    paths = []
    for index in range(NUM_FILES):
        path = directory / f"video{index:04d}.tfrecord"
        with path.open("wb") as file:
            for video in range(10 * VIDEOS_A_FILE):
                means = {each.name: random.normal(size=each.size).astype(np.float32) for each in DEFAULT_FEATURES}
                file.write(framed(video_level_record(f"{index:01d}{video:03d}", _labels(random), means)))
        paths.append(str(path))
    return paths
