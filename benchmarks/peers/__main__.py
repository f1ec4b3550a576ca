"""`make bench-peers`: steps take turns with the roof, each in a process of its own; tables go into docs/benchmarks.md."""

import functools
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping

from benchmarks import documents, processes
from benchmarks.peers.roof import Rates, needs
from benchmarks.sizes import ROOT, parser_of, sized

PYTHON = ROOT / ".venv-peers" / "bin" / "python"
DBOF = {"model": "dbof", "clusters": 3000, "hidden": 2000, "mixtures": 5, "batch": 64, "frames": 30}
DBOF |= sized({}, {"clusters": 16, "hidden": 8, "batch": 4})
MOE = {"model": "moe", "mixtures": 2, "batch": sized(256, 4)}
SHARED = {"classes": sized(3862, 20), "seconds": sized(8, 0.1)}
ROUNDS = sized(3, 1)
PRECISIONS = ("float32", "mixed_bfloat16")
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
"""Whether TensorFlow uses oneDNN. By default it does where a processor has AVX-512; `import yt8m` turns it on everywhere."""
PEERS = {"theirs, without oneDNN": {ONEDNN: "0"}, "theirs, with oneDNN": {ONEDNN: "1"}}
"""Variables of a peer's process."""


def _garden(settings: dict, environment: Mapping[str, str]) -> str:
    command = [str(PYTHON), "benchmarks/peers/model_garden.py", json.dumps(settings)]
    made = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | environment
    )
    return made.stdout.splitlines()[-1]


def _starter(settings: dict, environment: Mapping[str, str]) -> str:
    return processes.last_line("benchmarks.peers.starter", json.dumps(settings), environment=environment)


def _ours(settings: dict) -> str:
    return processes.last_line("benchmarks.peers.ours", json.dumps(settings))


def _roof() -> Rates:
    return Rates(**json.loads(processes.last_line("benchmarks.peers.roof")))


def _rows(name: str, settings: dict, theirs: Callable[[dict, Mapping[str, str]], str]) -> list[list[str]]:
    """Rows of the table, of the peer in each environment and of ours in each precision."""
    measures = {each: functools.partial(theirs, settings, variables) for each, variables in PEERS.items()}
    measures |= {f"ours, {each}": functools.partial(_ours, settings | {"precision": each}) for each in PRECISIONS}
    found: dict[str, list[dict[str, float]]] = {each: [] for each in measures}
    for turn in range(ROUNDS):
        print(f"{name}, turn {turn + 1} of {ROUNDS} ...", file=sys.stderr, flush=True)
        rates = _roof()
        for each, measure in measures.items():
            step = json.loads(measure())
            least = needs(settings, step["parameters"])
            step["roof"] = settings["batch"] / least.seconds(rates)
            step["cpu_roof"] = 1e6 * least.cpu_seconds(rates) / settings["batch"]
            found[each].append(step)
    return [[name, *_cells(each, found[each], *(found[peer] for peer in PEERS))] for each in measures]


def _cells(label: str, steps: list[dict[str, float]], *peers: list[dict[str, float]]) -> list[str]:
    """Medians of the rounds; ratios, to each peer, are medians of the rounds' ratios."""

    def median(values) -> float:
        return statistics.median(values)

    pairs = [list(zip(steps, theirs, strict=True)) for theirs in peers]
    return [
        label,
        f"{steps[0]['parameters'] / 1e6:.2f} M",
        f"{median(step['rate'] for step in steps):,.0f}",
        *(f"{median(step['rate'] / their['rate'] for step, their in each):.2f}" for each in pairs),
        f"{median(step['cpu'] for step in steps):,.0f}",
        *(f"{median(their['cpu'] / step['cpu'] for step, their in each):.2f}" for each in pairs),
        f"{median(step['cpu_roof'] for step in steps):,.0f}",
        f"{median(step['rate'] / step['roof'] for step in steps):.2f}",
        f"{median(step['cpu_roof'] / step['cpu'] for step in steps):.2f}",
    ]


def main() -> None:
    parser_of("benchmarks.peers", __doc__).parse_args()
    rows = _rows("`moe`, and the starter's graph", MOE | SHARED, _starter)
    for pooling in ("average", "max"):
        rows += _rows(f"DBoF, {pooling} pooling, and TF Model Garden's", DBOF | SHARED | {"pooling": pooling}, _garden)
    header = ["step", "", "parameters", "videos/s", "ours / theirs", "with oneDNN", "CPU us a video", "theirs / ours"]
    header += ["with oneDNN", "CPU us at the roof", "of the roof, by the clock", "of the roof, CPU"]
    documents.write("make bench-peers", documents.table(header, rows))


if __name__ == "__main__":
    main()
