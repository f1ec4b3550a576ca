"""Measuring in turns, so that whatever else the machine does meanwhile falls on all that is compared."""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.earlier.work import spent
from benchmarks.sizes import sized

UNCOUNTED = sized(1, 0)
"""Turns before the first that counts: they fill the page cache and load libraries."""


class Spent(NamedTuple):
    """What a piece of work took."""

    seconds: float
    cpu: float
    """CPU seconds of all threads and child processes, which depend less on what else the machine does."""
    megabytes: float = 0.0
    """Most memory that its process held at once; 0 if the process did other work too."""


Measure = Callable[[], Spent]


def timed(work: Callable[[], object]) -> Measure:
    """A function that measures work in this process and its children."""

    def measure() -> Spent:
        return Spent(**spent(work))

    return measure


def in_turns(measures: Mapping[str, Measure], rounds: int) -> dict[str, list[Spent]]:
    """Measures each in every round: what each took in the rounds that count.

    Args:
        measures: by name, in the order of a turn.
        rounds: those that count.
    """
    spent: dict[str, list[Spent]] = {name: [] for name in measures}
    for turn in range(-UNCOUNTED, rounds):
        for name, measure in measures.items():
            print(f"turn {turn + 1} of {rounds}: {name} ...", file=sys.stderr, flush=True)
            found = measure()
            if turn >= 0:
                spent[name].append(found)
    return spent


def median(turns: Sequence[Spent], what: str = "seconds") -> float:
    """The median over the rounds of what `Spent` has under a name."""
    return statistics.median(getattr(each, what) for each in turns)


def times_less(reference: Sequence[Spent], turns: Sequence[Spent], what: str = "seconds") -> float:
    """How many times less than the reference something takes: the median of the rounds' ratios."""
    pairs = zip(reference, turns, strict=True)
    return statistics.median(getattr(one, what) / getattr(other, what) for one, other in pairs)


def rate_cells(reference: Sequence[Spent], found: Sequence[Spent], count: int) -> tuple[str, str, str, str]:
    """Cells of a table: videos a second, times the reference's rate, CPU microseconds a video, times less than the reference's.

    Args:
        reference: what the work took that is compared with.
        found: what this took.
        count: videos of each of them.
    """
    rates = f"{count / median(found):,.0f}", f"{times_less(reference, found):.2f}"
    return *rates, f"{1e6 * median(found, 'cpu') / count:,.1f}", f"{times_less(reference, found, 'cpu'):.2f}"


def peak_megabytes() -> float:
    """Most memory that this process has held; `getrusage` would count that of the process that started it, too."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].removesuffix("kB")) * 1024 / 1e6
