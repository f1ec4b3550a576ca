"""`python -m benchmarks.lengths`: how long `logistic` and `moe` should learn from 1 000 videos, and from more.

Each run goes on beyond its best step and validates often, so it shows the score at every length. Real records are fitted on some
of the shards and scored on six others, in three ways, each with another seed. Made videos are drawn anew for each number. The
runs are kept in runs/lengths/, so a benchmark that was stopped goes on.
"""

import dataclasses
import glob
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks import documents
from benchmarks.sizes import parser_of, runs_of, sized
from yt8m import runs
from yt8m.config import RunConfig
from yt8m.data.features import DEFAULT_FEATURES
from yt8m.data.quantisation import dequantise
from yt8m.data.records import framed, video_level_record
from yt8m.data.tools.synthetic_videos import make_video, make_world
from yt8m.files import NewFile
from yt8m.recipes import make_config
from yt8m.runs import RunDirectory
from yt8m.training.loop import train

RUNS = runs_of("lengths")
RECIPES = ("logistic", "moe")
NUM_STEPS = sized({"logistic": {4: 160, 10: 240, 30: 360}, "moe": {4: 96, 10: 144, 30: 240}}, {})
"""Steps of a run on so many of the real shards."""
SHARD_VIDEOS = 296
"""Videos of a real shard, on average."""
SPLITS = sized(3, 1)
VALIDATION_SHARDS = 6
NUM_MADE = sized((2_000, 6_000, 20_000, 100_000), (40,))
MADE_EPOCHS = 12
BATCH_SIZE = 256
"""As both recipes have it."""
NUM_VALIDATIONS = sized(24, 2)
NUM_CLASSES = sized(60, 12)


def real(records: Sequence[str]) -> Iterator[tuple[str, int, int, dict[str, object]]]:
    """Yields the name of a set of real records, its shards, a seed, and the fields of its configuration."""
    for split in range(SPLITS):
        first = (len(records) - VALIDATION_SHARDS * (1 + 2 * split)) % len(records)
        validate = tuple(records[first : first + VALIDATION_SHARDS])
        others = [each for each in records if each not in validate]
        for shards in NUM_STEPS["moe"]:
            yield f"{shards} shards", shards, split, {"train": tuple(others[:shards]), "validate": validate}


def write_made(path: Path, seed: int, count: int) -> None:
    """Writes video-level records of made videos. All files are of one world."""
    world = make_world(NUM_CLASSES, np.random.default_rng((0, 0)), DEFAULT_FEATURES)
    random = np.random.default_rng((1, seed))
    path.parent.mkdir(parents=True, exist_ok=True)
    with NewFile(path) as file:
        for number in range(count):
            video = make_video(f"{seed}-{number}", world, random)
            means = {name: dequantise(frames).mean(axis=0) for name, frames in video.frames.items()}
            file.write(framed(video_level_record(video.video_id, video.labels, means)))


def made(number: int) -> dict[str, object]:
    """The fields of a configuration with so many made videos, which are written first if they are not there."""
    paths = {}
    for seed, (split, count) in enumerate((("train", number), ("validate", sized(2000, 20)))):
        paths[split] = RUNS / "made" / f"{split}-{count}.tfrecord"
        if not paths[split].exists():
            write_made(paths[split], seed, count)
    return {split: (str(path),) for split, path in paths.items()} | {"num_classes": NUM_CLASSES}


def steps_of_made(number: int) -> int:
    """Steps of a run on so many made videos."""
    return max(2, number * MADE_EPOCHS // BATCH_SIZE)


def configured(
    recipe: str, name: str, seed: int, data: dict[str, object], num_steps: int, directory: Path = RUNS
) -> RunConfig:
    """The configuration of a run that validates often, and does not stop early."""
    config = make_config(recipe)
    every = max(1, num_steps // NUM_VALIDATIONS)
    training = config.training.in_place_of(num_steps=num_steps, validate_every_steps=every)
    fields = {"early_stopping": 0, "seed": seed, "checkpoint_every_steps": num_steps, "log_every_steps": every}
    return dataclasses.replace(
        config,
        run=str(directory / f"{recipe}-{name.replace(' ', '_')}-{seed}"),
        data=dataclasses.replace(config.data, **data),
        training=dataclasses.replace(training, validation_videos=0, **fields),
    )


def curve_of(config: RunConfig) -> dict[int, float]:
    """The GAP by step, of a run that is trained first if it is not there."""
    directory = RunDirectory(Path(config.run))
    if not directory.config.exists() or max(_scores(directory), default=0) < config.training.num_steps:
        train(config)
    return _scores(directory)


def _scores(directory: RunDirectory) -> dict[int, float]:
    return {row["step"]: row["gap"] for row in runs.read_metrics(directory) if row["kind"] == "validation"}


def row_of(recipe: str, name: str, curves: Sequence[dict[int, float]], num_videos: float) -> list[str]:
    """The best step of the mean curve, and what twice and half as many steps lose."""
    steps = sorted(set.intersection(*(set(curve) for curve in curves)))
    mean = {step: statistics.mean(curve[step] for curve in curves) for step in steps}
    best = max(steps, key=mean.get)
    spread = f" ± {statistics.stdev(curve[best] for curve in curves):.4f}" if curves[1:] else ""
    half, twice = (min(steps, key=lambda step: abs(step - wanted)) for wanted in (best / 2, best * 2))
    lost = [f"{mean[step] - mean[best]:+.4f} ({step})" for step in (half, twice)]
    epochs = f"{best * BATCH_SIZE / num_videos:.1f}"
    return [f"`{recipe}`", name, f"{num_videos:,.0f}", str(best), epochs, f"{mean[best]:.4f}{spread}", *lost]


def main() -> None:
    parser = parser_of("benchmarks.lengths", __doc__)
    parser.add_argument("--records", nargs="*", default=[], help="real video-level shards, 36 of them")
    parser.add_argument("--recipes", nargs="*", default=RECIPES)
    parser.add_argument("--made", nargs="*", type=int, default=NUM_MADE)
    arguments = parser.parse_args()
    records = sorted(path for pattern in arguments.records for path in glob.glob(pattern))
    curves: dict[tuple[str, str], list[dict[int, float]]] = {}
    sizes: dict[tuple[str, str], float] = {}
    for name, shards, seed, data in real(records) if records else ():
        for recipe in arguments.recipes:
            config = configured(recipe, name, seed, data, NUM_STEPS[recipe][shards])
            curves.setdefault((recipe, name), []).append(curve_of(config))
            sizes[recipe, name] = SHARD_VIDEOS * shards
            print(config.run, max(curves[recipe, name][-1].values()), flush=True)
    for number in arguments.made:
        for recipe in arguments.recipes:
            config = configured(recipe, f"{number} made", 0, made(number), steps_of_made(number))
            curves.setdefault((recipe, f"{number} made"), []).append(curve_of(config))
            sizes[recipe, f"{number} made"] = number
            print(config.run, flush=True)
    header = ["recipe", "records", "videos", "best step", "epochs", "GAP", "half the steps", "twice the steps"]
    rows = [row_of(recipe, name, each, sizes[recipe, name]) for (recipe, name), each in curves.items()]
    documents.write("lengths", documents.table(header, rows), keep=bool(records))


if __name__ == "__main__":
    main()
