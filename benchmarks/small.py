"""`python -m benchmarks.small`: recipes, and models that are fitted, on hundreds to thousands of videos.

Videos are drawn anew for each number and seed. Four fifths of them train and the others choose the best weights. At video level,
all shards but the last six give videos, and those six tell the score. At frame level, videos are made as by `yt8m synth`: its
training split is drawn from, and its validation split tells the score. What was measured is kept in runs/small/ and
runs/small_frames/, so a benchmark that was stopped goes on.
"""

import dataclasses
import glob
import os
import shutil
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import documents
from benchmarks.lengths import write_made
from benchmarks.sizes import parser_of, runs_of, sized
from yt8m.config import DataConfig
from yt8m.data.records import framed, read_framing
from yt8m.data.tools.synthetic import synthesise
from yt8m.files import NewFile, read_json, write_json
from yt8m.recipes import list_recipes, make_config
from yt8m.scoring.evaluation import evaluate
from yt8m.training.fitting import fit
from yt8m.training.loop import train

NAMES = sized(("small_video", "logistic", "moe", "residual_mlp", "kernel_ridge"), ("small_video", "kernel_ridge"))
NAMES_OF_FRAMES = sized(("small_frame", "small_video", "sample"), ("small_frame",))
NUMBERS = sized((300, 1_000, 3_000), (40,))
SEEDS = sized((0, 1, 2), (0,))
TEST_SHARDS = 6
TRAINING_SHARE = 0.8
NUM_CLASSES = sized(3862, 12)
LENGTH = sized({}, {"num_steps": 2})
"""In place of the recipes' own."""
FRAMES = sized({"num_videos": 4_000, "num_classes": 60}, {"num_videos": 60, "num_classes": 12})


@dataclasses.dataclass(frozen=True)
class Task:
    """What recipes are compared on."""

    runs: Path
    shards: Sequence[str]
    """The videos that are drawn from."""
    test: Sequence[str]
    num_classes: int


def videos_of(records: Sequence[str]) -> Task:
    """Video-level records: those given, or made ones."""
    runs = runs_of("small")
    if not records:
        records = [os.fspath(runs / "made" / f"{number}.tfrecord") for number in range(TEST_SHARDS + 2)]
        for seed, path in enumerate(records):
            write_made(Path(path), seed, sized(2_000, 30))
    return Task(runs, records[:-TEST_SHARDS], records[-TEST_SHARDS:], NUM_CLASSES)


def frames_of_videos() -> Task:
    """Made frame-level records."""
    runs = runs_of("small_frames")
    made = runs / "made"
    if not made.exists():
        synthesise(made, **FRAMES)
    train, validate = (sorted(map(str, (made / "2/frame" / split).glob("*"))) for split in ("train", "validate"))
    return Task(runs, train, validate, FRAMES["num_classes"])


def drawn(task: Task, number: int, seed: int) -> dict[str, tuple[str, ...]]:
    """Writes the records of some videos, as they are. Returns the paths for training and validation."""
    paths = {split: task.runs / "data" / f"{split}-{number}-{seed}.tfrecord" for split in ("train", "validate")}
    if not all(path.exists() for path in paths.values()):
        records = [framed(raw.data) for path in task.shards for raw in read_framing(path)]
        chosen = np.random.default_rng((number, seed)).permutation(len(records))[:number]
        cut = round(TRAINING_SHARE * len(chosen))
        paths["train"].parent.mkdir(parents=True, exist_ok=True)
        for path, places in zip(paths.values(), (chosen[:cut], chosen[cut:]), strict=True):
            with NewFile(path) as file:
                file.write(b"".join(records[place] for place in places))
    return {split: (str(path),) for split, path in paths.items()}


def measured(name: str, task: Task, data: dict[str, tuple[str, ...]], number: int, seed: int) -> dict[str, float]:
    """The metrics on the test shards, and the seconds of CPU that training took; of what was measured before, as it was."""
    result = task.runs / f"{name}-{number}-{seed}.json"
    if result.exists():
        return read_json(result)
    run = task.runs / f"{name}-{number}-{seed}"
    shutil.rmtree(run, ignore_errors=True)
    start = time.process_time()
    if name in list_recipes():
        config = make_config(name)
        records = dataclasses.replace(config.data, **data, num_classes=task.num_classes)
        training = config.training.in_place_of(**LENGTH) if LENGTH else config.training
        training = dataclasses.replace(training, seed=seed, keep_checkpoints=1)
        train(dataclasses.replace(config, run=str(run), data=records, training=training))
    else:
        fit(name, str(run), DataConfig(train=data["train"], num_classes=task.num_classes))
    seconds = time.process_time() - start
    found = evaluate(str(run), list(task.test))
    write_json(result, {"gap": found["gap"], "map": found["map"], "seconds": seconds})
    shutil.rmtree(run)
    print(run.name, f"GAP {found['gap']:.4f}, MAP {found['map']:.4f}, {seconds:.0f} s", flush=True)
    return read_json(result)


def row_of(name: str, found: dict[int, list[dict[str, float]]]) -> list[str]:
    """GAP and MAP by the number of videos, and the mean seconds for the most."""
    cells = []
    for each in found.values():
        for key in ("gap", "map"):
            values = [one[key] for one in each]
            spread = f" ± {statistics.stdev(values):.3f}" if values[1:] else ""
            cells.append(f"{statistics.mean(values):.3f}{spread}")
    seconds = statistics.mean(one["seconds"] for one in found[max(found)])
    return [f"`{name}`", *cells, f"{seconds:.0f}"]


def table_of(task: Task, names: Sequence[str]) -> str:
    """A row a recipe or fitted model."""
    found: dict[str, dict[int, list[dict[str, float]]]] = {name: {} for name in names}
    for seed in SEEDS:
        for number in NUMBERS:
            data = drawn(task, number, seed)
            for name, numbers in found.items():
                numbers.setdefault(number, []).append(measured(name, task, data, number, seed))
    header = [
        "",
        *(f"{key}, {number:,} videos" for number in NUMBERS for key in ("GAP", "MAP")),
        "CPU seconds, most videos",
    ]
    return documents.table(header, [row_of(name, each) for name, each in found.items()])


def main() -> None:
    parser = parser_of("benchmarks.small", __doc__)
    parser.add_argument("--records", nargs="*", default=[], help="real video-level shards (default: made ones)")
    parser.add_argument("--levels", nargs="*", default=["video", "frame"], choices=["video", "frame"])
    parser.add_argument("--names", nargs="*", help="recipes, and at video level neighbours or kernel_ridge")
    arguments = parser.parse_args()
    records = sorted(path for pattern in arguments.records for path in glob.glob(pattern))
    if "video" in arguments.levels:
        print(table_of(videos_of(records), arguments.names or NAMES), end="\n\n")
    if "frame" in arguments.levels:
        print(table_of(frames_of_videos(), arguments.names or NAMES_OF_FRAMES))


if __name__ == "__main__":
    main()
