"""What a person sees while a command runs: progress, on stderr.

On a terminal, or in a notebook that can draw it, that is a bar; in a log file, a pipe or any other notebook a line now and then,
with the time of day and without carriage returns. With `--quiet` it is nothing.
"""

import contextlib
import importlib.util
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tqdm import TqdmWarning, tqdm

from yt8m.commands.reports import trial_value
from yt8m.commands.streams import is_muted, is_quiet
from yt8m.errors import quantity

if TYPE_CHECKING:
    from yt8m.config import RunConfig

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_LINES_OF_DOWNLOADS = 60.0
_MOST_ENDED_TRIALS = 10
"""In the table of a study: the best ones."""
_FEWEST_COLUMNS = 3
"""Of that table: number, state and score, which are 34 wide at most."""


def count_progress(description: str, unit: str) -> Callable[[int], None]:
    """A function that counts records as they are done; how many there are is not known."""
    meter = _Meter(description, unit)

    def advance(count: int) -> None:
        meter.reach(meter.done + count, None)

    return advance


def share_progress(description: str, unit: str) -> Callable[[int, int], None]:
    """A function of (done, all) that shows how far a piece of work is.

    A bar is there from the first call until all is done.

    Args:
        description: what is done.
        unit: of what; "B" counts bytes, in kB, MB and so on.
    """
    meter: _Meter | None = None

    def advance(done: int, total: int) -> None:
        nonlocal meter
        if meter is None:  # not before: what fails until then is a line of its own
            meter = _Meter(description, unit, total=total)
        meter.reach(done, total)
        if done >= total:
            meter.close()

    return advance


def has_bars() -> bool:
    """Whether progress is drawn: for somebody who looks on, by the one process that speaks."""
    return not is_quiet() and (sys.stderr.isatty() or _is_in_drawing_notebook())


def _is_in_drawing_notebook() -> bool:
    """Whether this is the kernel of a notebook, and ipywidgets is there, without which a notebook has no bars."""
    interactive = sys.modules.get("IPython")
    shell = interactive and interactive.get_ipython()
    return bool(shell) and "IPKernelApp" in shell.config and importlib.util.find_spec("ipywidgets") is not None


class _Bar(tqdm):
    """A bar whose rate is in words, and not filled up with spaces."""

    @staticmethod
    def format_meter(*arguments: Any, **options: Any) -> str:
        return _reword(tqdm.format_meter(*arguments, **_with_room(options)))


def _reword(meter: str) -> str:
    """A meter of tqdm with its rate as it is read: `207 videos/s` for `207.37video/s`, `1.25 s a video` for ` 1.25s/video`."""
    meter = re.sub(r", +", ", ", meter)
    meter = re.sub(
        r"(?<![\w.])([\d.]+|\?)([a-z]{2,})/s\b", lambda found: f"{_three_digits(found[1])} {found[2]}s/s", meter
    )
    return re.sub(r"\b([\d.]+)s/([a-z]{2,})\b", lambda found: f"{_three_digits(found[1])} s a {found[2]}", meter)


