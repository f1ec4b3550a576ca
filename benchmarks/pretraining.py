"""`python -m benchmarks.pretraining`: what learning from videos without labels gains, on the sample data, three seeds.

A model is pretrained on all training videos, whose labels it does not see. Then it learns from the labels of 5, 20 and 100 %
of them, and so does the same model with fresh weights, as long. The sizes are the zoo's. Runs are kept in runs/pretraining/.
With `--loss contrastive` frames are learned in the other form, and the tables are printed only.
"""

import statistics
import sys
from pathlib import Path

from benchmarks import documents, processes, zoo
from benchmarks.sizes import ROOT, parser_of, runs_of, sized
from yt8m.files import read_json
from yt8m.runs import RunDirectory

RUNS = runs_of("pretraining")
RECIPES = sized(("transformer", "tcn", "netvlad"), ("tcn",))
PERCENTAGES = sized((5, 20, 100), (50,))
NUM_STEPS = sized(300, 2)
BATCH_SIZE = sized(32, 4)
OF_SAMPLE = (
    "--data.num-classes",
    "--data.num-frames",
    "--data.max-frames",
    "--training.validate",
    "--data.root",
    "--training.num-steps",
)
"""Flags of the zoo that are not for here, or have other values."""


def flags_of(recipe: str, seed: int) -> list[str]:
    """The zoo's flags of a recipe for both kinds of training."""
    flags = [each for each in zoo.flags_of(recipe, Path(), seed) if not each.startswith(OF_SAMPLE)]
    sizes = [f"--training.num-steps={NUM_STEPS}", f"--training.batch-size={BATCH_SIZE}", "--data.max-frames=150"]
    return [*flags, *sizes, f"--training.validate-every-steps={max(1, NUM_STEPS // 3)}"]


def labelled(data: Path, percentage: int, seed: int) -> str:
    """The records of so many of the training videos, with all classes in about their proportions."""
    if percentage == 100:
        return str(data / "2/frame/train")
    out = RUNS / f"labelled-{percentage}-{seed}"
    if not out.exists():
        parts = f"train={percentage / 100},rest={1 - percentage / 100}"
        processes.yt8m("split", str(data / "2/frame/train"), "--parts", parts, "--out", str(out), "--seed", str(seed))
    return str(out / "train")


def pretrained(recipe: str, data: Path, seed: int, loss: str) -> tuple[Path, dict[str, float]]:
    """The run, and how good its predictions of frames are."""
    run = RUNS / f"{recipe}-{loss}-{seed}"
    best = RunDirectory(run).best_metrics
    where = ["--data.train", str(data / "2/frame/train"), "--data.validate", str(data / "2/frame/validate")]
    if not best.exists():
        print(f"{run.name} ...", file=sys.stderr, flush=True)
        flags = [*flags_of(recipe, seed), "--pretrain.loss", loss, "--run", str(run)]
        processes.yt8m("pretrain", recipe, *where, *flags)
    return run, read_json(best)


def measure(recipe: str, data: Path, seed: int, loss: str) -> tuple[dict[str, float], dict[int, tuple[float, float]]]:
    """The errors of predicted frames, and GAP without and with pretraining by percentage of labels."""
    initial, errors = pretrained(recipe, data, seed, loss)
    found = {}
    for percentage in PERCENTAGES:
        train = [recipe, *flags_of(recipe, seed), "--data.num-classes=60", "--data.num-frames=32"]
        train += ["--data.train", labelled(data, percentage, seed), "--data.validate", str(data / "2/frame/validate")]
        fresh = zoo.evaluated(RUNS / f"{recipe}-{percentage}-fresh-{seed}", train)
        taught = zoo.evaluated(
            RUNS / f"{recipe}-{percentage}-{loss}-{seed}", [*train, f"--training.initial-run={initial}"]
        )
        found[percentage] = fresh["gap"], taught["gap"]
        print(recipe, seed, percentage, found[percentage], file=sys.stderr, flush=True)
    return errors, found


def tables(recipes: list[str], data: Path, loss: str) -> str:
    """GAP by percentage of labels, and the errors of predicted frames."""
    rows, forecasts = [], []
    for recipe in recipes:
        measured = [measure(recipe, data, seed, loss) for seed in zoo.SEEDS]
        for percentage in PERCENTAGES:
            fresh, taught = zip(*(found[percentage] for _, found in measured), strict=True)
            gains = [with_ - without for without, with_ in zip(fresh, taught, strict=True)]
            gain = f"{statistics.mean(gains):+.4f} ({min(gains):+.4f} to {max(gains):+.4f})"
            rows.append(
                [f"`{recipe}`", f"{percentage} %", zoo.mean_and_spread(fresh), zoo.mean_and_spread(taught), gain]
            )
        keys = ("forecast_error", "last_frame_error", "mean_error")
        forecasts.append(
            [f"`{recipe}`", *(zoo.mean_and_spread([errors[key] for errors, _ in measured]) for key in keys)]
        )
    scores = documents.table(["recipe", "videos with labels", "GAP without", "GAP with", "gain"], rows)
    errors = documents.table(["recipe", "error of predicted frames", "the last frame stays", "the mean"], forecasts)
    return f"{scores}\n\n{errors}"


def main() -> None:
    parser = parser_of("benchmarks.pretraining", __doc__)
    parser.add_argument("recipes", nargs="*", default=list(RECIPES))
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "sample")
    parser.add_argument("--loss", choices=["regression", "contrastive"], default="regression")
    arguments = parser.parse_args()
    text = tables(arguments.recipes, arguments.data, arguments.loss)
    whole = (tuple(arguments.recipes), arguments.loss) == (RECIPES, "regression")
    documents.write("pretraining", text, keep=whole)


if __name__ == "__main__":
    main()
