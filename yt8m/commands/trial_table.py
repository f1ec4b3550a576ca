"""Shows the trials of a study while they run, in a live table or with a line for each trial."""

from collections.abc import Sequence
from typing import Any

from yt8m.commands.reports import trial_value
from yt8m.commands.terminal import has_bars, say
from yt8m.errors import quantity
from yt8m.metrics.registry import find
from yt8m.progress import Progress

_MOST_ENDED_TRIALS = 10
"""The table of a study shows this many ended trials, the best ones."""

_FEWEST_COLUMNS = 3
"""The columns that the table always has: number, state and score, at most 34 characters wide."""


class TuningProgress(Progress):
    """Shows a live table on a terminal, and otherwise a line for each trial.

    Args:
        task: the `yt8m.tuning.task.Task`.
    """

    def __init__(self, task: Any):
        self._task = task
        self._live: Any = None
        self._shown: tuple[list[Any], int] | None = None
        """The trials that the table shows, and the width of the terminal when it was drawn."""
        self.started = False
        """Whether a trial can save if the study is stopped."""

    def trials_updated(self, trials: Sequence[Any], num_trials: int, num_steps: int) -> None:
        self.started = True
        if not has_bars():
            return
        from rich.console import Console
        from rich.live import Live

        if self._live is None:
            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self._live.start()
        width = self._live.console.width
        if self._shown != (list(trials), width):
            self._shown = list(trials), width
            self._live.update(self._table(trials, num_trials, num_steps, width), refresh=True)

    def trial_ended(self, trial: Any) -> None:
        """Prints a line for a failed trial; without a table, for every trial."""
        if self._live is None or trial.state == "failed":
            self.message(self._line(trial))

    def message(self, text: str) -> None:
        """Prints a line, above the table."""
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            say(text)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    @property
    def _metric(self) -> str:
        return find(self._task.metric).title

    def _line(self, trial: Any) -> str:
        values = ", ".join(f"{name} {trial_value(value)}" for name, value in trial.values.items())
        score = f", {self._metric} {trial.score:.4f}" if trial.score is not None else ""
        reason = f": {trial.reason}" if trial.reason else ""
        at_step = f" at step {trial.step}" if trial.state == "pruned" else ""
        return f"trial {trial.number} {trial.state}{at_step}{score} ({values}){reason}"

    def _table(self, trials: Sequence[Any], num_trials: int, num_steps: int, width: int) -> Any:
        """Makes a table of the running trials and the best ended ones, for a terminal of this width."""
        from rich.table import Table

        running = [trial for trial in trials if trial.state == "running"]
        ended = [trial for trial in trials if trial.state in ("complete", "pruned")]
        ended.sort(key=lambda trial: (trial.state == "complete", trial.score or 0), reverse=True)
        num_failed = len(trials) - len(running) - len(ended)
        title = f"{self._task.config.recipe}: {len(trials) - len(running)} of {quantity(num_trials, 'trial')} ended, "
        title += f"{num_failed} failed"
        shown = [*running, *ended[:_MOST_ENDED_TRIALS]]
        columns = self._columns(shown, num_steps)
        fitting = _fit_columns(columns, width)
        left_out = len(columns) - len(fitting)
        caption = f"{quantity(left_out, 'column')} left out: too narrow" if left_out else None
        table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
        for heading, *_cells in fitting:
            table.add_column(heading, no_wrap=True, justify="left" if heading == "state" else "right")
        for place, trial in enumerate(shown, start=1):
            is_best = ended and trial is ended[0] and trial.state == "complete"
            table.add_row(*(column[place] for column in fitting), style="bold" if is_best else None)
        return table

    def _columns(self, trials: Sequence[Any], num_steps: int) -> list[list[str]]:
        """Returns each column as its heading and a cell for each trial, the most important columns first."""
        dimensions = [each.name for each in self._task.dimensions]
        return [
            ["trial", *(str(trial.number) for trial in trials)],
            ["state", *(trial.state for trial in trials)],
            [self._metric, *("" if trial.score is None else f"{trial.score:.4f}" for trial in trials)],
            ["step", *(f"{trial.step}/{num_steps}" for trial in trials)],
            *(
                [heading, *(trial_value(trial.values.get(name, "")) for trial in trials)]
                for name, heading in zip(dimensions, _headings(dimensions), strict=True)
            ),
        ]


def _headings(names: Sequence[str]) -> list[str]:
    """Returns the flags without their sections if they stay distinct, and in full if not."""
    fields = [name.partition(".")[2] for name in names]
    return [field if fields.count(field) == 1 else name for name, field in zip(names, fields, strict=True)]


def _fit_columns(columns: Sequence[list[str]], width: int) -> list[list[str]]:
    """Returns the first columns of a table that fit whole into a terminal; at least three."""
    from rich.cells import cell_len

    left, fitting = width - 1, 0  # n columns have n + 1 lines, and two spaces inside each
    for column in columns:
        left -= max(map(cell_len, column)) + 3
        fitting += left >= 0
    return list(columns[: max(fitting, _FEWEST_COLUMNS)])
