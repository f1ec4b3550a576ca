"""Small runs and their figures, made by one build and compared with another's.

``python tests/golden/make_figures.py OUT`` trains with the yt8m that this Python imports and leaves in OUT::

    data/            the sample records, `yt8m synth data --seed 5`
    runs/            whole runs: what the same seeds give
    stopped/         some of these as they were half-way; to go on with them gives the same
    figures.json     losses of every step, metrics, digests of submissions

Two builds on one machine give files that are equal byte for byte, so that a change which should change nothing is shown to
change nothing: make figures with both and compare `figures.json`. Other processors round otherwise, so `test_old_runs.py`
asks less: that what an older build left is read by this one, and means about the same.

``--small`` makes runs of audio alone, of a few kilobytes, and takes from them what no command needs; `tests/golden/runs` is
their `stopped/`, and `tests/golden/figures.json` their figures, of the build before the package was put in order.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

SYNTH = ("synth", "data", "--num-videos", "96", "--num-classes", "8", "--num-shards", "2", "--seed", "5")
STEPS, STOPPED_AT = 50, 25

_ALL = (
    *("--training.batch-size", "16", "--training.log-every-steps", "1", "--training.validate-every-steps", "25"),
    *("--training.checkpoint-every-steps", "25", "--data.max-frames", "150"),
)
_AS_BEFORE = ("--training.schedule", "exponential")
_AUDIO = ("--data.features", "audio")
_FRAMES = ("--data.root", "data", "--data.num-frames", "8", *_ALL)
_VLAD = ("--model.num-clusters", "2", "--model.hidden-size", "4")

SMALL = {
    "video": ("moe", "--data.root", "data", *_ALL, *_AUDIO, "--model.l2", "1e-8", *_AS_BEFORE),
    "frame": ("netvlad", *_FRAMES, *_VLAD, *_AUDIO),
    "segment": (
        *("netvlad", "--data.train", "data/3/frame/validate", "--data.test", "data/3/frame/test", "--data.fold", "0/4"),
        *("--training.initial-run", "runs/frame", *_ALL, *_VLAD, *_AUDIO),
    ),
}
"""Runs by name: the flags of `yt8m train`, less steps and place."""

LARGE = {
    "video": ("moe", "--data.root", "data", *_ALL, "--model.l2", "1e-8", *_AS_BEFORE),
    "netvlad": ("netvlad", *_FRAMES, *_VLAD),
    "transformer": (
        "transformer",
        *_FRAMES,
        "--model.num-layers",
        "1",
        "--model.hidden-size",
        "16",
        "--model.num-heads",
        "2",
    ),
    "dbof": ("dbof", *_FRAMES, *_VLAD, "--training.ema-decay", "0.9"),
    "segment": (
        *("netvlad", "--data.train", "data/3/frame/validate", "--data.test", "data/3/frame/test", "--data.fold", "0/4"),
        *("--training.initial-run", "runs/netvlad", *_ALL, *_VLAD),
    ),
}

_TIMES = ("per_second", "seconds", "_share")


def yt8m(directory: Path, *arguments: str) -> str:
    """The standard output of a command run in a directory."""
    command = [sys.executable, "-m", "yt8m", *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def without_times(values: dict) -> dict:
    """Metrics less what depends on the clock."""
    return {key: value for key, value in values.items() if not any(word in key for word in _TIMES)}


def rows_of(run: Path) -> list[dict]:
    """The lines of a run's metrics, less the times."""
    return [without_times(json.loads(line)) for line in (run / "metrics.jsonl").read_text().splitlines()]


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lists_of(path: Path) -> dict[str, str]:
    """A submission's lists by the first column."""
    _, *lines = path.read_text().splitlines()
    return dict(line.split(",") for line in lines)


def evaluation_of(out: Path, name: str) -> dict:
    """What `yt8m evaluate` says of a run as it is now."""
    return without_times(json.loads(yt8m(out, "evaluate", "--run", f"runs/{name}", "--json")))


def make(out: Path, runs: dict[str, tuple[str, ...]]) -> dict:
    """Trains the runs, stops copies of some of them half-way and goes on, and returns all figures."""
    out.mkdir(parents=True, exist_ok=True)
    yt8m(out, *SYNTH)
    figures = {}
    for name, flags in runs.items():
        run = out / "runs" / name
        train = ("train", *flags, "--run", f"runs/{name}")
        yt8m(out, *train, "--training.num-steps", str(STOPPED_AT))
        shutil.copytree(run, out / "stopped" / name)
        task = "segment" if name == "segment" else "video"
        predict = ("predict", "--run", f"runs/{name}", "--task", task, "--out")
        submission = out / f"{name}.csv"
        half_way = evaluation_of(out, name)
        yt8m(out, *predict, submission.name)
        half_way_lists = lists_of(submission)
        yt8m(out, *train, "--training.num-steps", str(STEPS))
        yt8m(out, *predict, submission.name)
        figures[name] = {
            "rows": rows_of(run),
            "half_way": half_way,
            "evaluation": evaluation_of(out, name),
            "submission": digest(submission),
            "half_way_lists": half_way_lists,
        }
    return figures


def keep_little(run: Path) -> None:
    """Removes from a run what no command needs, and what says where and when it was made."""
    shutil.rmtree(run / "tensorboard")
    for name in ("curves.png", "environment.json", "records.json", "record_counts.json"):
        (run / name).unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1")
    figures = make(arguments.out, SMALL if arguments.small else LARGE)
    if arguments.small:
        for run in (arguments.out / "stopped").iterdir():
            keep_little(run)
    (arguments.out / "figures.json").write_text(json.dumps(figures, sort_keys=True).replace("}, ", "},\n") + "\n")


if __name__ == "__main__":
    main()