def _with_room(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a meter that leaves columns for the words of its rate."""
    return options | {"ncols": max(1, options["ncols"] - 3)} if options.get("ncols") else options


def _three_digits(number: str) -> str:
    if number == "?":
        return number
    value = float(number)
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _bar(**options: Any) -> tqdm:
    """A bar that fits its terminal, also after the window was made smaller; or one of a notebook."""
    if sys.stderr.isatty():
        return _Bar(file=sys.stderr, **_window(), **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)  # of an ipywidgets that is too old
        from tqdm.auto import tqdm as draw

    class Drawn(draw):
        @staticmethod
        def format_meter(*arguments: Any, **options: Any) -> str:
            return _reword(draw.format_meter(*arguments, **options))

    return Drawn(**options)


def _window() -> dict[str, Any]:
    """How tqdm is told the size of the terminal."""
    with contextlib.suppress(OSError):
        columns, rows = os.get_terminal_size(sys.stderr.fileno())
        if not (columns and rows):  # as in a container; tqdm would draw nothing
            return {"ncols": (columns or 80) - 1, "nrows": 24}
    return {"dynamic_ncols": True}


def say(text: str) -> None:
    """Tells the user something beside a command's result; not with `--quiet`."""
    if not is_quiet():
        _print(text)


def explain(text: str) -> None:
    """Tells the user why a command ends with another status than 0, also with `--quiet`."""
    if not is_muted():
        _print(text)


def _print(text: str) -> None:
    if has_bars():
        tqdm.write(text, file=sys.stderr)  # above the bars that are drawn
    else:
        print(text, file=sys.stderr, flush=True)


def _log(text: str) -> None:
    """A line of a log, with the time of day."""
    say(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}")


class _Meter:
    """How far one piece of work is: a bar, else a line now and then, the first one after a while.

    Args:
        description: what is done.
        unit: of what; "B" counts bytes, in kB, MB and so on.
        done: how much of it was done before.
        total: how much there is; None if that is not known.
        seconds_between_lines: where there is no bar.
    """

    def __init__(
        self,
        description: str,
        unit: str,
        *,
        done: int = 0,
        total: int | None = None,
        seconds_between_lines: float | None = None,
    ):
        self.done = self._first = done
        self._description, self._unit = description, unit
        self._is_scaled = unit == "B"
        self._gap = _SECONDS_BETWEEN_LINES if seconds_between_lines is None else seconds_between_lines
        self._started = time.monotonic()
        self._next_line = self._started + self._gap
        self._bar: tqdm | None = None
        if has_bars():
            options: dict[str, Any] = {"desc": description, "initial": done, "total": total, "unit": unit}
            if total is None and not self._is_scaled:  # tqdm would write 64video
                options["bar_format"] = f"{{desc}}: {{n_fmt}} {unit}s [{{elapsed}}, {{rate_fmt}}]"
            self._bar = _bar(unit_scale=self._is_scaled, leave=False, **options)

    def reach(self, done: int, total: int | None) -> None:
        """So much is done; `total` may be known better now."""
        self.done = done
        if self._bar is not None:
            self._bar.total = total
            self._bar.update(done - self._bar.n)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + self._gap
            _log(self._line(total))

    def _line(self, total: int | None) -> str:
        amount, left = ("{n_fmt}/{total_fmt}", "{remaining} left") if total else ("{n_fmt}", "{elapsed} so far")
        # Without the number, which the format has.
        unit = "B" if self._is_scaled else quantity(total or self.done, self._unit).lstrip("0123456789")
        return _Bar.format_meter(
            self.done,
            total,
            time.monotonic() - self._started,
            prefix=self._description,
            unit=self._unit,
            unit_scale=self._is_scaled,
            initial=self._first,
            bar_format=f"{{desc}}: {amount}{unit}, {{rate_fmt}}, {left}",
        )

    def write(self, text: str) -> None:
        """Prints a line beside the bar."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            say(text)

    def close(self) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.close()


class TrainingProgress:
    """A `yt8m.training.loop.Progress`: a bar, else a line now and then."""

    def __init__(self):
        self._bar: tqdm | None = None
        self._gap = ""
        self._num_steps = 0
        self._batch_size = 0
        self._next_line = 0.0
        self.started = False
        """Whether there is something to save if the run is stopped."""

    def start(self, config: "RunConfig", step: int) -> None:
        """Training begins, or goes on, at `step`."""
        self.started = True
        self._num_steps, self._batch_size = config.training.num_steps, config.training.batch_size
        if step and step < self._num_steps:
            self.message(f"{config.run}: going on after step {step} of {self._num_steps}")
        if has_bars():
            description = config.recipe or config.model.name
            self._bar = _bar(total=self._num_steps, initial=step, desc=description, unit="step")

    def steps(self, step: int, loss: float, videos_per_second: float) -> None:
        """Steps were done, up to `step`."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.3f}, {videos_per_second:.0f} videos/s{self._gap}", refresh=False)
            self._bar.update(step - self._bar.n)
        elif time.monotonic() >= self._next_line or step == self._num_steps:
            self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
            seconds = (self._num_steps - step) * self._batch_size / max(videos_per_second, 1e-9)
            left = tqdm.format_interval(seconds)
            self._write(
                f"step {step}/{self._num_steps}, loss {loss:.3f}, {videos_per_second:.0f} videos/s{self._gap}, {left} left"
            )

    def validated(self, step: int, metrics: dict[str, float], is_best: bool) -> None:
        """The validation split was gone through."""
        if "gap" in metrics:
            self._gap = f", GAP {metrics['gap']:.4f}"
            scores = f"GAP {metrics['gap']:.4f}, MAP {metrics['map']:.4f}, Hit@1 {metrics['hit_at_1']:.4f}"
        else:
            self._gap = f", segment MAP {metrics['segment_map']:.4f}"
            scores = self._gap[2:]
        best = " (best so far)" if is_best else ""
        self._write(f"validation at step {step}: {scores}, loss {metrics['loss']:.3f}{best}")

    def message(self, text: str) -> None:
        """Something the user should know."""
        self._write(text)

    def close(self) -> None:
        """Leaves the terminal as it should be."""
        if self._bar is not None:
            self._bar.close()

    def _write(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            _log(line)


class DownloadProgress:
    """A `yt8m.download.downloading.Progress`: a bar, else a line a minute."""

    def __init__(self):
        self._meter: _Meter | None = None

    def start(self, description: str, done: int, total: int | None, unit: str) -> None:
        """A piece of work begins, or goes on after `done` of `total`."""
        pace = _SECONDS_BETWEEN_LINES_OF_DOWNLOADS
        self._meter = _Meter(description, unit, done=done, total=total, seconds_between_lines=pace)

    def reach(self, done: int, total: int | None) -> None:
        """So much is done; `total` may be known better now."""
        assert self._meter is not None, "start comes first"
        self._meter.reach(done, total)

    def end(self) -> None:
        """The piece of work ended."""
        if self._meter is not None:
            self._meter.close()
            self._meter = None

    def message(self, text: str) -> None:
        """Something the user should know."""
        if self._meter is not None:
            self._meter.write(text)
        else:
            say(text)


class TuningProgress:
    """A `yt8m.tuning.tuning.Progress`: a live table on a terminal, else a line a trial.

    Args:
        task: the `yt8m.tuning.tuning.Task`.
    """

    def __init__(self, task: Any):
        self._task = task
        self._live: Any = None
        self._shown: tuple[list[Any], int] | None = None
        """The trials in the table, and the columns of the terminal then."""
        self.started = False
        """Whether there is a trial that can save if the study is stopped."""

    def update(self, trials: Sequence[Any], num_trials: int, num_steps: int) -> None:
        """How the trials stand, of so many in all; called now and then."""
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

    def ended(self, trial: Any) -> None:
        """A trial ended."""
        if self._live is None or trial.state == "failed":
            self.message(self._line(trial))

    def message(self, text: str) -> None:
        """Something the user should know."""
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            say(text)

    def close(self) -> None:
        """Leaves the terminal as it should be."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    @property
    def _metric(self) -> str:
        return {"gap": "GAP", "segment_map": "segment MAP"}[self._task.metric]

    def _line(self, trial: Any) -> str:
        values = ", ".join(f"{name} {trial_value(value)}" for name, value in trial.values.items())
        score = f", {self._metric} {trial.score:.4f}" if trial.score is not None else ""
        reason = f": {trial.reason}" if trial.reason else ""
        at_step = f" at step {trial.step}" if trial.state == "pruned" else ""
        return f"trial {trial.number} {trial.state}{at_step}{score} ({values}){reason}"

    def _table(self, trials: Sequence[Any], num_trials: int, num_steps: int, width: int) -> Any:
        """The trials that run, and the best of those that ended, in so many columns of the terminal."""
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
        """A heading and a cell a trial, the columns that are the most wanted first."""
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
    """Flags without their sections, where that leaves them apart."""
    fields = [name.partition(".")[2] for name in names]
    return [field if fields.count(field) == 1 else name for name, field in zip(names, fields, strict=True)]


def _fit_columns(columns: Sequence[list[str]], width: int) -> list[list[str]]:
    """As many columns of a table, from the first on, as fit whole into a terminal; three at least."""
    from rich.cells import cell_len

    left, fitting = width - 1, 0  # of n columns there are n + 1 lines, and two spaces within each
    for column in columns:
        left -= max(map(cell_len, column)) + 3
        fitting += left >= 0
    return list(columns[: max(fitting, _FEWEST_COLUMNS)])
