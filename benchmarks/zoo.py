"""`make zoo`: every model on the sample data, three seeds; writes the table into docs/benchmarks.md between its marks.

The published sizes are for four million videos of 3862 classes; the sample has 2 000 of 60. So every model is trained here
at a size that suits the sample, all with the same data, batch and number of steps, and the published size has a column
of its own for its parameters. The runs are kept in runs/zoo/: a zoo that was stopped goes on, and only new models are
trained the next time.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import ceiling
from yt8m.config import RunConfig
from yt8m.files import NewFile
from yt8m.models import hyperparameters_of, list_models
from yt8m.recipes import make_config
from yt8m.runs import RunDirectory, read_metrics

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "benchmarks.md"
START, END = "<!-- make zoo: start -->", "<!-- make zoo: end -->"
SEEDS = (0, 1, 2)

SAMPLE_SIZES = {
    "num_clusters": 32,
    "hidden_size": 256,
    "num_units": 256,
    "num_heads": 8,
    "num_layers": 2,
    "num_mixtures": 2,
}
"""Hyper-parameters that say how large a model is, at their sizes here."""
CHANGES: dict[str, dict[str, object]] = {
    "dbof": {"num_clusters": 512},
    "soft_dbow": {"num_clusters": 512},
    "transformer": {"hidden_size": 512},
}
"""Where a model is another kind of large."""


def flags_of(model: str, data: Path, seed: int) -> list[str]:
    """The flags of `yt8m train` for a model's run on the sample."""
    level, known = make_config(model).model.level, hyperparameters_of(model)
    sizes = {key: value for key, value in (SAMPLE_SIZES | CHANGES.get(model, {})).items() if key in known}
    flags = [f"--model.{key.replace('_', '-')}={value}" for key, value in sizes.items()]
    flags += [f"--data.root={data}", "--data.num-classes=60", f"--training.seed={seed}", "--training.batch-size=64"]
    flags += [
        "--training.num-steps=500",
        "--training.validate-every-steps=125",
        "--training.checkpoint-every-steps=500",
    ]
    flags += ["--training.learning-rate=2e-3", "--training.learning-rate-decay=0.5"]
    flags += ["--training.learning-rate-decay-examples=10000", "--training.learning-rate-smooth-decay"]
    if "l2" in known:
        flags.append("--model.l2=0")
    return flags if level == "video" else [*flags, "--data.num-frames=32", "--data.max-frames=150"]


def _yt8m(*arguments: str) -> str:
    command = [sys.executable, "-m", "yt8m", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


def run(model: str, data: Path, seed: int) -> dict[str, float]:
    """Trains (or goes on), evaluates and times one model."""
    directory = ROOT / "runs" / "zoo" / f"{model}-{seed}"
    result = directory / "zoo.json"
    if result.exists():
        return json.loads(result.read_text())
    print(f"{model}, seed {seed} ...", file=sys.stderr, flush=True)
    _yt8m("train", model, *flags_of(model, data, seed), "--run", str(directory))
    level = make_config(model).model.level
    found = json.loads(
        _yt8m("evaluate", "--run", str(directory), "--json", "--data", str(data / "2" / level / "validate"))
    )
    rows = [row for row in read_metrics(RunDirectory(directory)) if row["kind"] == "train"]
    found["training_rate"] = statistics.median(row["videos_per_second"] or 0.0 for row in rows)
    with NewFile(result) as file:
        file.write(json.dumps(found).encode())
    return found


def _mean_and_spread(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{spread}"


def _parameters(config: RunConfig) -> str:
    counted = json.loads(_yt8m("models", config.model.name, "--json"))["num_parameters"]
    return f"{counted / 1e6:.1f} M"


def table(models: list[str], data: Path) -> str:
    """A row a model, best first, and one of someone who knows the generator."""
    rows = []
    for model in models:
        found = [run(model, data, seed) for seed in SEEDS]
        rates = [statistics.median(each[key] for each in found) for key in ("training_rate", "videos_per_second")]
        rows.append(
            (
                statistics.mean(each["gap"] for each in found),
                f"| `{model}` | {_mean_and_spread([each['gap'] for each in found])} | "
                f"{_mean_and_spread([each['map'] for each in found])} | {_parameters(make_config(model))} | "
                f"{rates[0]:,.0f} | {rates[1]:,.0f} |",
            )
        )
    best = ceiling.measure()
    head = "| model | GAP | MAP | parameters as published | trains, videos/s | predicts, videos/s |\n|---|---|---|---|---|---|"
    lines = [line for _, line in sorted(rows, reverse=True)]
    return "\n".join(
        [head, *lines, f"| someone who knows the generator | {best['gap']:.4f} | {best['map']:.4f} | | | |"]
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zoo", description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list_models(), help="default: all")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "sample")
    arguments = parser.parse_args()
    text = table(arguments.models, arguments.data)
    print(text)
    if arguments.models == list_models():
        document = DOCUMENT.read_text()
        before, after = document.split(START)[0], document.split(END)[1]
        with NewFile(DOCUMENT) as file:
            file.write(f"{before}{START}\n\n{text}\n\n{END}{after}".encode())


if __name__ == "__main__":
    main()
