"""`yt8m profile RECIPE`: where training spends its time. Measures each part of a step by training's own code."""

import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from yt8m.config import RunConfig
from yt8m.data import failures, pipeline
from yt8m.data.engine.stream import read_data
from yt8m.data.handover import as_dataset
from yt8m.data.records import read_framing
from yt8m.data.remedies import OF_TRAINING
from yt8m.data.source import Source
from yt8m.diagnosing.bottleneck import (
    Advice,
    Bound,
    StepTimes,
    advise,
    bound_by,
)
from yt8m.distribution.rates import ProductRates, is_processor_used, measure_rates
from yt8m.distribution.strategies import open_devices
from yt8m.files import make_directory
from yt8m.machine import count_cores
from yt8m.progress import SILENT, Progress
from yt8m.training.preparation import refuse_broken_ends, resolve
from yt8m.training.stepping import stream_errors, take_steps
from yt8m.training.stream import training_order
from yt8m.training.trainer import Trainer

NUM_ROUNDS = 3
"""Rounds in which the parts take turns, so that a spell of other load on the machine hits all of them."""
WINDOWS_A_ROUND = 2
WINDOW_SECONDS, LONG_SECONDS = 0.25, 2.0
MOST_SECONDS = 45.0
"""After this time no other round begins."""
TRACE_SECONDS, MOST_TRACED_STEPS = 2.0, 20
_FEW_BATCHES = 6
"""Batches that the pipeline and its distribution fetch ahead."""
_COUNTING_BATCH_SIZE = 512


@dataclass(frozen=True)
class Timing:
    """Seconds in each step that one part took."""

    first: float
    """The first step, with all that is done only once: building the graph, filling buffers."""
    median: float
    """Median of the time windows after the first step."""
    least: float
    most: float


@dataclass(frozen=True)
class Profile:
    """The times of all parts, and what they tell."""

    config: RunConfig
    """The complete configuration."""
    source: Source
    devices: tuple[str, ...]
    """Devices that compute, such as `GPU:0`."""
    timings: dict[str, Timing]
    """By the names of `StepTimes`, in the same order."""
    trace: str
    """Directory of the trace, if one was asked for."""
    rates: ProductRates | None = None
    """How fast the processor multiplies matrices, where it is the device."""

    @property
    def unit(self) -> str:
        """The kind of items in a batch."""
        return "segments" if self.source.level == "segment" else "videos"

    @property
    def copies(self) -> bool:
        """Whether batches are copied to another memory."""
        return not self.devices[0].startswith("CPU")

    @property
    def times(self) -> StepTimes:
        """The median times."""
        return StepTimes(**{name: timing.median for name, timing in self.timings.items()})

    @property
    def bound(self) -> Bound:
        """The side that the loop waits for."""
        return bound_by(self.times)

    @property
    def advice(self) -> list[Advice]:
        """Flags to change."""
        return advise(self.times, self.config, self.source, self.rates)

    @property
    def compile_seconds(self) -> float:
        """Extra seconds of the first step over later ones."""
        return max(0.0, self.timings["compute"].first - self.timings["compute"].median)

    @property
    def first_batch_seconds(self) -> float:
        """Seconds until the shuffle buffer was full and the first batch was ready."""
        return self.timings["input"].first

    def rate(self, name: str) -> float:
        """Videos, or segments, per second of a part."""
        return self.config.training.batch_size / self.timings[name].median

    def as_dict(self) -> dict[str, Any]:
        """The profile as plain JSON values."""
        stages = {
            name: {
                f"{self.unit}_per_second": round(self.rate(name), 1),
                "milliseconds_a_step": round(1e3 * timing.median, 4),
                "least_milliseconds": round(1e3 * timing.least, 4),
                "most_milliseconds": round(1e3 * timing.most, 4),
                "share": round(timing.median / self.times.loop, 4),
            }
            for name, timing in self.timings.items()
        }
        return {
            "recipe": self.config.recipe,
            "batch_size": self.config.training.batch_size,
            "devices": list(self.devices),
            "stages": stages,
            "compile_seconds": round(self.compile_seconds, 3),
            "first_batch_seconds": round(self.first_batch_seconds, 3),
            "operations_per_second": self.rates and dataclasses.asdict(self.rates),
            "bound_by": self.bound,
            "plausible": self.times.plausible,
            "advice": [dataclasses.asdict(each) for each in self.advice],
            "trace": self.trace or None,
        }


def profile(config: RunConfig, trace: str = "", progress: Progress = SILENT) -> Profile:
    """Measures reading, the whole input, transfer, the train step, and all parts together.

    This takes some ten seconds plus the time to compile; with steps of many seconds, up to two minutes.

    Args:
        config: a recipe with training records.
        trace: a directory for a profile that TensorBoard shows; empty = write nothing.
        progress: gets a line on each measurement.

    Raises:
        InputError, RecordError: see `yt8m.training.loop.train`; the directory cannot be made.
    """
    devices = open_devices(config.distribute)  # devices cannot be split after records are parsed
    # Nothing is written to the run directory, so any name works.
    config, source, _ = resolve(dataclasses.replace(config, run=config.run or "profile"), progress)
    refuse_broken_ends(source)
    trainer = Trainer(config, devices, source)
    if trace:
        make_directory(trace)
    with stream_errors(config, source):
        timings = _measure_parts(trainer, source, trace, progress)
    names = tuple(_short(device) for device in _local_devices(trainer))
    return Profile(config, source, names, timings, trace, measure_rates() if is_processor_used() else None)


