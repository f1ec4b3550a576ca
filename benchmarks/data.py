"""Record files of the real size: what the reading benchmarks read."""

from itertools import cycle
from pathlib import Path

import numpy as np

from benchmarks.sizes import sized
from yt8m.data.features import DEFAULT_FEATURES
from yt8m.data.records import frame_level_record, framed, video_level_record
from yt8m.data.schema import DEFAULT_NUM_CLASSES

NUM_FILES = 8
VIDEOS_A_FILE = sized(100, 8)
TIMES_AS_MANY = 10
"""Video-level records in a file of these, for each frame-level one in a file of those."""


def _labels(random: np.random.Generator) -> list[int]:
    return np.unique(random.integers(0, DEFAULT_NUM_CLASSES, 3)).tolist()


def write_frame_level(directory: Path, num_files: int = NUM_FILES, lengths: tuple[int, int] = (120, 300)) -> list[str]:
    """Writes videos whose values are noise, which costs as much to read; the files.

    Args:
        directory: where to write.
        num_files: files to write.
        lengths: least and greatest number of frames, at most 300; those of 120 to 300 are 240 kB on average.
    """
    random = np.random.default_rng(0)
    noise = {each.name: random.integers(0, 256, (2000, each.size), np.uint8) for each in DEFAULT_FEATURES}
    paths = []
    for index in range(num_files):
        path = directory / f"train{index:04d}.tfrecord"
        with path.open("wb") as file:
            for video in range(VIDEOS_A_FILE):
                length = int(random.integers(lengths[0], lengths[1] + 1))
                start = int(random.integers(0, 1700))
                frames = {name: values[start : start + length] for name, values in noise.items()}
                file.write(framed(frame_level_record(f"{index:02d}{video:02d}", _labels(random), frames)))
        paths.append(str(path))
    return paths


def linked(files: list[str], count: int, directory: Path) -> list[str]:
    """Files as if there were more of them: links to some, as often as needed; all their paths.

    Args:
        files: to link to, on the same disk.
        count: links to make.
        directory: where to make them.
    """
    links = [directory / f"copy{number:04d}.tfrecord" for number in range(count)]
    for link, path in zip(links, cycle(files)):
        link.hardlink_to(path)
    return list(map(str, links))


def write_video_level(directory: Path, num_files: int = NUM_FILES) -> list[str]:
    """Writes `TIMES_AS_MANY` videos a file; the files."""
    random = np.random.default_rng(0)
    paths = []
    for index in range(num_files):
        path = directory / f"video{index:04d}.tfrecord"
        with path.open("wb") as file:
            for video in range(TIMES_AS_MANY * VIDEOS_A_FILE):
                means = {each.name: random.normal(size=each.size).astype(np.float32) for each in DEFAULT_FEATURES}
                file.write(framed(video_level_record(f"{index:02d}{video:03d}", _labels(random), means)))
        paths.append(str(path))
    return paths
