"""`python -m benchmarks.lengths --records FILES`: whether recipes of video-level records learn long enough.

Each recipe is trained for the steps that it has, for half as many, and for twice as many. All are whole runs, whose learning rate
falls as the recipe says. Real records are fitted on some of the shards and scored on six others, in three ways, each with another
seed. Made videos are drawn anew for each number. The runs are kept in runs/lengths/, so a benchmark that was stopped goes on.
"""

import dataclasses
import glob
import itertools
import shutil
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import documents
from benchmarks.sizes import parser_of, runs_of, sized
from benchmarks.zoo import mean_and_spread
from yt8m.config import RunConfig
from yt8m.data import protos
from yt8m.data.features import DEFAULT_FEATURES
from yt8m.data.quantisation import dequantise
from yt8m.data.records import framed, read_framing, read_offsets, video_level_record
from yt8m.data.tools.synthetic_videos import make_video, make_world
from yt8m.files import NewFile, read_json
from yt8m.recipes import make_config
from yt8m.runs import RunDirectory
from yt8m.training.loop import train

RUNS = runs_of("lengths")
RECIPES = ("logistic", "moe", "residual_mlp", "moe_chain")
SLOW = ("residual_mlp", "moe_chain")
"""Trained on real records with all classes alone, and on most of them in one way alone: a run takes five minutes."""
SHARDS = sized((4, 10, 30), ())
"""Numbers of the real shards to train on."""
MOST_SHARDS = 30
FEWER_CLASSES = sized(((4, 60), (30, 20), (30, 60), (30, 300), (30, 1000)), ())
"""Numbers of real shards, and of their most frequent classes. The others' labels are left out, and videos that have no more."""
SPLITS = sized(3, 1)
VALIDATION_SHARDS = 6
NUM_MADE = sized((2_000, 6_000, 20_000, 100_000), (40,))
FACTORS = (1.0, 0.5, 2.0)
"""Of the steps that a recipe has."""
NUM_CLASSES = sized(60, 12)


@dataclass(frozen=True)
class Records:
    """Records to train on and to score.

    Attributes:
        name: as the table has it.
        data: the fields of a configuration.
        split: which of the ways to choose real records; also the seed.
    """

    name: str
    data: dict[str, object]
    split: int = 0

    def count(self) -> int:
        """Training videos."""
        return sum(len(list(read_offsets(path))) - 1 for path in self.data["train"])


def splits_of(paths: Sequence[str]) -> Iterator[tuple[int, list[str], tuple[str, ...]]]:
    """Yields the number of each way to choose real records, the shards to train on, and those to score."""
    for split in range(SPLITS if paths else 0):
        first = (len(paths) - VALIDATION_SHARDS * (1 + 2 * split)) % len(paths)
        validate = tuple(paths[first : first + VALIDATION_SHARDS])
        yield split, [each for each in paths if each not in validate], validate


def named(shards: int) -> str:
    """What the table calls so many shards."""
    return f"{shards} shards"


def real(paths: Sequence[str]) -> Iterator[Records]:
    """Yields the sets of real records with all classes, split by split."""
    for split, others, validate in splits_of(paths):
        for shards in SHARDS:
            yield Records(named(shards), {"train": tuple(others[:shards]), "validate": validate}, split)


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


def configured(recipe: str, records: Records, factor: float = 1.0) -> RunConfig:
    """The configuration of a run of a recipe, as a user has it, but for the steps: a factor of the recipe's own."""
    config = make_config(recipe)
    num_steps = max(1, round(factor * config.training.counted(records.count()).num_steps))
    training = config.training.in_place_of(num_steps=num_steps, validate_every_steps=num_steps)
    name = f"{recipe}-{records.name.replace(',', '').replace(' ', '_')}-{records.split}-x{factor:g}"
    return dataclasses.replace(
        config,
        run=str(RUNS / name),
        data=dataclasses.replace(config.data, **records.data),
        training=dataclasses.replace(training, seed=records.split, checkpoint_every_steps=num_steps),
    )


def score(config: RunConfig) -> float:
    """The GAP at the end of a run, which is trained first if it is not there. Its weights are not kept."""
    directory = RunDirectory(Path(config.run))
    if not directory.best_metrics.exists():
        train(config)
        directory.best_weights.unlink()
        shutil.rmtree(directory.checkpoints)
        print(config.run, f"{read_json(directory.best_metrics)['gap']:.4f}", file=sys.stderr, flush=True)
    return read_json(directory.best_metrics)["gap"]


def row_of(recipe: str, name: str, splits: Sequence[Records]) -> list[str]:
    """The steps of a recipe, its GAP, and what half and twice as many steps gain."""
    by_factor = {factor: [score(configured(recipe, each, factor)) for each in splits] for factor in FACTORS}
    scores = by_factor.pop(1.0)
    gained = [
        mean_and_spread([changed - each for changed, each in zip(other, scores, strict=True)], "+")
        for other in by_factor.values()
    ]
    num_videos = round(statistics.mean(each.count() for each in splits))
    training = configured(recipe, splits[0]).training
    epochs = f"{training.num_steps * training.batch_size / num_videos:.1f}"
    return [f"`{recipe}`", name, f"{num_videos:,}", f"{training.num_steps:,}", epochs, mean_and_spread(scores), *gained]


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


def by_name(found: Iterable[Records]) -> dict[str, list[Records]]:
    """The splits of each set of records."""
    names: dict[str, list[Records]] = {}
    for each in found:
        names.setdefault(each.name, []).append(each)
    return names


def main() -> None:
    paths, recipes, numbers = arguments_of("benchmarks.lengths", __doc__, RECIPES, NUM_MADE)
    with_all_classes = by_name(real(paths))
    known = with_all_classes | by_name(itertools.chain(real_of_fewer_classes(paths), map(made, numbers)))
    header = ["recipe", "records", "videos", "steps", "epochs", "GAP", "half the steps", "twice the steps"]
    rows = [
        row_of(recipe, name, splits[:1] if recipe in SLOW and name == named(MOST_SHARDS) else splits)
        for name, splits in known.items()
        for recipe in recipes
        if recipe not in SLOW or name in with_all_classes
    ]
    whole = bool(paths) and (recipes, numbers) == (RECIPES, NUM_MADE)
    documents.write("lengths", documents.table(header, rows), keep=whole)


if __name__ == "__main__":
    main()
