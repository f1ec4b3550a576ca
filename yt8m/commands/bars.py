"""Progress of a piece of work on stderr.

A terminal, or a notebook that can draw one, shows a bar. A log file, a pipe or any other notebook gets a line now and then,
with the time of day and without carriage returns. `--quiet` shows nothing.
"""

import contextlib
import os
import re
import sys
import time
import warnings
from typing import Any

from tqdm import TqdmWarning, tqdm

from yt8m.commands.terminal import has_bars, log
from yt8m.errors import quantity

SECONDS_BETWEEN_LINES = 10.0


class _Bar(tqdm):
    """A bar that shows its rate in words, without padding."""

    @staticmethod
    def format_meter(*arguments: Any, **options: Any) -> str:
        return _reword(tqdm.format_meter(*arguments, **_with_room(options)))


def _reword(meter: str) -> str:
    """Rewords the rate of a tqdm meter: `207 videos/s` for `207.37video/s`, `1.25 s a video` for ` 1.25s/video`."""
    meter = re.sub(r", +", ", ", meter)
    meter = re.sub(
        r"(?<![\w.])([\d.]+|\?)([a-z]{2,})/s\b", lambda found: f"{_three_digits(found[1])} {found[2]}s/s", meter
    )
    return re.sub(r"\b([\d.]+)s/([a-z]{2,})\b", lambda found: f"{_three_digits(found[1])} s a {found[2]}", meter)


def _with_room(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the options of a meter, narrowed to leave columns for the longer words of its rate."""
    return options | {"ncols": max(1, options["ncols"] - 3)} if options.get("ncols") else options


def _three_digits(number: str) -> str:
    if number == "?":
        return number
    value = float(number)
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def open_bar(**options: Any) -> tqdm:
    """Opens a bar that fits its terminal, even after the window shrinks; or the bar of a notebook."""
    if sys.stderr.isatty():
        return _Bar(file=sys.stderr, **_window(), **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)  # raised if ipywidgets is too old
        from tqdm.auto import tqdm as draw

    class Drawn(draw):
        @staticmethod
        def format_meter(*arguments: Any, **options: Any) -> str:
            return _reword(draw.format_meter(*arguments, **options))

    return Drawn(**options)


def _window() -> dict[str, Any]:
    """Returns the options that tell tqdm the size of the terminal."""
    with contextlib.suppress(OSError):
        columns, rows = os.get_terminal_size(sys.stderr.fileno())
        if not (columns and rows):  # happens in containers; tqdm would draw nothing
            return {"ncols": (columns or 80) - 1, "nrows": 24}
    return {"dynamic_ncols": True}


class Meter:
    """Shows the progress of one piece of work: a bar, or else lines at intervals.

    Args:
        description: what the work is.
        unit: the singular of what is counted; "B" counts bytes, in kB, MB and so on.
        done: the units done before.
        total: all units; None if unknown.
        seconds_between_lines: the interval of the lines, and the wait before the first one.
    """

    def __init__(
        self,
        description: str,
        unit: str,
        *,
        done: int = 0,
        total: int | None = None,
        seconds_between_lines: float = SECONDS_BETWEEN_LINES,
    ):
        self._done = self._first = done
        self._total = total
        self._description, self._unit = description, unit
        self._is_scaled = unit == "B"
        self._gap = seconds_between_lines
        self._note = ""
        self._started = time.monotonic()
        self._next_line = self._started + self._gap
        self._bar: tqdm | None = None
        if has_bars():
            options: dict[str, Any] = {"desc": description, "initial": done, "total": total, "unit": unit}
            if total is None and not self._is_scaled:  # tqdm would write 64video
                options["bar_format"] = f"{{desc}}: {{n_fmt}} {unit}s [{{elapsed}}, {{rate_fmt}}{{postfix}}]"
            self._bar = open_bar(unit_scale=self._is_scaled, leave=False, **options)

    def advance(self, count: int, total: int | None = None) -> None:
        """Counts more units as done. A `total` replaces the one known so far."""
        self._done += count
        self._total = self._total if total is None else total
        if self._bar is not None:
            if self._total is not None:
                self._bar.bar_format = None  # which had no room for a total
            self._bar.total = self._total
            self._bar.update(count)
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + self._gap
            log(self._line())

    def note(self, text: str) -> None:
        """Shows words behind the figures, in place of those before."""
        self._note = text
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)

    def _line(self) -> str:
        total = self._total
        amount, left = ("{n_fmt}/{total_fmt}", "{remaining} left") if total else ("{n_fmt}", "{elapsed} so far")
        # The format has the number already.
        unit = "B" if self._is_scaled else quantity(total or self._done, self._unit).lstrip("0123456789")
        return _Bar.format_meter(
            self._done,
            total,
            time.monotonic() - self._started,
            prefix=self._description,
            unit=self._unit,
            unit_scale=self._is_scaled,
            initial=self._first,
            postfix=self._note or None,
            bar_format=f"{{desc}}: {amount}{unit}, {{rate_fmt}}, {left}{{postfix}}",
        )

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
