"""`make bench-earlier`: this build and an earlier commit in turns, each in its environment.

All is measured in processes of their own: readers by `work.py`, which both builds can run, and commands as users have them.
The tables go into docs/benchmarks.md.
"""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks import data, documents, turns
from benchmarks.earlier import builds
from benchmarks.earlier.builds import Build
from benchmarks.earlier.work import WARM_SECONDS
from benchmarks.sizes import parser_of, sized
from benchmarks.turns import Measure, Spent

COMMIT = "fbf80e9"
"""The last one whose records TensorFlow parses."""
NUM_FILES = sized(12, 2)
ROUNDS = sized(2, 1)
BATCH_SIZE = sized(64, 8)
PASSES = sized(8, 1)
COMMAND_FILES = sized(20, 2)
"""Files of videos of 300 frames that commands read."""
RECORDS_TO_RESUME = sized(4000, 32)
WARM = sized(WARM_SECONDS, 0.1)
STEPS, STEPS_BY_BOTH = sized(300_000, 20), sized(3000, 10)
"""Steps after which a run goes on; the earlier build reads what it skips, so it gets fewer."""
SAME = 1e-6
"""Most that scores by the two builds may differ."""
COMMANDS = (("evaluate", "gap", "2.5", ""), ("score", "gap", "", "8"), ("weigh", "score", "", "8"))
"""Commands, what must be the same in their results, and how many times less is wanted: at first, and again."""
TRAINING = {"batch_size": BATCH_SIZE, "shuffle": True, "repeat": True, "drop_remainder": True}


class Kind(NamedTuple):
    """A kind of reading: options of a reader, and the rate that is wanted, in rates of the earlier build."""

    level: str
    options: Mapping[str, object]
    aim: str


READING = {
    "300 frames": Kind("frame", {}, "3"),
    "32 sampled frames": Kind("frame", {"num_frames": 32}, ""),
    "video level": Kind("video", {}, "2"),
}


def _by_reader(build: Build, reader: str, **arguments) -> Measure:
    """A function that measures a reader in a process of its own: the reading alone, without the start."""

    def measure() -> Spent:
        output, _ = build.run(str(Path(__file__).with_name("work.py")), reader, json.dumps(arguments))
        found = json.loads(output.splitlines()[-1])
        if Path(found["build"]).resolve() != build.source.resolve():
            raise RuntimeError(f"{found['build']} was measured in place of {build.source}")
        return Spent(found["seconds"], found["cpu"])

    return measure


def reading(earlier: Build, place: Path) -> str:
    """Rates of both builds' readers."""
    files = {"frame": data.write_frame_level(place, NUM_FILES), "video": data.write_video_level(place, NUM_FILES)}
    rows = []
    for name, kind in READING.items():
        count = PASSES * NUM_FILES * data.VIDEOS_A_FILE * (data.TIMES_AS_MANY if kind.level == "video" else 1)
        arguments = {
            "files": files[kind.level],
            "batches": count // BATCH_SIZE,
            "options": TRAINING | {"shuffle_buffer": 64} | kind.options,
            "warm_seconds": WARM,
        }
        before = f"{name}: {COMMIT}, `read_records`"
        measures = {before: _by_reader(earlier, "read_records", **arguments)}
        for reader in ("read_records", "read_batches"):
            measures[f"{name}: `{reader}`"] = _by_reader(builds.PRESENT, reader, **arguments)
        spent = turns.in_turns(measures, ROUNDS)
        for variant, found in spent.items():
            rate, times, cpu, cpu_times = turns.rate_cells(spent[before], found, count)
            rows.append([variant, rate, times, "" if variant == before else kind.aim, cpu, cpu_times])
    return documents.table(["", "videos/s", "times the rate", "aim", "CPU µs a video", "times less"], rows)


class Labelled(NamedTuple):
    """Records, a submission for them, and two runs' stored predictions."""

    records: Path
    submission: Path
    stored: tuple[Path, ...]


def _labelled(earlier: Build, runs: list[Path], records: Path) -> Labelled:
    submission = records.with_suffix(".csv")
    stored = tuple(records.with_name(f"{records.name}-{run.name}") for run in runs)
    for run, place in zip(runs, stored, strict=True):
        where = ["--out", str(submission), "--store", str(place), "--store-top-k", "20"]
        earlier.yt8m("predict", "--run", str(run), "--data", str(records), *where)
    return Labelled(records, submission, stored)


def _by_command(build: Build, seen: list[float], key: str, *arguments: str) -> Measure:
    """A function that measures a command's whole process; the metric in its JSON must be as all that were seen before."""

    def measure() -> Spent:
        output, spent = build.yt8m(*arguments, "--json")
        seen.append(json.loads(output)[key])
        if abs(seen[-1] - seen[0]) > SAME:
            raise RuntimeError(f"yt8m {arguments[0]} of {build.source} gives {key} {seen[-1]}, another one {seen[0]}")
        return spent

    return measure


