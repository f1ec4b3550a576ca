"""Ranking, writing and validating submissions of full size, from simulated scores: `make bench-ranking`.

Each piece of work runs in a process of its own, so that its peak memory is that of the work alone. Two references
are taken in the same run, since machines and their load differ: a plain sort of every class, and the disk.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import documents, processes
from benchmarks.sizes import SAME_SIZE, parser_of, sized
from benchmarks.turns import Spent
from yt8m.data.schema import DEFAULT_NUM_CLASSES, SEGMENT_FRAMES
from yt8m.metrics.segments import DEFAULT_MAX_SEGMENTS
from yt8m.submission import SegmentRanking, VideoSubmissionWriter
from yt8m.submission.video import MAX_PAIRS

SEGMENT_VIDEOS, SEGMENTS_A_VIDEO, SEGMENT_CLASSES = 44_700, 47, 1000
VIDEOS = 1_133_323
"""The test splits of 2019 and 2018."""
VIDEOS_A_PART, SEGMENT_VIDEOS_A_PART = 1024, 22
"""So that a part is about 1024 videos, or segments, as `yt8m predict` gives them."""
TASTE, SORTED_CLASSES = 16, 20
"""Dimensions of what simulated videos are about; classes that the reference sorts."""
WRITE_AIMS, VALIDATE_AIMS = (300, 3000), (120, 1000)
"""Seconds and megabytes that making a submission from scores, and checking it, may take."""


def _simulated_id(index: int) -> bytes:
    """Four characters, as the published ids have."""
    letters = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return bytes(letters[index // len(letters) ** place % len(letters)] for place in range(4))


def _segment_parts(num_videos: int) -> Iterator[tuple[list[bytes], np.ndarray, np.ndarray]]:
    """Ids, starts and scores of all segments: float16 logits of classes that differ in frequency and spread.

    A logit is what a linear model would give: a class's bias, and how well its vector fits the video's and the segment's.
    """
    random = np.random.default_rng(0)
    bias = random.normal(-6, 2, SEGMENT_CLASSES).astype(np.float32)
    vectors = random.normal(size=(TASTE, SEGMENT_CLASSES)) * random.uniform(0.1, 0.6, SEGMENT_CLASSES)
    vectors = vectors.astype(np.float32)
    for first in range(0, num_videos, SEGMENT_VIDEOS_A_PART):
        videos = range(first, min(first + SEGMENT_VIDEOS_A_PART, num_videos))
        about = np.repeat(random.standard_normal((len(videos), TASTE), np.float32), SEGMENTS_A_VIDEO, axis=0)
        about += 0.5 * random.standard_normal(about.shape, np.float32)
        ids = [_simulated_id(video) for video in videos for _ in range(SEGMENTS_A_VIDEO)]
        starts = np.tile(np.arange(SEGMENTS_A_VIDEO) * SEGMENT_FRAMES, len(videos))
        yield ids, starts, (about @ vectors + bias).astype(np.float16)


class _Stopwatch:
    """Adds up the seconds that its `with` blocks take, and the CPU seconds of all threads meanwhile."""

    def __init__(self):
        self.seconds = self.cpu = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def __exit__(self, *error: object) -> None:
        self.seconds += time.perf_counter() - self._began[0]
        self.cpu += time.process_time() - self._began[1]


def _rank_segments(path: Path, share: float) -> tuple[_Stopwatch, ...]:
    """Ranks and writes a submission for the segment task: how long all took, ranking, and writing."""
    random = np.random.default_rng(1)
    class_ids = np.sort(random.choice(DEFAULT_NUM_CLASSES, SEGMENT_CLASSES, replace=False))
    ranking = SegmentRanking(class_ids.tolist(), round(DEFAULT_MAX_SEGMENTS * share))
    whole, rank, write = _Stopwatch(), _Stopwatch(), _Stopwatch()
    with whole:
        for part in _segment_parts(round(SEGMENT_VIDEOS * share)):
            with rank:
                ranking.update(*part)
        with write:
            ranking.write(path)
    return whole, rank, write


def _write_videos(path: Path, share: float) -> tuple[_Stopwatch, ...]:
    """Writes a submission for the video task: how long all took, and writing."""
    random, num_videos = np.random.default_rng(0), round(VIDEOS * share)
    whole, write = _Stopwatch(), _Stopwatch()
    with whole, VideoSubmissionWriter(path) as writer:
        for first in range(0, num_videos, VIDEOS_A_PART):
            ids = [_simulated_id(video) for video in range(first, min(first + VIDEOS_A_PART, num_videos))]
            # Steps that never lead all the way round, so that a video's classes differ.
            steps = random.integers(1, DEFAULT_NUM_CLASSES // MAX_PAIRS, (len(ids), MAX_PAIRS))
            classes = np.cumsum(steps, axis=1) % DEFAULT_NUM_CLASSES
            logits = -np.sort(-random.normal(-4, 2, classes.shape))
            scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
            with write:
                writer.write(ids, classes, scores)
    return whole, write


def _sort_plainly(path: Path, share: float) -> tuple[_Stopwatch, ...]:
    """The reference: all scores of a class at once, the best chosen and sorted; how long some classes took."""
    num_segments, num_best = round(SEGMENT_VIDEOS * share) * SEGMENTS_A_VIDEO, round(DEFAULT_MAX_SEGMENTS * share)
    random, sort = np.random.default_rng(0), _Stopwatch()
    for _ in range(SORTED_CLASSES):
        scores = random.standard_normal(num_segments, np.float32)
        with sort:
            best = np.argpartition(-scores, num_best)[:num_best]
            best[np.argsort(-scores[best], kind="stable")]
    return (sort,)


def _write_raw(path: Path, share: float) -> tuple[_Stopwatch, ...]:
    """The reference: how long it takes to write as many bytes as the file has and bring them to the disk."""
    block, size, write = os.urandom(1 << 20), path.stat().st_size, _Stopwatch()
    copy = path.with_suffix(".raw")
    with write, open(copy, "wb") as stream:
        for first in range(0, size, len(block)):
            stream.write(block[: size - first])
        stream.flush()
        os.fsync(stream.fileno())
    copy.unlink()
    return (write,)


WORK = {
    function.__name__.strip("_"): function for function in (_rank_segments, _write_videos, _sort_plainly, _write_raw)
}


def _row(spent: Spent, what: str, aims: tuple[int, int] | None, ratio: str = "") -> list[str]:
    """A row of the table; aims are seconds and megabytes."""
    figures = [f"{spent.seconds:.1f}", f"{spent.cpu:.1f}", f"{spent.megabytes:,.0f}"]
    return [what, *figures, f"{aims[0]} s, {aims[1]:,} MB" if aims else "", ratio]


def _run(module: str, *arguments: str) -> tuple[str, Spent]:
    """Runs a Python module. Its peak memory counts from that of this process, which therefore stays small."""
    print(f"running {module} {' '.join(arguments)} ...", file=sys.stderr, flush=True)
    # One thread to simulate scores, as idle ones would for a while compete with those that rank.
    return processes.measured("-m", module, *arguments, environment={"OPENBLAS_NUM_THREADS": "1"})


def _work(name: str, path: Path, share: float) -> list[Spent]:
    """What the parts of a piece of work took; the memory is of all of them."""
    output, whole = _run("benchmarks.ranking", "--work", name, "--path", str(path), "--share", str(share), *SAME_SIZE)
    return [Spent(seconds, cpu, whole.megabytes) for seconds, cpu in json.loads(output)]


def _validate(path: Path, num_rows: int, num_entries: int) -> Spent:
    """What `yt8m validate` takes, which must find nothing wrong."""
    output, spent = _run("yt8m", "validate", str(path), "--json")
    found = json.loads(output)
    if found["errors"] or (found["num_rows"], found["num_entries"]) != (num_rows, num_entries):
        raise ValueError(f"not the submission that was to be written: {found}")
    return spent


def measure(share: float) -> str:
    """Measures both tasks and both references, and gives the tables as Markdown.

    Args:
        share: of the full number of videos and of kept segments.
    """
    num_segments, num_best = round(SEGMENT_VIDEOS * share) * SEGMENTS_A_VIDEO, round(DEFAULT_MAX_SEGMENTS * share)
    num_videos, num_entries = round(VIDEOS * share), SEGMENT_CLASSES * num_best
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "submission.csv"
        whole, rank, write = _work("rank_segments", path, share)
        (sort,) = _work("sort_plainly", path, share)
        times = SEGMENT_CLASSES / SORTED_CLASSES
        sort = Spent(sort.seconds * times, sort.cpu * times, sort.megabytes)
        (raw,) = _work("write_raw", path, share)
        both = Spent(rank.seconds + write.seconds, rank.cpu + write.cpu, rank.megabytes)
        megabytes = path.stat().st_size / 1e6
        rows = [
            _row(rank, f"rank {num_segments:,} segments x {SEGMENT_CLASSES}", None, _ratio(rank, sort, "sort")),
            _row(write, f"write the best {num_best:,}: {megabytes:,.0f} MB", None, _ratio(write, raw, "raw")),
            _row(both, "both", WRITE_AIMS),
            _row(_validate(path, SEGMENT_CLASSES, num_entries), "`yt8m validate`", VALIDATE_AIMS),
            _row(sort, f"sort: {SORTED_CLASSES} classes' scores, times {times:.0f}", None),
            _row(raw, "raw: write and sync as many bytes", None),
        ]
        simulate = f"{whole.seconds - both.seconds:.0f}"
        whole, write = _work("write_videos", path, share)
        (raw,) = _work("write_raw", path, share)
        megabytes = path.stat().st_size / 1e6
        video_rows = [
            _row(
                write,
                f"write {num_videos:,} videos x {MAX_PAIRS}: {megabytes:,.0f} MB",
                WRITE_AIMS,
                _ratio(write, raw, "raw"),
            ),
            _row(_validate(path, num_videos, num_videos * MAX_PAIRS), "`yt8m validate`", VALIDATE_AIMS),
            _row(raw, "raw: write and sync as many bytes", None),
        ]
    columns = ["seconds", "CPU seconds", "peak MB", "aim", "of the reference"]
    simulated = f"{simulate} and {whole.seconds - write.seconds:.0f} s"
    return "\n\n".join(
        [
            f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}. "
            f"Simulating the scores took {simulated} more.",
            documents.table(["segment task", *columns], rows),
            documents.table(["video task", *columns], video_rows),
        ]
    )


def _ratio(spent: Spent, reference: Spent, name: str) -> str:
    return f"{spent.seconds / reference.seconds:.2f} of {name}"


def main() -> None:
    parser = parser_of("benchmarks.ranking", __doc__)
    parser.add_argument(
        "--share",
        type=float,
        default=sized(1.0, 0.001),
        help="of the full size; with less than 1 the document stays as it is",
    )
    parser.add_argument("--work", choices=WORK, help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not 0.001 <= arguments.share <= 1:
        parser.error(f"--share is {arguments.share}; it must be 0.001 to 1")
    if arguments.work:
        stopwatches = WORK[arguments.work](arguments.path, arguments.share)
        print(json.dumps([(stopwatch.seconds, stopwatch.cpu) for stopwatch in stopwatches]))
        return
    documents.write("make bench-ranking", measure(arguments.share), keep=arguments.share == 1)


if __name__ == "__main__":
    main()
