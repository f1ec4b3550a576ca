"""`make zoo`: every recipe on the sample data, three seeds; writes the table into docs/benchmarks.md between its marks.

The published sizes are for four million videos of 3862 classes; the sample has 2 000 of 60. So every recipe is trained here
at a size that suits the sample, all with the same data, batch and number of steps, and the published size has a column
of its own for its parameters. The runs are kept in runs/zoo/: a zoo that was stopped goes on, and only new recipes are
trained the next time. Rates are measured afterwards, one recipe after another, so that they compare.
"""

import json
import statistics
import sys
from pathlib import Path

from benchmarks import ceiling, documents, processes
from benchmarks.sizes import ROOT, parser_of, runs_of, sized
from yt8m.files import NewFile, read_json
from yt8m.models import hyperparameters_of
from yt8m.recipes import list_recipes, make_config
from yt8m.runs import RunDirectory

RUNS = runs_of("zoo")
SEEDS = sized((0, 1, 2), (0,))
RECIPES = sized(list_recipes(), ["moe", "dbof"])

SAMPLE_SIZES = {
    "num_clusters": sized(32, 8),
    "hidden_size": sized(256, 8),
    "num_units": 256,
    "num_heads": 8,
    "num_layers": 2,
    "num_mixtures": 2,
}
"""Hyper-parameters that say how large a model is, at their sizes here."""
NUM_STEPS = sized(500, 4)
CHANGES: dict[str, dict[str, object]] = sized(
    {
        "dbof": {"num_clusters": 512},
        "soft_dbow": {"num_clusters": 512},
        "transformer": {"hidden_size": 512},
        "transformer_segments": {"hidden_size": 512},
        "moe_chain_2017": {"num_layers": 5, "num_mixtures": 4},
        "netvlad_128": {"num_clusters": 16, "hidden_size": 512},
        "nextvlad_112": {"num_clusters": 28},
        "mix_nextvlad": {"num_clusters": 28},
    },
    {"mix_nextvlad": {"num_branches": 2}},
)
"""Where a recipe is another kind of large: in the same proportion to its sister as published."""
LEARNING_RATE = 2e-3
LEARNING_RATES = {
    "soft_dbow": 5e-4,
    "transformer": 5e-4,
    "transformer_segments": 5e-4,
    "lstm": 1e-3,
    "gru": 1e-3,
    "tcn": 1e-3,
}
"""Where that is too much: `soft_dbow`'s running statistics cannot follow, and the others' papers have less than the rest."""
WARMUP_STEPS = {"transformer": 50, "transformer_segments": 50}


def flags_of(recipe: str, data: Path, seed: int) -> list[str]:
    """The flags of `yt8m train` for a recipe's run on the sample."""
    config, known = make_config(recipe), hyperparameters_of(make_config(recipe).model.name)
    sizes = {key: value for key, value in (SAMPLE_SIZES | CHANGES.get(recipe, {})).items() if key in known}
    flags = [f"--model.{key.replace('_', '-')}={value}" for key, value in sizes.items()]
    flags += [f"--data.root={data}", "--data.num-classes=60", f"--training.seed={seed}", "--training.batch-size=64"]
    flags += [f"--training.num-steps={NUM_STEPS}", f"--training.validate-every-steps={NUM_STEPS // 2}"]
    flags += [f"--training.checkpoint-every-steps={NUM_STEPS}"]
    flags += [f"--training.warmup-steps={WARMUP_STEPS.get(recipe, 0)}"]
    flags += [
        f"--training.learning-rate={LEARNING_RATES.get(recipe, LEARNING_RATE)}",
        "--training.learning-rate-decay=0.5",
    ]
    flags += ["--training.learning-rate-decay-examples=10000", "--training.learning-rate-smooth-decay"]
    if "l2" in known:
        flags.append("--model.l2=0")
    if config.model.level == "frame":
        flags += [f"--data.num-frames={5 if recipe == 'transformer_segments' else 32}", "--data.max-frames=150"]
    return flags


def evaluated(directory: Path, train: list[str]) -> dict[str, float]:
    """Trains a run, or goes on with it: the metrics of its best validation; done before with these arguments, they are read.

    Args:
        directory: of the run.
        train: arguments of `yt8m train`, which refuses others than the run was begun with.
    """
    result = directory / "zoo.json"
    if not result.exists() or read_json(result).get("arguments") != train:
        print(f"{directory.name} ...", file=sys.stderr, flush=True)
        processes.yt8m("train", *train, "--run", str(directory))
        found = read_json(RunDirectory(directory).best_metrics)
        with NewFile(result) as file:
            file.write(json.dumps({"arguments": train} | {key: found[key] for key in ("gap", "map")}).encode())
    return {key: value for key, value in read_json(result).items() if key != "arguments"}


def mean_and_spread(values: list[float], sign: str = "") -> str:
    """Mean and sample standard deviation. With the sign "+", a mean above 0 has one."""
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):{sign}.4f}{spread}"


def _rates(recipe: str, data: Path) -> dict[str, float]:
    """Videos a second of the run of the first seed."""
    arguments = [str(RUNS / f"{recipe}-{SEEDS[0]}"), str(data / "2" / make_config(recipe).model.level / "validate")]
    return json.loads(processes.last_line("benchmarks.run_rates", *arguments))


def _parameters(recipe: str) -> str:
    count = int(processes.last_line("benchmarks.parameters", recipe))
    return f"{count / 1e6:.1f} M"


def table(recipes: list[str], data: Path) -> str:
    """A row a recipe, best first, and one of someone who knows the generator."""
    runs = {
        recipe: [evaluated(RUNS / f"{recipe}-{seed}", [recipe, *flags_of(recipe, data, seed)]) for seed in SEEDS]
        for recipe in recipes
    }
    rows = []
    for recipe in sorted(recipes, key=lambda name: -statistics.mean(found["gap"] for found in runs[name])):
        print(f"measuring {recipe} ...", file=sys.stderr, flush=True)
        rates = _rates(recipe, data)
        scores = [mean_and_spread([found[key] for found in runs[recipe]]) for key in ("gap", "map")]
        rows.append(
            [f"`{recipe}`", *scores, _parameters(recipe), *(f"{rates[key]:,.0f}" for key in ("train", "predict"))]
        )
    best = ceiling.measure()
    rows.append(["someone who knows the generator", f"{best['gap']:.4f}", f"{best['map']:.4f}", "", "", ""])
    header = ["recipe", "GAP", "MAP", "trainable parameters, as published", "trains, videos/s", "predicts, videos/s"]
    return documents.table(header, rows)


def main() -> None:
    parser = parser_of("benchmarks.zoo", __doc__)
    parser.add_argument("recipes", nargs="*", default=RECIPES, help="default: all")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "sample")
    arguments = parser.parse_args()
    documents.write("make zoo", table(arguments.recipes, arguments.data), keep=arguments.recipes == list_recipes())


if __name__ == "__main__":
    main()
