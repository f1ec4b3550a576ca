"""`make bench`: measures, prints a table, and writes it into docs/benchmarks.md between its marks."""

import json
import os
import platform
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import data, documents, metrics, places, processes
from benchmarks.sizes import parser_of, sized
from yt8m.recipes import list_recipes

FRAME_RECIPES = sized(("frame_logistic", "dbof", "netvlad", "sample"), ("frame_logistic",))
VIDEO_RECIPES = sized(("logistic", "moe"), ("logistic",))
STEP_RECIPES = sized(list_recipes(), ["moe", "frame_logistic"])


def _metrics_table(rates: dict[str, float]) -> str:
    naive = rates["naive loop"]
    rows = [[name, f"{rate:,.0f}", f"{rate / naive:.1f}"] for name, rate in rates.items()]
    return documents.table(["metrics (3862 classes)", "videos/s", "times the loop"], rows)


def _places_table(times: dict[str, tuple[float, float]]) -> str:
    rows = [[name, f"{naive:.0f}", f"{ours:.0f}", f"{naive / ours:.1f}"] for name, (naive, ours) in times.items()]
    return documents.table(["heavy place: as first written; as it is here", "ms", "ms", "times faster"], rows)


def _model_rows(recipes: tuple[str, ...], files: list[str]) -> list[list[str]]:
    rows = []
    for recipe in recipes:
        print(f"measuring {recipe} ...", file=sys.stderr, flush=True)
        found = json.loads(processes.last_line("benchmarks.model", recipe, *files))
        share = f"{found['evaluate'] / found['read']:.2f}"
        rates = [f"{found[key]:,.0f}" for key in ("train", "read", "evaluate", "predict")]
        rows.append([recipe, f"{found['parameters']:.1f} M", str(found["batch"]), *rates, share])
    return rows


def _step_table() -> str:
    rows = []
    for recipe in STEP_RECIPES:
        print(f"measuring a step of {recipe} ...", file=sys.stderr, flush=True)
        found = json.loads(processes.last_line("benchmarks.step", recipe))
        sizes = [f"{found['parameters']:.1f} M", str(found["batch"]), str(found["frames"] or "-")]
        rate = found["batch"] / found["seconds"]
        rows.append([f"`{recipe}`", *sizes, f"{found['seconds']:.2f}", f"{rate:,.0f}", f"{found['memory']:.1f}"])
    header = ["train step", "parameters", "batch", "frames", "seconds", "videos/s", "peak GB"]
    return documents.table(header, rows)


def main() -> None:
    parser_of("benchmarks", __doc__).parse_args()
    with tempfile.TemporaryDirectory() as directory:
        print("making the records ...", file=sys.stderr, flush=True)
        frames, videos = data.write_frame_level(Path(directory)), data.write_video_level(Path(directory))
        print("measuring metrics ...", file=sys.stderr, flush=True)
        metric_rates = metrics.measure()
        print("measuring heavy places ...", file=sys.stderr, flush=True)
        places_times = places.measure()
        rows = _model_rows(FRAME_RECIPES, frames)
        rows += _model_rows(VIDEO_RECIPES, videos)
    header = [
        "recipe",
        "parameters",
        "batch",
        "train step",
        "read",
        "evaluate",
        "predict",
        "evaluate of read",
    ]
    text = "\n\n".join(
        [
            f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}. Videos a second.",
            _metrics_table(metric_rates),
            _places_table(places_times),
            documents.table(header, rows),
            _step_table(),
        ]
    )
    documents.write("make bench", text)


if __name__ == "__main__":
    main()
