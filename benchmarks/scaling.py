"""`make bench-scaling`: one and two workers, checkpoints, going on, and our loop; the table goes into docs/benchmarks.md.

Needs the sample data. Everything that is compared is measured in turns in one run: the machines are shared.
"""

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from benchmarks import documents
from benchmarks.sizes import ROOT, SAME_SIZE, parser_of, sized
from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.data import pipeline
from yt8m.data.options import Frames, Order, Portion
from yt8m.data.schema import WHOLE, Share
from yt8m.data.service.servers import Servers
from yt8m.distribution.cluster import as_tf_config
from yt8m.distribution.launching import free_addresses
from yt8m.distribution.strategies import open_devices
from yt8m.models import make_architecture
from yt8m.progress import Progress
from yt8m.runs.checkpoints import Checkpoints
from yt8m.training.loop import train
from yt8m.training.preparation import resolve
from yt8m.training.trainer import Trainer

SAMPLE = ROOT / "data" / "sample"
REPEATS = sized(3, 1)
SECONDS = sized(10.0, 0.1)
"""That a rate is taken over, after a start that is not counted."""
RESUMED_STEPS = sized(10_000, 10)


KINDS = sized(("reading", "training", "training, large batch"), ("reading", "training"))
LARGE_BATCH = sized(512, 16)
LISTED_TIMES = sized(50, 4)
MODEL = sized(
    {"num_clusters": 16, "hidden_size": 128},
    {"num_clusters": 2, "hidden_size": 8, "head": "logistic", "context_gating": False, "probability_gating": False},
)


def configure(data: Path, run: Path, batch_size: int = 64, **training) -> RunConfig:
    """The sample recipe's model, smaller."""
    model = make_architecture("netvlad", **MODEL)
    paths = {"train": (str(data / "2" / "frame" / "train"),)}
    values = {
        "batch_size": batch_size,
        "num_steps": 1_000_000,
        "validate_every_steps": 0,
        "checkpoint_every_steps": 1_000_000,
    }
    return RunConfig(
        run=str(run),
        model=model,
        data=DataConfig(num_classes=60, num_frames=32, max_frames=150, **paths),
        training=TrainingConfig(**values | training),
    )


class Rate(Progress):
    """Videos a second of training, from the first call after compiling until `SECONDS` later."""

    def __init__(self, batch_size: int):
        self._batch_size, self._first, self.rate = batch_size, None, 0.0

    def steps_done(self, step, loss, videos_per_second):
        now = time.perf_counter()
        if self._first is None:
            self._first = (now, step)
        since, first = self._first
        if now > since:
            self.rate = (step - first) * self._batch_size / (now - since)
        self._last = now

    def stop_requested(self) -> bool:
        return self._first is not None and self._last - self._first[0] >= SECONDS


def reading_rate(config: RunConfig, shard: Share = WHOLE, service: str = "") -> float:
    """Videos a second of a worker's share of the input."""
    _, source, _ = resolve(config)
    # An epoch of the sample is over in a fifth of a second, and a data service takes a second to begin the next one.
    source = dataclasses.replace(source, files=source.files * LISTED_TIMES)
    dataset = pipeline.make_dataset(
        source,
        64,
        Frames(num_frames=32, max_frames=150),
        Order(shuffle=True, repeat=True, drop_remainder=True),
        Portion(shard=shard, service=service),
    )
    batches, count = iter(dataset), 0
    next(batches)
    start = time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        next(batches)
        count += 64
    return count / (time.perf_counter() - start)


def work(kind: str, data: Path, index: int, count: int) -> float:
    """What one process measures, on a core of its own."""
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[index]})
    with tempfile.TemporaryDirectory() as place:
        shared = Path(os.environ.get("SHARED_RUN", place)) / "run"
        config = configure(data, shared, LARGE_BATCH if kind == "training, large batch" else 64)
        if kind == "reading":
            return reading_rate(config, Share(index, count))
        rate = Rate(config.training.batch_size)
        train(config, rate, rate.stop_requested)
        return rate.rate


def in_workers(kind: str, data: Path, count: int) -> float:
    """Videos a second of some processes together."""
    addresses = free_addresses(count)
    with tempfile.TemporaryDirectory() as shared:
        workers = []
        for index in range(count):
            environment = os.environ | {"SHARED_RUN": shared}
            if kind != "reading" and count > 1:
                environment["TF_CONFIG"] = as_tf_config(addresses, index)
            command = [
                sys.executable,
                "-m",
                "benchmarks.scaling",
                "--data",
                str(data),
                "--work",
                kind,
                str(index),
                str(count),
                *SAME_SIZE,
            ]
            workers.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE))
        rates = [json.loads(worker.communicate()[0].splitlines()[-1]) for worker in workers]
    return sum(rates) if kind == "reading" else rates[0]


