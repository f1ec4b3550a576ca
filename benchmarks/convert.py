"""`make bench-convert`: frame-level records to video level, beside the raw reading of the same files."""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from benchmarks import data, documents
from benchmarks.sizes import sized
from yt8m.conversion import convert
from yt8m.data.records import read_framing

ROUNDS = sized(7, 1)
"""The variants take turns, so that what else the machine does falls on all of them."""

COPIES = sized(4, 2)
"""Each file comes so often, by links, so that what a command does once counts as little as with a whole data set."""


def _count(dataset: tf.data.Dataset) -> None:
    """Runs through a dataset inside TensorFlow, so that Python costs nothing."""
    dataset.reduce(tf.constant(0, tf.int64), lambda count, _: count + 1).numpy()


def _variants(files: list[str], out: Path) -> dict[str, Callable[[], None]]:
    def converting(**options) -> Callable[[], None]:
        return lambda: convert(files, out, **options) and shutil.rmtree(out)

    return {
        "raw: `TFRecordDataset(files)`": lambda: _count(tf.data.TFRecordDataset(files)),
        "raw, all cores: `TFRecordDataset(files, num_parallel_reads=AUTOTUNE)`": lambda: _count(
            tf.data.TFRecordDataset(files, num_parallel_reads=tf.data.AUTOTUNE)
        ),
        "raw: our reader in Python, which names what is broken": lambda: [
            None for path in files for _ in read_framing(path)
        ],
        "`--to video`": converting(to="video"),
        "`--to video --std`": converting(to="video", std=True),
        "`--to tfrecord --num-shards 3`": converting(to="tfrecord", num_shards=3),
        "`--to parquet`": converting(to="parquet"),
    }


def _repeated(files: list[str]) -> list[str]:
    links = [Path(path).with_name(f"copy{number}-{Path(path).name}") for number in range(1, COPIES) for path in files]
    for link, path in zip(links, files * (COPIES - 1), strict=True):
        link.hardlink_to(path)
    return [*files, *map(str, links)]


def measure() -> str:
    """The table."""
    spent: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        (root / "in").mkdir()
        files = _repeated(data.write_frame_level(root / "in"))
        megabytes = sum(os.path.getsize(path) for path in files) / 1e6
        num_videos = COPIES * data.NUM_FILES * data.VIDEOS_A_FILE
        for turn in range(ROUNDS + 1):
            for name, run in _variants(files, root / "out").items():
                start, start_of_process = time.perf_counter(), time.process_time()
                run()
                if turn:  # the first fills the page cache
                    taken = time.perf_counter() - start, time.process_time() - start_of_process
                    spent.setdefault(name, []).append(taken)
    rows = []
    fastest_raw = max(list(spent)[:2], key=lambda name: num_videos / statistics.median(wall for wall, _ in spent[name]))
    for name, turns in spent.items():
        walls, processors = zip(*turns, strict=True)
        ratio = statistics.median(raw / ours for (raw, _), (ours, _) in zip(spent[fastest_raw], turns, strict=True))
        rows.append(
            [
                name,
                f"{num_videos / statistics.median(walls):,.0f}",
                f"{num_videos / min(walls):,.0f}",
                f"{1e6 * statistics.median(processors) / num_videos:,.0f}",
                f"{ratio:.2f}" + ("; aim 0.5" if name == "`--to video`" else ""),
            ]
        )
    header = [
        f"{num_videos:,} videos in {len(files)} files, {megabytes:,.0f} MB",
        "videos/s, median",
        "best",
        "CPU µs a video",
        "of the faster of the first two, turn by turn",
    ]
    return documents.table(header, rows)


if __name__ == "__main__":
    documents.write("convert", measure())
