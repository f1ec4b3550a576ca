"""Tells from the times of its parts what training waits for, and which flags change it."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from yt8m.config import RunConfig
from yt8m.data.source import Source
from yt8m.data.sources import scheme
from yt8m.distribution.rates import ProductRates

Bound = Literal["input", "compute", "balanced"]

_LEAD = 0.2
"""How much longer one side must take than the other to bound the loop, as a share of the loop's step."""
_TOLERANCE = 0.25
"""How much longer a part alone may take than all parts together, as a share."""
_FEW_FRAMES = 8
_WORTHWHILE = 1.5
"""How many times as fast products in bfloat16 must be to try them: a step does other things, too."""


@dataclass(frozen=True)
class StepTimes:
    """Seconds in each step, with each part measured alone. `input` includes `read`."""

    read: float
    """Reading as many serialized records as a batch needs."""
    input: float
    """The whole input pipeline: reading, parsing, sampling, batching."""
    transfer: float
    """Copying a batch from the host's memory to the devices' memory."""
    compute: float
    """The train step on a batch that is already on the devices."""
    loop: float
    """All parts together, as in training."""

    @property
    def delivery(self) -> float:
        """Seconds until the next batch is on the devices. Batches are copied while others are read."""
        return max(self.input, self.transfer)

    @property
    def plausible(self) -> bool:
        """False if a part alone took much longer than all parts together: the machine was busier then."""
        return max(self.delivery, self.compute) <= (1 + _TOLERANCE) * self.loop


@dataclass(frozen=True)
class Advice:
    """A flag to change, and the reason."""

    flag: str
    value: str
    """The value to give; empty for a switch."""
    present: str
    reason: str


def bound_by(times: StepTimes) -> Bound:
    """Tells which side the loop waits for.

    A faster input could save at most the loop's time minus the computation's time, and the other way round. These two
    savings differ by the difference between both sides' times. So this difference tells which side to speed up. It does so
    whether the sides run in parallel, as with a GPU, or share the same cores.
    """
    lead = (times.delivery - times.compute) / times.loop
    if lead >= _LEAD:
        return "input"
    return "compute" if lead <= -_LEAD else "balanced"


def advise(times: StepTimes, config: RunConfig, source: Source, rates: ProductRates | None = None) -> list[Advice]:
    """Advises what to change, most promising first. If neither side leads, there is advice for both.

    Args:
        times: measured times.
        config: a complete configuration.
        source: the training records.
        rates: of matrix products; None on a device other than the processor.
    """
    bound = bound_by(times)
    for_input, for_compute = list(_for_input(times, config, source)), list(_for_compute(config, source, rates))
    if bound == "balanced":
        return for_input[:2] + for_compute[:2]
    return for_input if bound == "input" else for_compute


def _for_input(times: StepTimes, config: RunConfig, source: Source) -> Iterator[Advice]:
    if times.transfer > times.input:
        yield from _fewer_frames(config, source, "less is copied to the device")
        return
    if source.as_means:
        reason = "hold the means of the frames, which are taken anew in every step now"
        yield Advice("--data.train", "VIDEO-LEVEL-RECORDS", source.files[0], reason)
    if config.data.service:
        yield from _fewer_frames(config, source, "what is not sampled is neither decoded nor sent")
        reason = "more workers, on cores that are idle"
        yield Advice("yt8m data-service --role worker --dispatcher", config.data.service, "those that run", reason)
        return
    reading = _for_reading(config, source)
    parsing = _fewer_frames(config, source, "what is not sampled is not decoded")
    yield from itertools.chain(*((reading, parsing) if times.read > times.input / 2 else (parsing, reading)))
    reason = "of a `yt8m data-service`: other machines read and parse for this one"
    yield Advice("--data.service", "ADDRESS", "none", reason)


def _for_reading(config: RunConfig, source: Source) -> Iterator[Advice]:
    at_a_time, count = config.data.parallel_files, len(source.files)
    remote = scheme(source.files[0])
    if remote:
        yield Advice("--data.train", "LOCAL-COPY", f"{remote}://", "a local disk is faster than most networks")
    if count > at_a_time:
        value = str(min(count, 2 * at_a_time))
        reason = "more reads at a time hide the waits of a disk or a network"
        yield Advice("--data.parallel-files", value, str(at_a_time), reason)
    elif count < at_a_time:
        reason = f"the same records in {at_a_time} files or more, as so many are read at a time"
        yield Advice("--data.train", "MORE-FILES", f"{count} file{'s' * (count > 1)}", reason)
    if config.data.deterministic:
        yield Advice("--data.no-deterministic", "", "deterministic", "a file that stalls holds no other up then")


def _fewer_frames(config: RunConfig, source: Source, reason: str) -> Iterator[Advice]:
    """Advice for models of frames."""
    data = config.data
    shown = data.num_frames or data.max_frames
    if source.level == "frame" and not source.as_means and shown > _FEW_FRAMES:
        present = str(shown) if data.num_frames else f"0: all, up to {shown}"
        yield Advice("--data.num-frames", str(shown // 2), present, reason)
    of_video = data.context_num_frames
    if source.context == "video" and of_video > _FEW_FRAMES:
        yield Advice("--data.context-num-frames", str(of_video // 2), str(of_video), reason)


def _for_precision(present: str, rates: ProductRates | None) -> Iterator[Advice]:
    if rates is None:
        faster, reason = "mixed_bfloat16", "matrix products are much faster where the device has bfloat16"
    else:
        faster = "mixed_bfloat16" if rates.gain >= _WORTHWHILE else "float32" if rates.gain < 1.0 else present
        reason = f"matrix products: {rates}"
    if present != faster:
        yield Advice("--training.precision", faster, present, reason)


def _for_compute(config: RunConfig, source: Source, rates: ProductRates | None) -> Iterator[Advice]:
    training, teacher = config.training, config.distill.teacher
    yield from _for_precision(training.precision, rates)
    if not training.xla and not training.synchronised_batch_normalisation:
        yield Advice("--training.xla", "", "off", "the compiled step passes over memory less often, and starts later")
    pieces = training.gradient_accumulation
    if pieces > 1:
        fewer = next(count for count in range(pieces // 2, 0, -1) if pieces % count == 0)
        yield Advice("--training.gradient-accumulation", str(fewer), str(pieces), "larger pieces, if they fit")
    size = training.batch_size
    reason = "keeps the device busier, if it fits; the learning rate may have to follow"
    yield Advice("--training.batch-size", str(2 * size), str(size), reason)
    yield from _fewer_frames(config, source, "less to compute")
    if os.path.isdir(teacher) and source.level != "segment":
        reason = "written once by `yt8m predict`, in place of the teacher's computation in every step"
        yield Advice("--distill.teacher", "FILE.csv", teacher, reason)
