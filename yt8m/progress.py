"""What work tells whoever watches it: one object for training, predicting, downloads and all else.

docs/python.md has an example. The watchers of the commands, which draw bars and tables, are in `yt8m.commands.watching` and
`yt8m.commands.trial_table`.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any


class Progress:
    """Watches some work: each event is a method, which does nothing unless a subclass defines it.

    The work waits for each event. Events come one at a time, though not all from one thread. What one of them raises ends the
    work.
    """

    def message(self, text: str) -> None:
        """Says something that the user should know, in one line."""

    def start(self, work: str, unit: str, done: int = 0, total: int | None = None) -> None:
        """Begins a piece of work, of which there is one at a time; `end` follows.

        Args:
            work: what is done, `evaluating` say.
            unit: what is counted, in the singular; "B" is bytes.
            done: how much was done before.
            total: how much there is in all; None if that is not known.
        """

    def advance(self, count: int, total: int | None = None) -> None:
        """Counts what was done of the piece of work.

        Args:
            count: how much more was done; negative where some must be done again.
            total: how much there is in all, if that is known better now.
        """

    def end(self) -> None:
        """Ends the piece of work, done or failed."""

    @contextlib.contextmanager
    def working(self, work: str, unit: str, done: int = 0, total: int | None = None) -> Iterator[None]:
        """Starts a piece of work, and ends it with the block; `start` has the arguments."""
        self.start(work, unit, done, total)
        try:
            yield
        finally:
            self.end()

    def training_started(self, config: Any, step: int) -> None:
        """Begins a training, or goes on with it.

        Args:
            config: the run's `yt8m.config.RunConfig`, complete.
            step: steps done before.
        """

    def steps_done(self, step: int, loss: float, videos_per_second: float) -> None:
        """Counts steps of training.

        The first ones are not counted here, as their rate would be that of compiling, unless the run ends with them.

        Args:
            step: steps done in all.
            loss: of the last one.
            videos_per_second: the rate; 0 if it is not known.
        """

    def validated(self, step: int, metrics: dict[str, float], is_best: bool) -> None:
        """Says how a validation went.

        Args:
            step: steps of training done.
            metrics: as `yt8m.evaluate` returns them.
            is_best: whether the run's weights are now those of this step.
        """

    def trials_updated(self, trials: Sequence[Any], num_trials: int, num_steps: int) -> None:
        """Says how the trials of a study stand, about twice a second.

        Args:
            trials: those that were started, each a `yt8m.tuning.study.Trial`.
            num_trials: trials that there are to be.
            num_steps: steps of a trial.
        """

    def trial_ended(self, trial: Any) -> None:
        """Says how a trial of a study ended: a `yt8m.tuning.study.Trial`."""


SILENT = Progress()
"""Nobody watches."""


class Remarks(Progress):
    """Passes on messages, each but once, and nothing else: for steps that may have the same to say.

    Args:
        progress: what gets them.
    """

    def __init__(self, progress: Progress):
        self._progress = progress
        self._passed: set[str] = set()

    def message(self, text: str) -> None:
        """Passes on a line that is new."""
        if text not in self._passed:
            self._passed.add(text)
            self._progress.message(text)


class Messages(Progress):
    """Keeps messages, in `lines`."""

    def __init__(self):
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        """Keeps a line."""
        self.lines.append(text)
