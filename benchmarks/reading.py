"""`make bench-reading`: our readers beside TensorFlow's raw reading of the same files, and the memory that they take.

All files are in the page cache, and all variants take turns. The tables go into docs/benchmarks.md.
"""

import importlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import data, documents, processes, turns
from benchmarks.earlier.work import WARM_SECONDS, consumer, warmed
from benchmarks.sizes import parser_of, sized
from benchmarks.turns import Measure
from yt8m.errors import quantity

if TYPE_CHECKING:
    import tensorflow as tf

NUM_FILES = sized(12, 4)
ROUNDS = sized(4, 1)
BATCH_SIZE = sized(64, 8)
PASSES = sized(8, 2)
"""Over the files in one go. They make whole batches, so that all variants read the same number of videos."""
VIDEO_PASSES = sized(2, 1) * PASSES
"""The same over video-level records, which are read much faster."""
WARM = sized(WARM_SECONDS, 0.1)
MEMORY_AIM = 600
"""Megabytes."""
READERS = {"read_batches": "yt8m.data.arrays", "read_records": "yt8m.data.pipeline"}
"""Our readers, and their modules: batches of NumPy arrays, and a `tf.data` stream."""


class Kind(NamedTuple):
    """A kind of reading: options of a reader, and the rate that is wanted, in raw rates."""

    options: Mapping[str, Any]
    aim: str = ""
    readers: tuple[str, ...] = tuple(READERS)


SHUFFLED = {"shuffle": True, "shuffle_buffer": 64, "drop_remainder": True}
FRAME_LEVEL = {
    "300 frames": Kind(SHUFFLED, "1.3"),
    "32 sampled frames": Kind(SHUFFLED | {"num_frames": 32}, "2"),
    "300 frames, threads alone": Kind(SHUFFLED | {"processes": 0}, readers=("read_batches",)),
    "32 sampled frames, threads alone": Kind(SHUFFLED | {"num_frames": 32, "processes": 0}, readers=("read_batches",)),
}
VIDEO_LEVEL = {"video level": Kind(SHUFFLED, "0.8")}


def _stream(reader: str, files: list[str], options: Mapping[str, Any]) -> Iterable:
    """Opens files as a stream without an end."""
    read = getattr(importlib.import_module(READERS[reader]), reader)
    return read(files, BATCH_SIZE, repeat=True, **options)


def drain(dataset: "tf.data.Dataset") -> None:
    """Runs through a dataset inside TensorFlow, so that Python costs nothing."""
    import tensorflow as tf

    dataset.reduce(tf.constant(0, tf.int64), lambda count, _: count + 1).numpy()


def _raw(files: list[str], passes: int) -> Measure:
    def measure() -> turns.Spent:
        import tensorflow as tf

        dataset = tf.data.TFRecordDataset(files, num_parallel_reads=tf.data.AUTOTUNE).repeat(passes)
        return turns.timed(lambda: drain(dataset))()

    return measure


def _ours(reader: str, files: list[str], num_batches: int, options: Mapping[str, Any]) -> Measure:
    def measure() -> turns.Spent:
        consume = warmed(_stream(reader, files, options), WARM)
        return turns.timed(lambda: consume(num_batches))()

    return measure


def _table(files: list[str], num_videos: int, passes: int, kinds: Mapping[str, Kind]) -> str:
    """Raw reading, and each kind of reading by each reader."""
    count = passes * num_videos
    num_batches, rest = divmod(count, BATCH_SIZE)
    assert not rest, "not whole batches"
    raw = "raw: `TFRecordDataset(num_parallel_reads=AUTOTUNE)`"
    measures, aims = {raw: _raw(files, passes)}, {raw: ""}
    for name, kind in kinds.items():
        for reader in kind.readers:
            variant = f"`{reader}`, {name}"
            measures[variant], aims[variant] = _ours(reader, files, num_batches, kind.options), kind.aim
    spent = turns.in_turns(measures, ROUNDS)
    rows = []
    for name, found in spent.items():
        rate, of_raw, cpu, cpu_of_raw = turns.rate_cells(spent[raw], found, count)
        rows.append([name, rate, of_raw, aims[name], cpu, cpu_of_raw])
    megabytes = sum(os.path.getsize(path) for path in files) / 1e6
    header = [f"{num_videos:,} videos in {len(files)} files, {megabytes:,.0f} MB", "videos/s", "of raw's rate", "aim"]
    return documents.table([*header, "CPU µs a video", "raw CPU / ours"], rows)


def peak_memory(reader: str, files: list[str]) -> float:
    """Most megabytes of this process, which reads videos of 300 frames; without files it loads the reader alone."""
    importlib.import_module(READERS[reader])
    if files:
        consumer(_stream(reader, files, SHUFFLED))(sized(100, 4))
    return turns.peak_megabytes()


def _memory_table(files: list[str]) -> str:
    rows = []
    for reader in READERS:
        loaded, reading = (
            float(processes.last_line("benchmarks.reading", "--memory-of", reader, *paths)) for paths in ([], files)
        )
        rows.append([f"`{reader}`", f"{reading:,.0f}", f"{reading - loaded:,.0f}", f"below {MEMORY_AIM} in all"])
    header = [f"memory, batches of {BATCH_SIZE} x 300 frames", "peak MB", "more than its imports take", "aim"]
    return documents.table(header, rows)


def measure() -> str:
    """The tables."""
    with tempfile.TemporaryDirectory() as place:
        frames, videos = data.write_frame_level(Path(place), NUM_FILES), data.write_video_level(Path(place), NUM_FILES)
        count = NUM_FILES * data.VIDEOS_A_FILE
        tables = []
        for table in (
            lambda: _table(frames, count, PASSES, FRAME_LEVEL),
            lambda: _table(videos, data.TIMES_AS_MANY * count, VIDEO_PASSES, VIDEO_LEVEL),
            lambda: _memory_table(frames),
        ):
            tables.append(table())
            print(tables[-1], file=sys.stderr, flush=True)  # whoever stops it halfway has what was measured
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return "\n\n".join([f"{machine}, {quantity(ROUNDS, 'round')}. Batches of {BATCH_SIZE}.", *tables])


def main() -> None:
    parser = parser_of("benchmarks.reading", __doc__)
    parser.add_argument("--memory-of", choices=READERS, help="what one of its processes measures")
    parser.add_argument("files", nargs="*", help="what that process reads; none = nothing")
    arguments = parser.parse_args()
    if arguments.memory_of:
        print(json.dumps(peak_memory(arguments.memory_of, arguments.files)))
        return
    documents.write("reading", measure())


if __name__ == "__main__":
    main()
