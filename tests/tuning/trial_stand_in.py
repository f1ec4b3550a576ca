"""Stands for `yt8m train` as a trial: scores by a formula, a step every few milliseconds, a run directory like the real one's.

It goes on from its checkpoint, saves at SIGTERM and ends with 2 then. Each start leaves a line in `starts`. The variable ENDS has
a word for each trial, how it ends: well, crash, kill, refuse, nothing. Where the variable HELD is set, a trial stops in its
middle until it finds the file `released` in its directory, so that no test depends on which of two processes is quicker.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

VALIDATE_EVERY = 5
SECONDS_A_STEP = 0.01
SECONDS_HELD = 120


def score_of(learning_rate: float, step: int) -> float:
    """Rises with the steps, and towards low learning rates."""
    return (1 - learning_rate) * step / (step + 10)


def flag(name: str, default: str = "") -> str:
    words = sys.argv
    return words[words.index(name) + 1] if name in words else default


def main() -> None:
    run = Path(flag("--run"))
    run.mkdir(parents=True, exist_ok=True)
    rate, num_steps = float(flag("--training.learning-rate")), int(flag("--training.num-steps"))
    checkpoint = run / "checkpoint"
    first = int(checkpoint.read_text()) if checkpoint.exists() else 0
    with (run / "starts").open("a") as file:
        file.write(json.dumps({"pid": os.getpid(), "step": first, "environment": dict(os.environ)}) + "\n")
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    ends = dict(enumerate(os.environ.get("ENDS", "").split())).get(int(run.name), "well")
    print("yt8m: this is no error", flush=True)
    for step in range(first + 1, num_steps + 1):
        time.sleep(SECONDS_A_STEP)
        fail(ends)
        if step % VALIDATE_EVERY == 0 and ends != "nothing":
            with (run / "metrics.jsonl").open("a") as file:
                file.write(json.dumps({"kind": "train", "step": step, "loss": 1.0}) + "\n")
                file.write(json.dumps({"kind": "validation", "step": step, "gap": score_of(rate, step)}) + "\n")
        if step == num_steps // 2 and "HELD" in os.environ:
            hold(run, stopping)
        if stopping:
            checkpoint.write_text(str(step))
            sys.exit(2)


def hold(run: Path, stopping: list[bool]) -> None:
    end = time.monotonic() + SECONDS_HELD
    while not stopping and not (run / "released").exists():
        if time.monotonic() > end:
            print("yt8m: nobody released this trial")
            sys.exit(2)
        time.sleep(SECONDS_A_STEP)


def fail(ends: str) -> None:
    if ends == "crash":
        raise RuntimeError("a bug")
    if ends == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if ends == "refuse":
        print("yt8m: train.tfrecord, record 7: is broken")
        sys.exit(2)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError:
        print("Traceback ...\nRuntimeError: a bug\nyt8m: this is a bug of ours; please report it with the lines above")
        sys.exit(1)
