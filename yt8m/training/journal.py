"""Writes what training says to `log.txt` in the run directory, too."""

import contextlib
import time
from collections.abc import Iterator
from typing import IO, Any

from yt8m.metrics.registry import in_words
from yt8m.progress import Progress
from yt8m.runs import RunDirectory
from yt8m.runs.starts import Ending

_SECONDS_BETWEEN_STEPS = 60.0
_MOST_WAITING = 1000
"""Lines to keep for the file until the run directory is open."""


class Journal(Progress):
    """Passes on all events of a training. Lines go to the log once `open` was called, also those from before.

    Args:
        progress: gets all events.
    """

    def __init__(self, progress: Progress):
        self._progress = progress
        self._file: IO[str] | None = None
        self._waiting: list[str] = []
        self._next_steps, self._num_steps = 0.0, 0

    @contextlib.contextmanager
    def open(self, run: RunDirectory, ending: Ending) -> Iterator[None]:
        """Writes to the log of a run during the block. It ends with how the start ended, or with its error."""
        with run.log.open("a", encoding="utf-8", errors="backslashreplace") as self._file:
            waiting, self._waiting = self._waiting, []
            self._file.writelines(waiting)
            try:
                yield
                self._write(ending.status)
            except BaseException as error:
                self._write(f"ended by {type(error).__name__}: {error}")
                raise
            finally:
                self._file = None

    def _write(self, text: str) -> None:
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n"
        if self._file is None:
            self._waiting = [*self._waiting, line][-_MOST_WAITING:]
            return
        with contextlib.suppress(OSError):  # a full disk ends the training where it loses something
            self._file.write(line)
            self._file.flush()

    def message(self, text: str) -> None:
        self._write(text)
        self._progress.message(text)

    def start(self, work: str, unit: str, done: int = 0, total: int | None = None) -> None:
        self._progress.start(work, unit, done, total)

    def advance(self, count: int, total: int | None = None) -> None:
        self._progress.advance(count, total)

    def note(self, text: str) -> None:
        self._progress.note(text)

    def end(self) -> None:
        self._progress.end()

    def training_started(self, config: Any, step: int) -> None:
        self._num_steps = config.training.num_steps
        after = f"going on after step {step}" if step else "training"
        self._write(f"{after}: {config.model.name}, recipe {config.recipe or 'none'}, {self._num_steps} steps")
        self._progress.training_started(config, step)

    def steps_done(self, step: int, loss: float, videos_per_second: float) -> None:
        now = time.monotonic()
        if now >= self._next_steps or step == self._num_steps:
            self._next_steps = now + _SECONDS_BETWEEN_STEPS
            self._write(f"step {step}/{self._num_steps}, loss {loss:.3f}, {videos_per_second:.0f} videos/s")
        self._progress.steps_done(step, loss, videos_per_second)

    def validated(self, step: int, metrics: dict[str, float], is_best: bool) -> None:
        best = " (best so far)" if is_best else ""
        loss = f", loss {metrics['loss']:.3f}" if "loss" in metrics else ""
        self._write(f"validation at step {step}: {in_words(metrics, ['always'])}{loss}{best}")
        self._progress.validated(step, metrics, is_best)
