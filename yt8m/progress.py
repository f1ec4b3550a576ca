"""One object that hears of the progress of training, predicting, downloads and all other work.

docs/python.md has an example. The watchers of the commands, which draw bars and tables, are in `yt8m.commands.watching` and
`yt8m.commands.trial_table`.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any


class Progress:
    """Watches some work. Each event is a method, which does nothing unless a subclass overrides it.

    The work waits for each method to return. Events come one at a time, but not all from one thread. An exception in a method
    ends the work.
    """

    def message(self, text: str) -> None:
        """Gets a line for the user."""

    def start(self, work: str, unit: str, done: int = 0, total: int | None = None) -> None:
        """Begins a piece of work. There is one at a time, and `end` follows.

        Args:
            work: the work, "evaluating" say.
            unit: the unit of the counts, in the singular; "B" for bytes.
            done: the amount done before.
            total: the whole amount; None if unknown.
        """

    def advance(self, count: int, total: int | None = None) -> None:
        """Counts progress of the piece of work.

        Args:
            count: the further amount done; negative if some must be done again.
            total: a better figure for the whole amount, if there is one.
        """

    def note(self, text: str) -> None:
        """Gets a few words on how the piece of work stands, `3 of 10 videos` say, in place of those before."""

    def end(self) -> None:
        """Ends the piece of work, finished or failed."""

    @contextlib.contextmanager
    def working(self, work: str, unit: str, done: int = 0, total: int | None = None) -> Iterator[None]:
        """Starts a piece of work, and ends it with the block. See `start` for the arguments."""
        self.start(work, unit, done, total)
        try:
            yield
        finally:
            self.end()

    def training_started(self, config: Any, step: int) -> None:
        """Begins or resumes a training.

        Args:
            config: the complete `yt8m.config.RunConfig` of the run.
            step: steps done before.
        """

    def steps_done(self, step: int, loss: float, videos_per_second: float) -> None:
        """Counts steps of training.

        The first steps are left out, unless the run ends with them, because their rate includes compilation.

        Args:
            step: steps done so far.
            loss: the loss of the last step.
            videos_per_second: the rate; 0 = unknown.
        """

    def validated(self, step: int, metrics: dict[str, float], is_best: bool) -> None:
        """Gets the result of a validation.

        Args:
            step: steps of training done so far.
            metrics: the metrics, as from `yt8m.evaluate`.
            is_best: whether this step now has the best weights.
        """

    def trials_updated(self, trials: Sequence[Any], num_trials: int, num_steps: int) -> None:
        """Gets the state of a study, about twice a second.

        Args:
            trials: the started trials, each a `yt8m.tuning.study.Trial`.
            num_trials: number of trials of the study.
            num_steps: steps per trial.
        """

    def trial_ended(self, trial: Any) -> None:
        """Gets an ended trial of a study, a `yt8m.tuning.study.Trial`."""


SILENT = Progress()
"""A watcher that ignores everything."""


class Remarks(Progress):
    """Passes on each different message once, and nothing else, for steps that may repeat messages.

    Args:
        progress: gets the messages.
    """

    def __init__(self, progress: Progress):
        self._progress = progress
        self._passed: set[str] = set()

    def message(self, text: str) -> None:
        """Passes on a new line."""
        if text not in self._passed:
            self._passed.add(text)
            self._progress.message(text)


class Messages(Progress):
    """Collects messages in `lines`."""

    def __init__(self):
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        """Adds a line."""
        self.lines.append(text)
