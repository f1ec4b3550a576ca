"""`make bench-extract`: records of videos, beside decoding alone and the network alone; memory for a long video."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from scipy import ndimage

from benchmarks import documents, processes, turns
from benchmarks.sizes import parser_of, sized
from yt8m.extracting.extraction import extract
from yt8m.extracting.networks.network import SAMPLE_RATE, Network
from yt8m.extracting.networks.registry import DEFAULT, load_network
from yt8m.video.reading import Frame, open_video
from yt8m.video.writing import write_video

ROUNDS = sized(3, 1)
"""The variants take turns, so that what else the machine does falls on all of them."""

NUM_VIDEOS, SECONDS = sized(2, 1), sized(30, 2)
WIDTH, HEIGHT, FRAMES_PER_SECOND = sized((1280, 720, 30), (320, 180, 10))
"""As much of the internet's video is."""

LONG_SECONDS = sized(1200, 20)
LONG_FRAMES_PER_SECOND = 2
"""Of the long videos, whose pictures are small, as only their number counts."""


def _pictures(seconds: float, rate: int, width: int, height: int, seed: int) -> Iterator[np.ndarray]:
    """A camera that moves over a large picture with clouds of all sizes, with some grain."""
    random = np.random.default_rng(seed)
    shape = height * 3 // 2, width * 3 // 2
    clouds = sum(ndimage.gaussian_filter(random.normal(0, size, (*shape, 3)), (size, size, 0)) for size in (2, 8, 32))
    canvas = (128 + 50 * clouds / clouds.std()).clip(0, 255).astype(np.uint8)
    grain = random.integers(0, 8, (4, height, width, 1), np.uint8)
    for frame in range(round(seconds * rate)):
        angle = 2 * np.pi * frame / (rate * 20)
        top, left = int(height / 4 * (1 + np.sin(angle))), int(width / 4 * (1 + np.cos(angle)))
        picture = canvas[top : top + height, left : left + width]
        yield picture // 2 + 60 + grain[frame % 4]


def _write(path: Path, seconds: int, rate: int, width: int, height: int, seed: int = 0) -> None:
    times = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    sound = 0.3 * np.sin(2 * np.pi * (300 + 50 * np.sin(times)) * times)
    write_video(path, _pictures(seconds, rate, width, height, seed), rate, sound.astype(np.float32)[None])


def _decode(path: str) -> int:
    """Reads a video as one of as many as there are cores, which an extraction reads in a thread each, and counts its frames."""
    return sum(isinstance(piece, Frame) for piece in open_video(path).pieces(threads=1))


def _decode_all(paths: Sequence[str]) -> None:
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(_decode, paths))


def _pass_all(network: Network, frames: Sequence[np.ndarray], sound: Sequence[np.ndarray]) -> None:
    """What a network does with decoded frames and sound. It prepares frames in as many threads as videos are decoded in."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for start in range(0, len(frames), network.batch_size):
            network.frames(np.stack(list(pool.map(network.prepare, frames[start : start + network.batch_size]))))
    for samples in sound:
        stream = network.sound.begin()
        stream.push(samples)
        stream.rows(final=True)


def _read(path: str) -> tuple[list[np.ndarray], np.ndarray]:
    """What a network gets of a video: frames as they are decoded, and sound."""
    frames, sound = [], [np.zeros(0, np.float32)]
    for piece in open_video(path).pieces():
        if isinstance(piece, Frame):
            frames.append(piece.pixels)
        else:
            sound.append(piece.samples)
    return frames, np.concatenate(sound)


def _speed(root: Path) -> str:
    """The table of speeds."""
    for number in range(NUM_VIDEOS):
        _write(root / "videos" / f"{number}.mp4", SECONDS, FRAMES_PER_SECOND, WIDTH, HEIGHT, number)
    paths = sorted(map(str, (root / "videos").iterdir()))
    network = load_network(DEFAULT)
    read = [_read(path) for path in paths]
    network.frames(network.prepare(read[0][0][0])[None])  # which traces it
    frames, sound = [frame for found, _ in read for frame in found], [samples for _, samples in read]
    work = {
        "decoding alone": lambda: _decode_all(paths),
        f"`{DEFAULT}` and log-mel statistics alone": lambda: _pass_all(network, frames, sound),
        "`yt8m extract`": lambda: extract(paths, root / "out", network) and shutil.rmtree(root / "out"),
    }
    spent = turns.in_turns({name: turns.timed(run) for name, run in work.items()}, ROUNDS)
    decoding, passing, everything = spent.values()
    both = [
        turns.Spent(one.seconds + other.seconds, one.cpu + other.cpu)
        for one, other in zip(decoding, passing, strict=True)
    ]
    spent["the sum of the first two"] = both
    num_seconds = NUM_VIDEOS * SECONDS
    rows = []
    for name, found in spent.items():
        aims = ("; aim 8", "; aim 0.85") if found is everything else ("", "")
        rows.append(
            [
                name,
                f"{turns.median(found):.2f}",
                f"{num_seconds / turns.median(found):.1f}{aims[0]}",
                f"{1000 * turns.median(found, 'cpu') / num_seconds:.0f}",
                f"{turns.times_less(both, found):.2f}{aims[1]}",
                f"{turns.times_less(both, found, 'cpu'):.2f}",
            ]
        )
    length = f"{NUM_VIDEOS} videos of {SECONDS} s, {WIDTH} x {HEIGHT}, {FRAMES_PER_SECOND} frames/s, H.264 and AAC"
    header = [
        length,
        "seconds",
        "times real time",
        "CPU ms a second of video",
        "the sum's time by this one's",
        "in CPU",
    ]
    return documents.table(header, rows)


def _memory(root: Path) -> str:
    """The table of memory: a process each, for a short video and a long one."""
    rows = []
    for seconds in (LONG_SECONDS // 20, LONG_SECONDS):
        path = root / f"{seconds}.mp4"
        _write(path, seconds, LONG_FRAMES_PER_SECOND, 160, 90)
        words = "-m", "yt8m", "extract", str(path), "--out", str(root / f"out{seconds}"), "--quiet"
        _, spent = processes.measured(*words)
        aim = "; aim below 1500" if seconds == LONG_SECONDS else ""
        rows.append([f"a video of {seconds} s", f"{spent.megabytes:,.0f}{aim}", f"{spent.seconds:.1f}"])
    return documents.table(["`yt8m extract`, whole process", "MB at most", "seconds"], rows)


def measure() -> str:
    """Both tables."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        (root / "videos").mkdir()
        memory = _memory(root)  # while this process is small: a child's peak begins with that of its parent
        return f"{_speed(root)}\n\n{memory}"


if __name__ == "__main__":
    parser_of("benchmarks.extraction", __doc__).parse_args()
    documents.write("extraction", measure())