def _local_devices(trainer: Trainer) -> tuple[str, ...]:
    return tuple(trainer.strategy.extended.worker_devices)


def _short(device: str) -> str:
    spec = tf.DeviceSpec.from_string(device)
    return f"{spec.device_type}:{spec.device_index}"


class _Part:
    """A part of a step, measured in turns with others.

    Args:
        do: does a number of steps, and returns when they are done. The constructor calls it once.
        buffered: steps that may be faster after a pause, because their input is ready by then.
    """

    def __init__(self, do: Callable[[int], object], buffered: int = 0):
        self._do, self._buffered, self._count = do, buffered, 1
        self._windows: list[float] = []
        self._first = self._seconds()

    def measure(self) -> None:
        """Does steps for a few time windows, or for one long window."""
        self._empty_buffers()
        started, kept = time.perf_counter(), 0
        while kept < WINDOWS_A_ROUND and not (kept and time.perf_counter() - started > LONG_SECONDS):
            seconds = self._seconds()
            if seconds > WINDOW_SECONDS / 2:
                self._windows.append(seconds / self._count)
                kept += 1
            self._count = max(1, min(4 * self._count, round(self._count * WINDOW_SECONDS / seconds)))

    def _empty_buffers(self) -> None:
        started, left = time.perf_counter(), self._buffered
        while left > 0 and time.perf_counter() - started < LONG_SECONDS:
            self._seconds()
            left -= self._count

    def _seconds(self) -> float:
        start = time.perf_counter()
        self._do(self._count)
        return time.perf_counter() - start

    @property
    def timing(self) -> Timing:
        """The times measured so far."""
        windows = self._windows
        return Timing(self._first, statistics.median(windows), min(windows), max(windows))


def _measure_parts(trainer: Trainer, source: Source, trace: str, progress: Progress) -> dict[str, Timing]:
    """Measures the timings, by the names of `StepTimes` and in the same order."""
    progress.message("reading")
    on_host, on_devices = iter(trainer.dataset(source)), trainer.batches(source)
    records = iter(_records(trainer.config, source))
    buffered = _FEW_BATCHES + count_cores()  # and one in each parsing thread
    whole = _Part(lambda count: _take(on_host, tf.constant(count)), buffered)  # first, as it reports broken records
    read = _Part(lambda count: _take(records, tf.constant(count)), buffered)
    transfer = _Part(_transfer(trainer, next(on_host)))
    progress.message("compiling the train step")
    loop = _Part(lambda count: take_steps(trainer, source, on_devices, count), buffered)
    again = itertools.repeat(next(on_devices))
    compute = _Part(lambda count: take_steps(trainer, source, again, count))
    parts = {"read": read, "input": whole, "transfer": transfer, "compute": compute, "loop": loop}
    started = time.perf_counter()
    for number in range(NUM_ROUNDS):
        if number and time.perf_counter() - started > MOST_SECONDS:
            break
        progress.message(f"measuring, round {number + 1} of {NUM_ROUNDS}")
        for part in parts.values():
            part.measure()
    if trace:
        loop.measure()  # this empties the buffers
        _trace(trainer, source, on_devices, loop.timing.median, trace)
    return {name: part.timing for name, part in parts.items()}


@tf.function(reduce_retracing=True)
def _take(batches, count: tf.Tensor) -> None:
    """Takes batches and drops them, inside TensorFlow, so that Python costs no time."""
    for _ in tf.range(count):
        next(batches)


def _records(config: RunConfig, source: Source) -> tf.data.Dataset:
    """Reads the bytes of records, as many at a time as a training batch needs."""
    size, order = config.training.batch_size, training_order(config)
    if source.level == "segment":
        size = max(1, round(size / segments_per_record(source)))
    signature = {"num_bytes": tf.TensorSpec([None], tf.int64)}
    return as_dataset(lambda: read_data(source, size, order), signature).prefetch(1)


def segments_per_record(source: Source) -> float:
    """Rated segments per record to train on, in the first file that has any."""
    for path in source.files:
        one = dataclasses.replace(source, files=(path,))
        with failures.record_errors(one, OF_TRAINING):  # these records were not measured and may be broken
            batches = pipeline.make_dataset(one, _COUNTING_BATCH_SIZE)
            num_segments = sum(int(batch["labels"].shape[0]) for batch in batches)
        if num_segments:
            return num_segments / sum(1 for _ in read_framing(path))
    raise AssertionError("the input was measured before, so there are some")


def _transfer(trainer: Trainer, batch: dict[str, tf.Tensor]) -> Callable[[int], None]:
    """Makes a function that copies a batch to the devices, to each its share."""
    devices, replicas = _local_devices(trainer), trainer.strategy.num_replicas_in_sync
    shares = list(zip(*(tf.split(value, replicas) for value in batch.values()), strict=True))

    def copy(count: int) -> None:
        for _ in range(count):
            for device, share in zip(devices, shares, strict=False):  # the other shares belong to other workers
                with tf.device(device):
                    for value in share:
                        tf.identity(value)
        tf.test.experimental.sync_devices()

    return copy


def _trace(trainer: Trainer, source: Source, batches, seconds_a_step: float, directory: str) -> None:
    """Writes a profile of some steps of the loop to `directory`/plugins/profile."""
    num_steps = max(2, min(MOST_TRACED_STEPS, round(TRACE_SECONDS / seconds_a_step)))
    with tf.profiler.experimental.Profile(directory):
        for step in range(num_steps):
            with tf.profiler.experimental.Trace("train", step_num=step, _r=1):
                take_steps(trainer, source, batches, 1)
