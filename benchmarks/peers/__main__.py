"""`make bench-peers`: the two take turns, each in a process of its own; the table goes into docs/benchmarks.md."""

import json
import statistics
import subprocess
import sys

from benchmarks import documents, processes
from benchmarks.sizes import ROOT, parser_of, sized

PYTHON = ROOT / ".venv-peers" / "bin" / "python"
SIZES = {"clusters": 3000, "hidden": 2000, "mixtures": 5, "batch": 64, "frames": 30, "classes": 3862, "seconds": 12}
SIZES |= sized({}, {"clusters": 16, "hidden": 8, "batch": 4, "classes": 20, "seconds": 0.1})
ROUNDS = sized(3, 1)


def _theirs(settings: str) -> str:
    command = [str(PYTHON), "benchmarks/peers/model_garden.py", settings]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout.splitlines()[-1]


def _ours(settings: str) -> str:
    return processes.last_line("benchmarks.peers.ours", settings)


def main() -> None:
    parser_of("benchmarks.peers", __doc__).parse_args()
    rows = []
    for pooling in ("average", "max"):
        found: dict[str, list[dict[str, float]]] = {"theirs": [], "ours": []}
        for turn in range(ROUNDS):
            print(f"pooling {pooling}, turn {turn + 1} of {ROUNDS} ...", file=sys.stderr, flush=True)
            settings = json.dumps(SIZES | {"pooling": pooling})
            found["theirs"].append(json.loads(_theirs(settings)))
            found["ours"].append(json.loads(_ours(settings)))
        ratio = statistics.median(
            ours["rate"] / theirs["rate"] for ours, theirs in zip(found["ours"], found["theirs"], strict=True)
        )
        theirs, ours = (statistics.median(each["rate"] for each in found[name]) for name in ("theirs", "ours"))
        counts = [f"{found[name][0]['parameters'] / 1e6:.2f} M" for name in ("theirs", "ours")]
        rows.append([pooling, *counts, f"{theirs:.1f}", f"{ours:.1f}", f"{ratio:.2f}"])
    header = ["pooling", "parameters, theirs", "ours", "videos/s, theirs", "ours", "ours / theirs"]
    documents.write("make bench-peers", documents.table(header, rows))


if __name__ == "__main__":
    main()
