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
from benchmarks.sizes import IS_QUICK, parser_of, sized
from benchmarks.turns import Spent

ROUNDS = sized(3, 1)

COPIES = sized(150, 1)
"""Each file to convert comes so often, by links, so that the command takes a minute on two cores that do nothing else."""

FILES_TO_PREDICT = sized(90, 2)
"""As many as take about 40 seconds with this model. Ids count once, so links would not do."""
MODEL = sized(("netvlad", "--model.num-clusters", "64", "--model.hidden-size", "256"), ("frame_logistic",))

_PROCESSES = "--direct_running_mode multi_processing --direct_num_workers"
_THREADS = f"--direct_running_mode multi_threading --direct_num_workers {len(os.sched_getaffinity(0))}"
ENGINES = {
    "without": [],
    "`DirectRunner`, one thread": ["--engine", "beam", "--beam.options", "--direct_running_mode in_memory"],
    "`DirectRunner`, a thread a core": ["--engine", "beam", "--beam.options", _THREADS],
    "`DirectRunner`, one worker process": ["--engine", "beam", "--beam.options", f"{_PROCESSES} 1"],
    "`DirectRunner`, two worker processes": ["--engine", "beam", "--beam.options", f"{_PROCESSES} 2"],
}
LOCAL, ONE = (list(ENGINES)[place] for place in (0, sized(3, 1)))
if IS_QUICK:
    ENGINES = {name: ENGINES[name] for name in (LOCAL, ONE)}

_SHORTEST = 0.1
"""Seconds. In the quick form a command may end sooner than one that had less to do."""


def _command(out: Path, *words: str) -> Callable[[], Spent]:
    def measure() -> Spent:
        _, spent = processes.measured("-m", "yt8m", *words, "--quiet")
        for path in out.parent.glob(f"{out.name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return spent

    return measure


def converting(root: Path) -> str:
    """The table of `convert`."""
    (root / "in").mkdir()
    files = data.write_frame_level(root / "in")
    files += data.linked(files, (COPIES - 1) * len(files), root / "in")
    out = root / "out"
    return _table(
        "`convert --to video`", files, out, lambda paths: ["convert", paths, "--to", "video", "--out", str(out)]
    )


def predicting(root: Path) -> str:
    """The table of `predict`."""
    (root / "in").mkdir()
    files = data.write_frame_level(root / "in", FILES_TO_PREDICT)
    run, out = str(root / "run"), root / "out.csv"
    processes.yt8m(
        *("train", *MODEL, "--data.train", files[0], "--run", run, "--quiet"),
        *("--training.num-steps", "1", "--training.batch-size", "16"),
    )
    return _table(
        "`predict`, a `netvlad` of 64 clusters",
        files,
        out,
        lambda paths: ["predict", "--run", run, "--data", paths, "--out", str(out)],
    )


def _table(work: str, files: list[str], out: Path, words: Callable[[str], list[str]]) -> str:
    """A table of a command on all files of a directory, beside itself on the first."""
    of_all = {name: _command(out, *words(os.path.dirname(files[0])), *flags) for name, flags in ENGINES.items()}
    of_start = {f"{name}, its start": _command(out, *words(files[0]), *flags) for name, flags in ENGINES.items()}
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
        f"{work}; {num_videos:,} videos, {megabytes:,.0f} MB; with `--engine beam`",
        *("seconds, median", "of them its start", "videos/s after that", "times the rate without"),
        *("times the rate of one worker process", "CPU µs a video"),
    ]
    return documents.table(header, rows)


def measure() -> str:
    """The tables."""
    tables = []
    for work in (converting, predicting):
        with tempfile.TemporaryDirectory() as place:
            tables.append(work(Path(place)))
    return "\n\n".join(tables)


if __name__ == "__main__":
    parser_of("benchmarks.cluster", __doc__).parse_args()
    documents.write("cluster", measure())
