"""`make tricks`: what averages and distillation gain on the sample data, three seeds; writes the table into docs/benchmarks.md.

The plain run is the zoo's NetVLAD, made small (8 clusters, 64 hidden units) where it learns from a teacher: the zoo's own.
A gain is the difference to the plain run of the same seed. Runs are kept in runs/tricks/ as the zoo's are in runs/zoo/.
"""

import json
import statistics
import sys
from pathlib import Path

from benchmarks import documents, processes, zoo
from benchmarks.sizes import ROOT, parser_of, runs_of, sized
from yt8m.runs import RunDirectory

RUNS = runs_of("tricks")
RECIPE = sized("netvlad", "frame_logistic")
STUDENT = sized(["--model.num-clusters=8", "--model.hidden-size=64"], [])
OF_STAGES = sized([], ["--data.features=audio"])
"""Flags of the model that learns from the mixture of its parts."""
APART = sized(50, 1)
"""Steps from one checkpoint to the next."""
KEEP = [f"--training.{what}-every-steps={APART}" for what in ("validate", "checkpoint")] + [
    "--training.keep-checkpoints=10"
]


def _trained(name: str, recipe: str, seed: int, data: Path, *flags: str) -> dict[str, float]:
    train = [recipe, *zoo.flags_of(recipe, data, seed), *flags]
    return zoo.evaluated(RUNS / f"{name}-{seed}", train)


def _averaged(seed: int, which: str, count: int) -> dict[str, float]:
    """The mean of checkpoints of the plain small run."""
    directory = RUNS / f"{which}_{count}-{seed}"
    result = directory / "averaged.json"
    if not result.exists():
        flags = [f"--{which}", str(count), "--out", str(directory), "--json"]
        result.write_text(processes.yt8m("average", str(RUNS / f"plain-{seed}"), *flags))
    return json.loads(result.read_text())["metrics"]


def _predictions(teacher: Path, data: Path) -> Path:
    """The teacher's for the training records, as a file."""
    path, weights = RUNS / f"{teacher.name}.csv", RunDirectory(teacher).best_weights
    if not path.exists() or path.stat().st_mtime < weights.stat().st_mtime:
        RUNS.mkdir(parents=True, exist_ok=True)
        processes.yt8m("predict", "--run", str(teacher), "--data", str(data / "2/frame/train"), "--out", str(path))
    return path


def measure(data: Path) -> list[tuple[str, str, list[tuple[dict, dict]]]]:
    """Of every trick what it is, what it is compared with, and for each seed the metrics without and with it."""
    pairs: dict[tuple[str, str], list[tuple[dict, dict]]] = {}

    def add(trick: str, compared: str, plain: dict, found: dict) -> None:
        pairs.setdefault((trick, compared), []).append((plain, found))

    for seed in zoo.SEEDS:
        teacher = zoo.RUNS / f"{RECIPE}-{seed}"
        zoo.evaluated(teacher, [RECIPE, *zoo.flags_of(RECIPE, data, seed)])
        plain = _trained("plain", RECIPE, seed, data, *STUDENT, *KEEP)
        averaged = _trained("ema", RECIPE, seed, data, *STUDENT, *KEEP, "--training.ema-decay=0.98")
        add("moving average of the weights, decay 0.98", "small `netvlad`", plain, averaged)
        add(f"`yt8m average --last 3`, {APART} steps apart", "small `netvlad`", plain, _averaged(seed, "last", 3))
        add("`yt8m average --best 3`", "small `netvlad`", plain, _averaged(seed, "best", 3))
        distil = ["--distill.weight=0.7", "--distill.temperature=2"]
        found = _trained("run", RECIPE, seed, data, *STUDENT, *KEEP, f"--distill.teacher={teacher}", *distil)
        add("distillation from a run (`netvlad` of 32 clusters)", "small `netvlad`", plain, found)
        found = _trained(
            "file", RECIPE, seed, data, *STUDENT, *KEEP, f"--distill.teacher={_predictions(teacher, data)}", *distil
        )
        add("distillation from a file of its predictions", "small `netvlad`", plain, found)
        alone = _trained("mix_alone", "mix_nextvlad", seed, data, "--model.temperature=0", *OF_STAGES)
        flags = [*zoo.flags_of("mix_nextvlad", data, seed), *OF_STAGES]
        found = zoo.evaluated(zoo.RUNS / f"mix_nextvlad-{seed}", ["mix_nextvlad", *flags])
        add("distillation on the fly, temperature 3", "`mix_nextvlad` at temperature 0", alone, found)
    return [(*names, each) for names, each in pairs.items()]


def main() -> None:
    parser = parser_of("benchmarks.tricks", __doc__)
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "sample")
    rows = []
    for trick, compared, pairs in measure(parser.parse_args().data):
        row = [trick, compared]
        for key in ("gap", "map"):
            gains = [found[key] - plain[key] for plain, found in pairs]
            row.append(zoo.mean_and_spread([found[key] for _, found in pairs]))
            row.append(f"{statistics.mean(gains):+.4f} ({min(gains):+.4f} to {max(gains):+.4f})")
        rows.append(row)
    documents.write("make tricks", documents.table(["trick", "of", "GAP", "gain", "MAP", "gain"], rows))


if __name__ == "__main__":
    sys.exit(main())
