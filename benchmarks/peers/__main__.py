"""`make bench-peers`: the two take turns, each in a process of its own; the table goes into docs/benchmarks.md."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import documents

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
SIZES = {"clusters": 3000, "hidden": 2000, "mixtures": 5, "batch": 64, "frames": 30, "classes": 3862, "seconds": 12}
ROUNDS = 3


def _run(command: list[str], pooling: str) -> dict[str, float]:
    arguments = [*command, json.dumps(SIZES | {"pooling": pooling})]
    result = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT)
    return json.loads(result.stdout.splitlines()[-1])


def main() -> None:
    rows = []
    for pooling in ("average", "max"):
        found: dict[str, list[dict[str, float]]] = {"theirs": [], "ours": []}
        for turn in range(ROUNDS):
            print(f"pooling {pooling}, turn {turn + 1} of {ROUNDS} ...", file=sys.stderr, flush=True)
            found["theirs"].append(_run([str(PYTHON), "benchmarks/peers/model_garden.py"], pooling))
            found["ours"].append(_run([sys.executable, "-m", "benchmarks.peers.ours"], pooling))
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