def _command_row(name: str, before: list[Spent], after: list[Spent], aim: str, unit: float = 1) -> list[str]:
    """Medians of both builds, and their ratio."""
    cells = []
    for what in ("seconds", "cpu"):
        cells += [f"{unit * turns.median(each, what):,.2f}" for each in (before, after)]
        cells.append(f"{turns.times_less(before, after, what):.2f}")
    return [name, *cells[:3], aim, *cells[3:]]


def _again(build: Build, *arguments: str) -> Measure:
    """A function that measures a command the second time in a process."""

    def measure() -> Spent:
        output, _ = build.run(str(Path(__file__).with_name("work.py")), "again", *arguments)
        found = json.loads(output.splitlines()[-1])
        return Spent(found["seconds"], found["cpu"])

    return measure


def commands(earlier: Build, place: Path) -> str:
    """Commands on frame-level records: whole processes, and the second time in a process."""
    (place / "few").mkdir()
    (place / "many").mkdir()
    files = data.write_frame_level(place / "many", COMMAND_FILES, lengths=(300, 300))
    data.linked(files[:1], 1, place / "few")
    runs = [place / f"run{seed}" for seed in range(2)]
    for seed, run in enumerate(runs):
        flags = ["--training.num-steps=1", "--training.validate-every-steps=0", f"--training.seed={seed}"]
        earlier.yt8m("train", "frame_logistic", "--data.train", str(place / "few"), "--run", str(run), *flags)
    given = _labelled(earlier, runs, place / "many")
    num_videos = COMMAND_FILES * data.VIDEOS_A_FILE
    records = ["--data", str(given.records)]
    words = {
        "evaluate": ["evaluate", "--run", str(runs[0]), *records],
        "score": ["score", str(given.submission), *records],
        "weigh": ["weigh", *map(str, given.stored), *records, "--out", str(place / "weights.json")],
    }
    rows = []
    for command, key, aim, aim_again in COMMANDS:
        seen: list[float] = []
        measures = {}
        for label, build in ((COMMIT, earlier), ("this build", builds.PRESENT)):
            measures[f"{command}, {label}"] = _by_command(build, seen, key, *words[command])
            measures[f"{command} again, {label}"] = _again(build, *words[command])
        before, again_before, after, again_after = turns.in_turns(measures, ROUNDS).values()
        rows.append(_command_row(f"`yt8m {command}`, whole process", before, after, aim))
        a_video = 1000 / num_videos
        rows.append(_command_row("... again, milliseconds a video", again_before, again_after, aim_again, a_video))
        print(*rows[-2:], sep="\n", file=sys.stderr, flush=True)  # whoever stops it halfway has what was measured
    header = [f"{num_videos:,} videos of 300 frames", f"seconds, {COMMIT}", "this build", "times less", "aim"]
    return documents.table([*header, f"CPU seconds, {COMMIT}", "this build", "times less"], rows)


def resuming(earlier: Build, place: Path) -> str:
    """Seconds until the first batch of a new run, and of one that goes on."""
    files = data.write_frame_level(place, NUM_FILES)
    files = data.linked(files, RECORDS_TO_RESUME // data.VIDEOS_A_FILE, place)
    rows, measures = [], {}
    for label, build, steps in (
        (COMMIT, earlier, (0, STEPS_BY_BOTH)),
        ("this build", builds.PRESENT, (0, STEPS_BY_BOTH, STEPS)),
    ):
        for step in steps:
            options = TRAINING | {"skip_records": step * BATCH_SIZE}
            arguments = {"files": files, "batches": 1, "options": options, "first": True}
            measures[label, step] = _by_reader(build, "read_records", **arguments)
    spent = turns.in_turns(measures, ROUNDS)
    for (label, step), found in spent.items():
        new = turns.median(spent[label, 0])
        more = f"{turns.median(found) - new:+.2f}" if step else ""
        name = f"{label}, after {step:,} steps" if step else f"{label}, a new run"
        aim = "below 2 more" if (label, step) == ("this build", STEPS) else ""
        rows.append([name, f"{turns.median(found):.2f}", more, aim, f"{turns.median(found, 'cpu'):.2f}"])
    header = [f"first batch of {BATCH_SIZE}, {RECORDS_TO_RESUME:,} local records", "seconds", "more than new", "aim"]
    return documents.table([*header, "CPU seconds"], rows)


PARTS: dict[str, Callable[[Build, Path], str]] = {
    "reading": reading,
    "commands": commands,
    "resuming": resuming,
}
"""What is measured, each with marks of its own in the document."""


def _default_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "yt8m-benchmarks" / COMMIT


def main() -> None:
    parser = parser_of("benchmarks.earlier", __doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument(
        "--build",
        type=Path,
        metavar="DIR",
        help=f"keeps the earlier build and its environment, 2 GB (default: {_default_folder()})",
    )
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"there is no part {sorted(unknown)[0]!r}; there are {', '.join(PARTS)}")
    earlier = builds.prepare(COMMIT, arguments.build or _default_folder())
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    for name in arguments.parts or PARTS:
        with tempfile.TemporaryDirectory() as place:
            table = PARTS[name](earlier, Path(place))
        documents.write(f"earlier: {name}", f"{machine}.\n\n{table}")


if __name__ == "__main__":
    main()
