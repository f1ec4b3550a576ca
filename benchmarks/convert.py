"""`make bench-convert`: frame-level records to video level, beside the raw reading of the same files."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from benchmarks import data, documents, turns
from benchmarks.reading import drain
from benchmarks.sizes import parser_of, sized
from yt8m.conversion import convert
from yt8m.data.records import read_framing

ROUNDS = sized(7, 1)
"""The variants take turns, so that what else the machine does falls on all of them."""

COPIES = sized(4, 2)
"""Each file comes so often, by links, so that what a command does once counts as little as with a whole data set."""


def _variants(files: list[str], out: Path) -> dict[str, Callable[[], None]]:
    def converting(**options) -> Callable[[], None]:
        return lambda: convert(files, out, **options) and shutil.rmtree(out)

    return {
        "raw: `TFRecordDataset(files)`": lambda: drain(tf.data.TFRecordDataset(files)),
        "raw, all cores: `TFRecordDataset(files, num_parallel_reads=AUTOTUNE)`": lambda: drain(
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


def measure() -> str:
    """The table."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        (root / "in").mkdir()
        files = data.write_frame_level(root / "in")
        files += data.linked(files, (COPIES - 1) * len(files), root / "in")
        megabytes = sum(os.path.getsize(path) for path in files) / 1e6
        variants = _variants(files, root / "out")
        spent = turns.in_turns({name: turns.timed(run) for name, run in variants.items()}, ROUNDS)
    num_videos = COPIES * data.NUM_FILES * data.VIDEOS_A_FILE
    rows = []
    fastest_raw = min(list(spent.values())[:2], key=turns.median)
    for name, found in spent.items():
        rows.append(
            [
                name,
                f"{num_videos / turns.median(found):,.0f}",
                f"{num_videos / min(each.seconds for each in found):,.0f}",
                f"{1e6 * turns.median(found, 'cpu') / num_videos:,.0f}",
                f"{turns.times_less(fastest_raw, found):.2f}" + ("; aim 0.5" if name == "`--to video`" else ""),
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
    parser_of("benchmarks.convert", __doc__).parse_args()
    documents.write("convert", measure())
