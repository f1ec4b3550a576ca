"""`python -m benchmarks.prediction_sampling`: which frames of a video models of frames should see in prediction.

The runs are the zoo's, on the sample data, three seeds: all learn from 32 frames of a video, `transformer_segments` from 5
consecutive ones. Each is evaluated with all frames, and with fewer, chosen in several ways.
"""

import dataclasses
import json
import statistics
import sys
import time
from pathlib import Path

from benchmarks import documents, zoo
from benchmarks.sizes import ROOT, parser_of, sized
from yt8m import runs
from yt8m.files import NewFile, read_json
from yt8m.models import ARCHITECTURES
from yt8m.recipes import list_recipes, make_config

RECIPES = sized(
    [each for each in list_recipes() if ARCHITECTURES[make_config(each).model.name].level == "frame"],
    ["dbof"],
)
WAYS = ((0, "uniform"), (5, "uniform"), (5, "consecutive"), (32, "uniform"), (32, "random"), (64, "uniform"))
"""Numbers of frames, 0 for all, and how they are chosen."""


def measure(run: Path, data: Path) -> dict[str, dict[str, float]]:
    """GAP, MAP and CPU seconds of each way, measured once."""
    result = run / "prediction_sampling.json"
    known = read_json(result) if result.exists() else {}
    missing = [way for way in WAYS if " ".join(map(str, way)) not in known]
    if missing:
        # Only here: a benchmark whose figures are all there starts within a second.
        from yt8m.runs.model import load_run
        from yt8m.runs.records import open_data
        from yt8m.scoring.evaluation import measure_source
        from yt8m.scoring.scorer import Scorer

        config, scorer = runs.load_config(run), Scorer(load_run(run))
        source = open_data(config, str(data / "2/frame/validate"))
        for count, sampling in missing:
            shown = dataclasses.replace(config.data, prediction_num_frames=count, prediction_sampling=sampling)
            began = time.process_time()
            found = measure_source(scorer, source, dataclasses.replace(config, data=shown)).result
            spent = time.process_time() - began
            known[f"{count} {sampling}"] = {"gap": found["gap"], "map": found["map"], "cpu": spent}
        with NewFile(result) as file:
            file.write(json.dumps(known).encode())
    return known


def table(recipes: list[str], data: Path) -> str:
    """A row a recipe: GAP of each way, the best one marked."""
    rows = []
    for recipe in recipes:
        found = []
        for seed in zoo.SEEDS:
            run = zoo.RUNS / f"{recipe}-{seed}"
            zoo.evaluated(run, [recipe, *zoo.flags_of(recipe, data, seed)])
            found.append(measure(run, data))
            print(run.name, found[-1], file=sys.stderr, flush=True)
        keys = [" ".join(map(str, way)) for way in WAYS]
        means = [statistics.mean(each[key]["gap"] for each in found) for key in keys]
        cells = [zoo.mean_and_spread([each[key]["gap"] for each in found]) for key in keys]
        best = means.index(max(means))
        cells[best] = f"**{cells[best]}**"
        rows.append([f"`{recipe}`", *cells])
    names = [f"{count} {sampling}" if count else "all" for count, sampling in WAYS]
    return documents.table(["recipe", *names], rows)


def main() -> None:
    parser = parser_of("benchmarks.prediction_sampling", __doc__)
    parser.add_argument("recipes", nargs="*", default=RECIPES, help="default: all of frames")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "sample")
    arguments = parser.parse_args()
    text = table(arguments.recipes, arguments.data)
    documents.write("prediction sampling", text, keep=arguments.recipes == RECIPES)


if __name__ == "__main__":
    main()
