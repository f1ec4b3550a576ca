"""`python -m benchmarks.cluster`: whole commands with `--engine beam` beside the same without.

A command is a process of its own, from its start to its end. What it takes for the first file alone is its start; the rest is its
rate.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import data, documents, processes, turns
from benchmarks.sizes import parser_of, sized
from benchmarks.turns import Spent

ROUNDS = sized(3, 1)

COPIES = sized(150, 1)
"""Each file comes so often, by links, so that the command takes a minute on two cores that do nothing else."""

_PROCESSES = "--direct_running_mode multi_processing --direct_num_workers"
ENGINES = {
    "without": [],
    "`DirectRunner`, threads of one process": ["--engine", "beam"],
    "`DirectRunner`, one worker process": ["--engine", "beam", "--beam.options", f"{_PROCESSES} 1"],
    "`DirectRunner`, two worker processes": ["--engine", "beam", "--beam.options", f"{_PROCESSES} 2"],
}
LOCAL, ONE = (list(ENGINES)[place] for place in (0, 2))

_SHORTEST = 0.1
"""Seconds. In the quick form a command may end sooner than one that had less to do."""


def _command(out: Path, *words: str) -> Callable[[], Spent]:
    def measure() -> Spent:
        _, spent = processes.measured("-m", "yt8m", *words, "--out", str(out), "--quiet")
        shutil.rmtree(out)
        return spent

    return measure


def measure() -> str:
    """The table."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        (root / "in").mkdir()
        files = data.write_frame_level(root / "in")
        first = files[0]
        files += data.linked(files, (COPIES - 1) * len(files), root / "in")
        of_all = {
            name: _command(root / "out", "convert", str(root / "in"), "--to", "video", *flags)
            for name, flags in ENGINES.items()
        }
        of_start = {
            f"{name}, its start": _command(root / "out", "convert", first, "--to", "video", *flags)
            for name, flags in ENGINES.items()
        }
        spent = turns.in_turns(of_start | of_all, ROUNDS)
        num_videos = (len(files) - 1) * data.VIDEOS_A_FILE
        megabytes = sum(os.path.getsize(path) for path in files) / 1e6
    rows = []
    for name in ENGINES:
        start = turns.median(spent[f"{name}, its start"])
        rates = [num_videos / max(each.seconds - start, _SHORTEST) for each in spent[name]]
        rows.append(
            [
                name,
                f"{turns.median(spent[name]):,.0f}",
                f"{start:.1f}",
                f"{sorted(rates)[len(rates) // 2]:,.0f}",
                f"{turns.times_less(spent[LOCAL], spent[name]):.2f}",
                f"{turns.times_less(spent[ONE], spent[name]):.2f}",
                f"{1e6 * turns.median(spent[name], 'cpu') / num_videos:,.0f}",
            ]
        )
    header = [
        f"`convert --to video`, {num_videos:,} videos, {megabytes:,.0f} MB; with `--engine beam`",
        *("seconds, median", "of them its start", "videos/s after that", "times the rate without"),
        *("times the rate of one worker process", "CPU µs a video"),
    ]
    return documents.table(header, rows)


if __name__ == "__main__":
    parser_of("benchmarks.cluster", __doc__).parse_args()
    documents.write("cluster", measure())
