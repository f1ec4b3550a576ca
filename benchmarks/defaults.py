"""`python -m benchmarks.defaults`: whether other settings of `logistic` and `moe` suit fewer or more videos better.

Each setting is changed alone. A run goes on beyond its best step and validates often, so a change is not judged by a length that
suits the default. Records and the runs of the defaults are those of `benchmarks.lengths`. The others are kept in runs/defaults/,
so a benchmark that was stopped goes on.
"""

import dataclasses
import glob
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import documents, lengths
from benchmarks.sizes import parser_of, runs_of, sized
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
    """

    name: str
    recipe: str
    training: dict[str, float] = dataclasses.field(default_factory=dict)
    model: dict[str, float] = dataclasses.field(default_factory=dict)

    def made_in(self, config: RunConfig) -> RunConfig:
        """The configuration with these values."""
        training = dataclasses.replace(config.training, **self.training)
        return dataclasses.replace(config, training=training, model=dataclasses.replace(config.model, **self.model))


CHANGES = (
    Change("learning rate x 1/2", "logistic", {"learning_rate": 2.5e-3}),
    Change("learning rate x 2", "logistic", {"learning_rate": 1e-2}),
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
    Change("L2 term of 1e-8", "moe", model={"l2": 1e-8}),
)[:: sized(1, 15)]

Curves = list[dict[int, float]]
"""GAP by step, a split each."""


def runs_of_defaults(recipe: str, records: Sequence[str], numbers: Sequence[int]) -> dict[str, list[RunConfig]]:
    """The runs of `benchmarks.lengths` that others are compared with, by the names of their records."""
    found: dict[str, list[RunConfig]] = {}
    for each in itertools.chain(lengths.real(records), map(lengths.made, numbers)):
        if each.split < SPLITS and "classes" not in each.name:
            found.setdefault(each.name, []).append(lengths.configured(recipe, each))
    return found


def curves_of(configs: Sequence[RunConfig], change: Change) -> Curves:
    """The curves of runs with a change."""
    found = []
    for config in configs:
        name = f"{Path(config.run).name}-{change.name.replace(' ', '_').replace('/', '_of_')}"
        changed = change.made_in(dataclasses.replace(config, run=str(RUNS / name)))
        found.append(lengths.curve_of(changed))
        print(changed.run, max(found[-1].values()), flush=True)
    return found


def best(curves: Curves) -> tuple[float, int]:
    """The best mean GAP, and its step."""
    steps = set.intersection(*(set(curve) for curve in curves))
    return max((statistics.mean(curve[step] for curve in curves), step) for step in steps)


def table(recipes: Sequence[str], records: Sequence[str], numbers: Sequence[int]) -> str:
    """A row a change: what it gains with each number of videos, and the step that is best then."""
    rows, header = [], ["recipe", "change"]
    for recipe in recipes:
        defaults = runs_of_defaults(recipe, records, numbers)
        header[2:] = defaults
        without = {size: best([lengths.curve_of(config) for config in configs]) for size, configs in defaults.items()}
        rows.append([f"`{recipe}`", "none", *(f"{gap:.4f} ({step})" for gap, step in without.values())])
        for change in CHANGES:
            if change.recipe == recipe:
                found = {size: best(curves_of(configs, change)) for size, configs in defaults.items()}
                cells = [f"{gap - without[size][0]:+.4f} ({step})" for size, (gap, step) in found.items()]
                rows.append([f"`{recipe}`", change.name, *cells])
    return documents.table(header, rows)


def main() -> None:
    parser = parser_of("benchmarks.defaults", __doc__)
    parser.add_argument("--records", nargs="*", default=[], help="real video-level shards, 36 of them")
    parser.add_argument("--recipes", nargs="*", default=RECIPES)
    parser.add_argument("--made", nargs="*", type=int, default=NUM_MADE)
    arguments = parser.parse_args()
    records = sorted(itertools.chain.from_iterable(map(glob.glob, arguments.records)))
    whole = bool(records) and tuple(arguments.recipes) == RECIPES and tuple(arguments.made) == NUM_MADE
    documents.write("defaults", table(arguments.recipes, records, arguments.made), keep=whole)


if __name__ == "__main__":
    main()
