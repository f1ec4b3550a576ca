"""Shows the progress of training and of other work, and prints messages."""

import sys
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from tqdm import tqdm

from yt8m.commands.bars import SECONDS_BETWEEN_LINES, Meter, open_bar
from yt8m.commands.flags import renamed
from yt8m.commands.terminal import explain, has_bars, log, say
from yt8m.metrics.registry import in_words, primary, task_of
from yt8m.progress import Progress

if TYPE_CHECKING:
    from yt8m.config import RunConfig

SECONDS_BETWEEN_LINES_OF_DOWNLOADS = 60.0


class TrainingProgress(Progress):
    """Shows a bar of the steps, or else a line now and then, and a line for each validation."""

    def __init__(self):
        self._bar: tqdm | None = None
        self._score = ""
        self._num_steps = 0
        self._batch_size = 0
        self._next_line = 0.0
        self.started = False
        """Whether there is something to save if training is stopped."""

    def training_started(self, config: "RunConfig", step: int) -> None:
        self.started = True
        self.close()  # of the fold before
        self._num_steps, self._batch_size = config.training.num_steps, config.training.batch_size
        if step and step < self._num_steps:
            self.message(f"{config.run}: going on after step {step} of {self._num_steps}")
        if has_bars():
            description = config.recipe or config.model.name
            self._bar = open_bar(total=self._num_steps, initial=step, desc=description, unit="step")

    def steps_done(self, step: int, loss: float, videos_per_second: float) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.3f}, {videos_per_second:.0f} videos/s{self._score}", refresh=False)
            self._bar.update(step - self._bar.n)
        elif time.monotonic() >= self._next_line or step == self._num_steps:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            seconds = (self._num_steps - step) * self._batch_size / max(videos_per_second, 1e-9)
            left = tqdm.format_interval(seconds)
            self._write(
                f"step {step}/{self._num_steps}, loss {loss:.3f}, {videos_per_second:.0f} videos/s{self._score}, {left} left"
            )

    def validated(self, step: int, metrics: dict[str, float], is_best: bool) -> None:
        task = task_of(metrics)
        assert task is not None, "a validation has scores"
        main, scores = primary(task), in_words(metrics, ["always"])
        self._score = f", {main.title} {main.text(metrics[main.key])}"
        best = " (best so far)" if is_best else ""
        self._write(f"validation at step {step}: {scores}, loss {metrics['loss']:.3f}{best}")

    def message(self, text: str) -> None:
        self._write(text)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _write(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            log(line)


class WorkProgress(Progress):
    """Shows a bar for each piece of work, or else a line now and then.

    Args:
        seconds_between_lines: the interval of the lines.
        flags: what messages name, and what they are to name in its place (`yt8m.commands.flags.renamed`).
    """

    def __init__(
        self, seconds_between_lines: float = SECONDS_BETWEEN_LINES, flags: Mapping[str, str] = MappingProxyType({})
    ):
        self._gap, self._flags = seconds_between_lines, flags
        self._meter: Meter | None = None

    def start(self, work: str, unit: str, done: int = 0, total: int | None = None) -> None:
        self._meter = Meter(work, unit, done=done, total=total, seconds_between_lines=self._gap)

    def advance(self, count: int, total: int | None = None) -> None:
        if self._meter is not None:
            self._meter.advance(count, total)

    def note(self, text: str) -> None:
        if self._meter is not None:
            self._meter.note(text)

    def end(self) -> None:
        if self._meter is not None:
            self._meter.close()
            self._meter = None

    def message(self, text: str) -> None:
        say(renamed(text, self._flags))


class Explanations(Progress):
    """Prints messages even with `--quiet`: they say why a command ends with a status other than 0."""

    def message(self, text: str) -> None:
        explain(text)