def service_rates(data: Path) -> tuple[float, float]:
    """Videos a second of this process's own input, and of a data service with two workers on the same cores."""
    with tempfile.TemporaryDirectory() as place:
        config = configure(data, Path(place) / "run")
        with Servers("both", 2, "", 0, "", "") as servers:
            return reading_rate(config), reading_rate(config, service=servers.dispatcher)


def overhead(data: Path) -> tuple[float, float]:
    """Videos a second of `train`, and of a function of one step that is called again and again."""
    with tempfile.TemporaryDirectory() as place:
        config = configure(data, Path(place) / "run")
        rate = Rate(config.training.batch_size)
        train(config, rate, rate.stop_requested)
        config, source, _ = resolve(config)
        trainer = Trainer(config, open_devices(), source)
        batches = trainer.batches(source)

        @tf.function
        def step(batch):
            return trainer.strategy.run(trainer._replica_step, args=(batch,))

        step(next(batches))
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS:
            step(next(batches))
            count += 1
        return rate.rate, count * config.training.batch_size / (time.perf_counter() - start)


class CheckpointCost(NamedTuple):
    """What a checkpoint takes."""

    seconds_to_save: float
    seconds_to_restore: float
    megabytes: float


def checkpoint_cost(data: Path) -> CheckpointCost:
    """The median of some rounds."""
    with tempfile.TemporaryDirectory() as place:
        config, source, _ = resolve(configure(data, Path(place) / "run"))
        trainer = Trainer(config, open_devices(), source)
        directory = Path(place) / "checkpoints"
        checkpoints = Checkpoints(directory, trainer.model, trainer.optimizer, trainer.counters, keep=2)
        saving, restoring = [], []
        for step in range(1, REPEATS + 2):
            start = time.perf_counter()
            checkpoints.save(step)
            saving.append(time.perf_counter() - start)
            start = time.perf_counter()
            checkpoints.restore()
            restoring.append(time.perf_counter() - start)
        size = sum(path.stat().st_size for path in directory.glob(f"ckpt-{REPEATS + 1}.*"))
        return CheckpointCost(statistics.median(saving[1:]), statistics.median(restoring[1:]), size / 1e6)


def first_batch_seconds(data: Path, steps: int) -> float:
    """Seconds until a run that did so many steps has its next batch."""
    with tempfile.TemporaryDirectory() as place:
        config, source, _ = resolve(configure(data, Path(place) / "run"))
        trainer = Trainer(config, open_devices(), source)
        trainer.step.assign(steps)
        start = time.perf_counter()
        next(trainer.batches(source))
        return time.perf_counter() - start


def measure(data: Path) -> str:
    """The table."""
    rows = []
    for kind in KINDS:
        pairs = [(in_workers(kind, data, 1), in_workers(kind, data, 2)) for _ in range(REPEATS)]
        one, two = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(second / first for first, second in pairs)
        size = {"training": " of 64 videos", "training, large batch": f" of {LARGE_BATCH}"}.get(kind, "")
        what = f"{kind.partition(',')[0]}{size and ', batches' + size}, 1 and 2 workers"
        rows.append([what, f"{one:,.0f} and {two:,.0f} videos/s", f"{ratio:.2f} times; ideal 2"])
    pairs = [service_rates(data) for _ in range(REPEATS)]
    here, there = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(second / first for first, second in pairs)
    rows.append(
        [
            "reading here, and by a data service",
            f"{here:,.0f} and {there:,.0f} videos/s",
            f"{ratio:.2f} times; the same cores",
        ]
    )
    ratios = [bare / ours - 1 for ours, bare in (overhead(data) for _ in range(REPEATS))]
    rows.append(["our loop over a bare step function", "", f"{statistics.median(ratios):+.1%} time; aim below 2 %"])
    cost = checkpoint_cost(data)
    seconds = f"{cost.seconds_to_save:.2f} s to save, {cost.seconds_to_restore:.2f} s to restore"
    rows.append([f"a checkpoint of {cost.megabytes:.0f} MB", seconds, ""])
    fresh, resumed = first_batch_seconds(data, 0), first_batch_seconds(data, RESUMED_STEPS)
    rows.append(
        [f"first batch after {RESUMED_STEPS:,} steps of 64", f"{resumed:.1f} s", f"{fresh:.1f} s of a run that begins"]
    )
    return documents.table(["", "measured", "against"], rows)


def main() -> None:
    parser = parser_of("benchmarks.scaling", __doc__)
    parser.add_argument("--data", type=Path, default=SAMPLE)
    parser.add_argument(
        "--work", nargs=3, metavar=("KIND", "INDEX", "COUNT"), help="what one of its processes measures"
    )
    arguments = parser.parse_args()
    if arguments.work:
        kind, index, count = arguments.work
        print(json.dumps(work(kind, arguments.data, int(index), int(count))))
        return
    documents.write("scaling", measure(arguments.data))


if __name__ == "__main__":
    main()
