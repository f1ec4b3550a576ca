"""`python -m benchmarks.lengths`: how long `logistic` and `moe` should learn from 1 000 videos, and from more.

Each run goes on beyond its best step and validates often, so it shows the score at every length. Real records are fitted on some
of the shards and scored on six others, in three ways, each with another seed. Made videos are drawn anew for each number. The
runs are kept in runs/lengths/, so a benchmark that was stopped goes on.
"""

import dataclasses
import glob
import itertools
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import documents
from benchmarks.sizes import parser_of, runs_of, sized
from yt8m import runs
from yt8m.config import RunConfig
from yt8m.data import protos
from yt8m.data.features import DEFAULT_FEATURES
from yt8m.data.quantisation import dequantise
from yt8m.data.records import framed, read_framing, read_offsets, video_level_record
from yt8m.data.tools.synthetic_videos import make_video, make_world
from yt8m.files import NewFile
from yt8m.recipes import make_config
from yt8m.runs import RunDirectory
from yt8m.training.loop import train

RUNS = runs_of("lengths")
RECIPES = ("logistic", "moe")
NUM_STEPS = sized({"logistic": {4: 160, 10: 240, 30: 360}, "moe": {4: 96, 10: 144, 30: 240}}, {})
"""Steps of a run on so many of the real shards."""
FEWER_CLASSES = sized(((4, 60), (30, 20), (30, 60), (30, 300), (30, 1000)), ())
"""Numbers of real shards, and of their most frequent classes. The others' labels are left out, and videos that have no more."""
SPLITS = sized(3, 1)
VALIDATION_SHARDS = 6
NUM_MADE = sized((2_000, 6_000, 20_000, 100_000), (40,))
LONG_EPOCHS, FEW_RECORDS = 12, sized(9_000, 40)
"""Epochs of runs whose best length is not known beforehand. On fewer records they grow as a recipe's do."""
RULE_EPOCHS = {"logistic": 5.0, "moe": 2.5}
"""Epochs at a learning rate that stays. On few videos they are longer, as those of the recipes are."""
BATCH_SIZE = 256
"""As both recipes have it."""
NUM_VALIDATIONS = sized(24, 2)
NUM_CLASSES = sized(60, 12)


@dataclass(frozen=True)
class Records:
    """Records to train on and to score.

    Attributes:
        name: as the table has it.
        data: the fields of a configuration.
        split: which of the ways to choose real records; also the seed.
        num_steps: the steps of a run by recipe, where they are known.
    """

    name: str
    data: dict[str, object]
    split: int = 0
    num_steps: dict[str, int] = dataclasses.field(default_factory=dict)

    def count(self) -> int:
        """Training videos."""
        return sum(len(list(read_offsets(path))) - 1 for path in self.data["train"])

    def steps_of(self, recipe: str) -> int:
        """The steps of a run."""
        return self.num_steps.get(recipe) or max(2, steps_in(make_config(recipe), LONG_EPOCHS, self.count()))


def steps_in(config: RunConfig, num_epochs: float, num_videos: int) -> int:
    """The steps of so many epochs, which are longer on few videos."""
    training = dataclasses.replace(config.training.in_place_of(num_epochs=num_epochs), few_records=FEW_RECORDS)
    return training.counted(num_videos).num_steps


def splits_of(paths: Sequence[str]) -> Iterator[tuple[int, list[str], tuple[str, ...]]]:
    """Yields the number of each way to choose real records, the shards to train on, and those to score."""
    for split in range(SPLITS if paths else 0):
        first = (len(paths) - VALIDATION_SHARDS * (1 + 2 * split)) % len(paths)
        validate = tuple(paths[first : first + VALIDATION_SHARDS])
        yield split, [each for each in paths if each not in validate], validate


def real(paths: Sequence[str]) -> Iterator[Records]:
    """Yields the sets of real records with all classes, split by split."""
    for split, others, validate in splits_of(paths):
        for shards in NUM_STEPS["moe"]:
            steps = {recipe: NUM_STEPS[recipe][shards] for recipe in RECIPES}
            yield Records(f"{shards} shards", {"train": tuple(others[:shards]), "validate": validate}, split, steps)


def real_of_fewer_classes(paths: Sequence[str]) -> Iterator[Records]:
    """Yields the sets of real records with frequent classes alone, split by split."""
    for split, others, validate in splits_of(paths):
        for shards, num_classes in FEWER_CLASSES:
            shown = {"train": others[:shards], "validate": validate}
            data = {key: tuple(with_classes(path, num_classes) for path in each) for key, each in shown.items()}
            yield Records(f"{shards} shards, {num_classes} classes", data | {"num_classes": num_classes}, split)


