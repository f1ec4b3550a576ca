"""`python -m benchmarks.defaults`: whether other settings of `logistic` and `moe` suit fewer or more videos better.

Each setting is changed alone. A run goes on beyond its best step and validates often, so a change is not judged by a length that
suits the default. Records and the runs of the defaults are those of `benchmarks.lengths`. The others are kept in runs/defaults/,
so a benchmark that was stopped goes on.
"""

import dataclasses
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import documents, lengths
from benchmarks.sizes import runs_of, sized
from yt8m.config import RunConfig

RUNS = runs_of("defaults")
RECIPES = sized(lengths.RECIPES, ("moe",))
SPLITS = sized(2, 1)
NUM_MADE = sized((2_000, 20_000, 100_000), (40,))


@dataclass(frozen=True)
class Change:
    """Other values of a recipe's settings.

    Attributes:
        name: as the table has it.
        recipe: the recipe.
        training, model: the fields of these parts, and their values.
        num_epochs: the length, longer on few videos; 0 = beyond the best step.
    """

    name: str
    recipe: str
    training: dict[str, float | str] = dataclasses.field(default_factory=dict)
    model: dict[str, float] = dataclasses.field(default_factory=dict)
    num_epochs: float = 0.0

    def made_in(self, config: RunConfig, num_videos: int) -> RunConfig:
        """The configuration with these values, for so many training videos."""
        training = dataclasses.replace(config.training, **self.training)
        if self.num_epochs:
            num_steps = lengths.steps_in(config, self.num_epochs, num_videos)
            training = training.in_place_of(num_steps=num_steps, validate_every_steps=num_steps)
        return dataclasses.replace(config, training=training, model=dataclasses.replace(config.model, **self.model))


CHANGES = (
    Change("learning rate x 1/2", "logistic", {"learning_rate": 3.5e-3}),
    Change("learning rate x 2", "logistic", {"learning_rate": 1.4e-2}),
    Change("epsilon x 1/10", "logistic", {"epsilon": 1e-4}),
    Change("epsilon x 10", "logistic", {"epsilon": 1e-2}),
    Change("EMA, decay .95", "logistic", {"ema_decay": 0.95}),
    Change("L2 term of 1e-5", "logistic", model={"l2": 1e-5}),
    Change("no L2 term", "logistic", model={"l2": 0.0}),
    Change("learning rate x 1/2", "moe", {"learning_rate": 2.5e-3}),
    Change("learning rate x 2", "moe", {"learning_rate": 1e-2}),
    Change("epsilon x 1/30", "moe", {"epsilon": 1e-5}),
    Change("epsilon x 10", "moe", {"epsilon": 3e-3}),
    Change("EMA, decay .95", "moe", {"ema_decay": 0.95}),
    Change("no dropout", "moe", model={"dropout": 0.0}),
    Change("dropout .5", "moe", model={"dropout": 0.5}),
    Change("L2 term of 1e-5", "moe", model={"l2": 1e-5}),
    Change("half a cosine over 4 epochs", "moe", {"schedule": "cosine"}, num_epochs=4.0),
    Change("half a cosine over 6 epochs", "moe", {"schedule": "cosine"}, num_epochs=6.0),
    Change("half a cosine over 9 epochs", "moe", {"schedule": "cosine"}, num_epochs=9.0),
    Change("L2 term of 1e-8", "moe", model={"l2": 1e-8}),
)[:: sized(1, 16)]

Curves = list[dict[int, float]]
"""GAP by step, a split each."""


def records_by_name(paths: Sequence[str], numbers: Sequence[int]) -> dict[str, list[lengths.Records]]:
    """The records of `benchmarks.lengths` with all classes, of the first splits."""
    found: dict[str, list[lengths.Records]] = {}
    for each in itertools.chain(lengths.real(paths), map(lengths.made, numbers)):
        if each.split < SPLITS:
            found.setdefault(each.name, []).append(each)
    return found


def curves_of(splits: Sequence[lengths.Records], change: Change) -> Curves:
    """The curves of runs with a change. All splits have the same steps."""
    found, num_videos = [], splits[0].count()
    for records in splits:
        config = lengths.configured(change.recipe, records)
        name = f"{Path(config.run).name}-{change.name.replace(' ', '_').replace('/', '_of_')}"
        changed = change.made_in(dataclasses.replace(config, run=str(RUNS / name)), num_videos)
        found.append(lengths.curve_of(changed))
        print(changed.run, max(found[-1].values()), flush=True)
    return found


def best(curves: Curves) -> tuple[float, int]:
    """The best mean GAP, and its step."""
    steps = set.intersection(*(set(curve) for curve in curves))
    return max((statistics.mean(curve[step] for curve in curves), step) for step in steps)


def table(recipes: Sequence[str], paths: Sequence[str], numbers: Sequence[int]) -> str:
    """A row a change: what it gains with each number of videos, and the step that is best then."""
    rows, known = [], records_by_name(paths, numbers)
    for recipe in recipes:
        curves = {name: [lengths.curve_of(lengths.configured(recipe, each)) for each in known[name]] for name in known}
        without = {name: best(each) for name, each in curves.items()}
        rows.append([f"`{recipe}`", "none", *(f"{gap:.4f} ({step})" for gap, step in without.values())])
        for change in CHANGES:
            if change.recipe == recipe:
                found = {name: best(curves_of(splits, change)) for name, splits in known.items()}
                cells = [f"{gap - without[name][0]:+.4f} ({step})" for name, (gap, step) in found.items()]
                rows.append([f"`{recipe}`", change.name, *cells])
    return documents.table(["recipe", "change", *known], rows)


def main() -> None:
    paths, recipes, numbers = lengths.arguments_of("benchmarks.defaults", __doc__, RECIPES, NUM_MADE)
    whole = bool(paths) and (recipes, numbers) == (RECIPES, NUM_MADE)
    documents.write("defaults", table(recipes, paths, numbers), keep=whole)


if __name__ == "__main__":
    main()
