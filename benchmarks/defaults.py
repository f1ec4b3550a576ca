"""`python -m benchmarks.defaults --records FILES`: whether other settings suit `logistic` and `moe` better.

Each setting is changed alone, in a whole run of the recipe's length. `benchmarks.lengths` changes the length, and has the records
and the runs of the recipes as they are. The others are kept in runs/defaults/, so a benchmark that was stopped goes on.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import documents, lengths
from benchmarks.sizes import runs_of, sized
from benchmarks.zoo import mean_and_spread
from yt8m.config import RunConfig

RUNS = runs_of("defaults")
RECIPES = sized(("logistic", "moe"), ("moe",))
SPLITS = sized(2, 1)
NUM_MADE = sized((2_000, 20_000, 100_000), (40,))


@dataclass(frozen=True)
class Change:
    """Other values of a recipe's settings.

    Attributes:
        name: as the table has it.
        recipe: the recipe.
        training, model: the fields of these parts, and their values.
    """

    name: str
    recipe: str
    training: dict[str, float] = dataclasses.field(default_factory=dict)
    model: dict[str, float | str] = dataclasses.field(default_factory=dict)

    def made_in(self, config: RunConfig) -> RunConfig:
        """The configuration of a run with these values, in a directory of its own."""
        name = f"{Path(config.run).name}-{self.name.replace(' ', '_').replace('/', '_of_')}"
        training, model = (
            dataclasses.replace(part, **fields)
            for part, fields in ((config.training, self.training), (config.model, self.model))
        )
        return dataclasses.replace(config, run=str(RUNS / name), training=training, model=model)


CHANGES = (
    Change("learning rate x 1/2", "logistic", {"learning_rate": 3.5e-3}),
    Change("learning rate x 2", "logistic", {"learning_rate": 1.4e-2}),
    Change("epsilon x 1/10", "logistic", {"epsilon": 1e-4}),
    Change("epsilon x 10", "logistic", {"epsilon": 1e-2}),
    Change("EMA, decay .95", "logistic", {"ema_decay": 0.95}),
    Change("L2 term of 1e-5", "logistic", model={"l2": 1e-5}),
    Change("no L2 term", "logistic", model={"l2": 0.0}),
    Change("all values scaled together", "logistic", model={"normalise": "rms"}),
    Change("learning rate x 1/2", "moe", {"learning_rate": 2.5e-3}),
    Change("learning rate x 2", "moe", {"learning_rate": 1e-2}),
    Change("epsilon x 1/30", "moe", {"epsilon": 1e-5}),
    Change("epsilon x 10", "moe", {"epsilon": 3e-3}),
    Change("EMA, decay .95", "moe", {"ema_decay": 0.95}),
    Change("dropout .2", "moe", model={"dropout": 0.2}),
    Change("dropout .5", "moe", model={"dropout": 0.5}),
    Change("L2 term of 1e-5", "moe", model={"l2": 1e-5}),
    Change("all values scaled together", "moe", model={"normalise": "rms"}),
)[:: sized(1, 16)]


def row_of(change: Change, plain: Sequence[Sequence[RunConfig]]) -> list[str]:
    """What a change gains on each set of records, with these configurations of the splits: the mean, with its spread."""
    gains = ([lengths.score(change.made_in(config)) - lengths.score(config) for config in each] for each in plain)
    return [f"`{change.recipe}`", change.name, *(mean_and_spread(each, "+") for each in gains)]


def table(recipes: Sequence[str], paths: Sequence[str], numbers: Sequence[int]) -> str:
    """The scores of each recipe as it is, and a row a change."""
    found = itertools.chain(lengths.real(paths), map(lengths.made, numbers))
    known = lengths.by_name(each for each in found if each.split < SPLITS)
    rows = []
    for recipe in recipes:
        plain = [[lengths.configured(recipe, each) for each in splits] for splits in known.values()]
        scores = (mean_and_spread([*map(lengths.score, each)]) for each in plain)
        rows.append([f"`{recipe}`", "none: the GAP", *scores])
        rows += [row_of(change, plain) for change in CHANGES if change.recipe == recipe]
    return documents.table(["recipe", "change", *known], rows)


def main() -> None:
    paths, recipes, numbers = lengths.arguments_of("benchmarks.defaults", __doc__, RECIPES, NUM_MADE)
    whole = bool(paths) and (recipes, numbers) == (RECIPES, NUM_MADE)
    documents.write("defaults", table(recipes, paths, numbers), keep=whole)


if __name__ == "__main__":
    main()