def with_classes(path: str, num_classes: int) -> str:
    """The file with the labels of the first classes alone, which are the most frequent ones, written if it is not there."""
    target = RUNS / f"classes-{num_classes}" / Path(path).name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with NewFile(target) as file:
            for record in read_framing(path):
                example = protos.parse(protos.Example, record.data)
                labels = example.features.feature["labels"].int64_list.value
                labels[:] = [label for label in labels if label < num_classes]
                if labels:
                    file.write(framed(example.SerializeToString(deterministic=True)))
    return str(target)


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


def made(number: int) -> Records:
    """So many made videos, which are written first if they are not there."""
    paths = {}
    for seed, (split, count) in enumerate((("train", number), ("validate", sized(2000, 20)))):
        paths[split] = RUNS / "made" / f"{split}-{count}.tfrecord"
        if not paths[split].exists():
            write_made(paths[split], seed, count)
    data = {split: (str(path),) for split, path in paths.items()}
    return Records(f"{number} made", data | {"num_classes": NUM_CLASSES})


def configured(recipe: str, records: Records) -> RunConfig:
    """The configuration of a run that validates often, does not stop early, and whose learning rate stays."""
    config, num_steps = make_config(recipe), records.steps_of(recipe)
    every = max(1, num_steps // NUM_VALIDATIONS)
    training = config.training.in_place_of(num_steps=num_steps, validate_every_steps=every)
    fields = {
        "schedule": "constant",
        "early_stopping": 0,
        "seed": records.split,
        "checkpoint_every_steps": num_steps,
        "log_every_steps": every,
    }
    return dataclasses.replace(
        config,
        run=str(RUNS / f"{recipe}-{records.name.replace(',', '').replace(' ', '_')}-{records.split}"),
        data=dataclasses.replace(config.data, **records.data),
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


def row_of(recipe: str, name: str, curves: Sequence[dict[int, float]], num_videos: int) -> list[str]:
    """The best step of the mean curve, and what the steps of the rule, and twice and half as many as the best, lose."""
    steps = sorted(set.intersection(*(set(curve) for curve in curves)))
    mean = {step: statistics.mean(curve[step] for curve in curves) for step in steps}
    best = max(steps, key=mean.get)
    spread = f" ± {statistics.stdev(curve[best] for curve in curves):.4f}" if curves[1:] else ""
    wanted = (steps_in(make_config(recipe), RULE_EPOCHS[recipe], num_videos), best / 2, best * 2)
    near = [min(steps, key=lambda step: abs(step - each)) for each in wanted]
    lost = [f"{mean[step] - mean[best]:+.4f} ({step})" for step in near]
    epochs = f"{best * BATCH_SIZE / num_videos:.1f}"
    return [f"`{recipe}`", name, f"{num_videos:,}", str(best), epochs, f"{mean[best]:.4f}{spread}", *lost]


def arguments_of(
    program: str, description: str, recipes: Sequence[str], numbers: Sequence[int]
) -> tuple[list[str], tuple[str, ...], tuple[int, ...]]:
    """Reads the command line: the paths of real records, the recipes and the numbers of made videos, with these defaults."""
    parser = parser_of(program, description)
    parser.add_argument("--records", nargs="*", default=[], help="real video-level shards, 36 of them")
    parser.add_argument("--recipes", nargs="*", default=recipes)
    parser.add_argument("--made", nargs="*", type=int, default=numbers)
    arguments = parser.parse_args()
    paths = sorted(path for pattern in arguments.records for path in glob.glob(pattern))
    return paths, tuple(arguments.recipes), tuple(arguments.made)


def main() -> None:
    paths, recipes, numbers = arguments_of("benchmarks.lengths", __doc__, RECIPES, NUM_MADE)
    curves: dict[tuple[str, str], list[dict[int, float]]] = {}
    sizes: dict[tuple[str, str], list[int]] = {}
    for records in itertools.chain(real(paths), real_of_fewer_classes(paths), map(made, numbers)):
        for recipe in recipes:
            config, key = configured(recipe, records), (recipe, records.name)
            curves.setdefault(key, []).append(curve_of(config))
            sizes.setdefault(key, []).append(records.count())
            print(config.run, max(curves[key][-1].values()), flush=True)
    header = [
        "recipe",
        "records",
        "videos",
        "best step",
        "epochs",
        "GAP",
        "by the rule",
        "half the steps",
        "twice the steps",
    ]
    rows = [
        row_of(recipe, name, each, round(statistics.mean(sizes[recipe, name])))
        for (recipe, name), each in curves.items()
    ]
    documents.write("lengths", documents.table(header, rows), keep=bool(paths))


if __name__ == "__main__":
    main()
