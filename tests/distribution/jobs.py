"""What each of two workers does in tests/distribution/test_workers.py, which starts them with `TF_CONFIG`.

Arguments: the directory to work in, and the sample. Every worker leaves `worker-INDEX.json` there.
"""

import contextlib
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

from small_runs import configure

from yt8m.config import DistributeConfig
from yt8m.distribution.devices import Stopped
from yt8m.distribution.strategies import open_devices
from yt8m.errors import InputError
from yt8m.predicting.prediction import predict
from yt8m.scoring.evaluation import evaluate
from yt8m.training import curves
from yt8m.training.loop import train
from yt8m.training.trainer import new_job_name

MODEL, SIZES = "dbof", {"num_clusters": 8, "hidden_size": 8, "head": "logistic", "l2": 0.01}
TRAINING = {
    "num_steps": 50,
    "batch_size": 8,
    "validate_every_steps": 25,
    "synchronised_batch_normalisation": True,
    "epsilon": 1e-3,  # or a gradient that is rounding alone would move its weight at full rate
}
DATA = {"num_frames": 5, "shard": "record"}


def run_of(place, sample):
    return configure(place, sample, MODEL, SIZES, DATA, validate=True, **TRAINING)


def outcome(work) -> str:
    """How a piece of work ended."""
    try:
        return repr(work())
    except (InputError, Stopped) as error:
        return f"{type(error).__name__}: {error}"


def fail(devices, worker: int, error: Exception):
    if devices.worker == worker:
        raise error
    return devices.worker


def slowly(items):
    yield from items


def agreements(devices) -> dict:
    """What the workers tell each other, from values that differ by worker."""
    worker = devices.worker

    def broken():
        yield 1
        raise InputError("record 3 is broken")

    def count(items, stop=False):
        return sum(1 for _ in devices.stoppable(items, lambda: stop))

    return {
        "largest": devices.largest(worker, -worker),
        "gathered": devices.gather({"worker": worker, "text": "x" * 10 ** (2 * worker)}),
        "together": devices.together(lambda: 10 + worker),
        "on_chief": devices.on_chief(lambda: f"by {worker}"),
        "failed": outcome(lambda: devices.together(lambda: fail(devices, 1, InputError("no such file")))),
        "failed_on_chief": outcome(lambda: devices.on_chief(lambda: fail(devices, 0, InputError("disk is full")))),
        "uneven": devices.together(lambda: count(iter(range(3 + 1000 * worker)))),
        "nothing": devices.together(lambda: count(iter(range(5 * worker)))),
        "stopped": outcome(lambda: devices.together(lambda: count(iter(range(9)), stop=worker == 1))),
        "broken": outcome(lambda: devices.together(lambda: count(broken() if worker == 1 else iter(range(9))))),
    }


def endings(devices) -> dict[str, list[float]]:
    """When this worker asked the others for the last time, and when it was free to end; the chief is a second late."""

    def times(work) -> list[float]:
        with contextlib.suppress(InputError), devices.lost_workers():
            try:
                work()
            finally:
                time.sleep(float(devices.is_chief))
                asked = time.monotonic()
        return [asked, time.monotonic()]

    return {
        "done": times(lambda: devices.largest(1)),
        "failed": times(lambda: devices.together(lambda: fail(devices, 1, InputError("no such file")))),
    }


def main() -> None:
    place, sample = Path(sys.argv[1]), sys.argv[2]
    devices = open_devices(DistributeConfig())
    found = {"agreements": agreements(devices), "endings": endings(devices)}
    found["job_names"] = [new_job_name("run", devices) for _ in range(2)]
    curves.plot = lambda rows, path, best_step: None  # drawing takes a second
    result = train(run_of(place / "run", sample))
    found["best"] = result.best_metrics
    one = str(place / "one")  # trained before, by one process
    validation = [f"{sample}/2/frame/validate"]
    found["metrics"] = evaluate(one, validation)
    found["metrics_of_one_file"] = evaluate(one, sorted(map(str, Path(validation[0]).glob("*")))[:1])
    # One part, whose records are shared out; then as many parts as files.
    predict(one, validation, place / "shares.csv", stored=place / "shares")
    from yt8m.predicting import run_predictions

    run_predictions.PART_BYTES = 1
    predict(one, validation, place / "parts.csv", stored=place / "parts")
    (place / f"worker-{devices.worker}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
