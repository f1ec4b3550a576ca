"""How large the benchmarks are: with `BENCHMARK_SIZE=small` in the environment each is a matter of seconds.

A small one shows that a benchmark runs. Its figures mean nothing, so it writes no table, and its runs and submissions lie
apart from those of the full one.
"""

import os
from pathlib import Path
from typing import TypeVar

Size = TypeVar("Size")

ROOT = Path(__file__).resolve().parents[1]
_GIVEN = os.environ.get("BENCHMARK_SIZE", "full")
if _GIVEN not in ("full", "small"):
    raise SystemExit(f"BENCHMARK_SIZE is {_GIVEN!r}; it must be 'full' or 'small'")
IS_SMALL = _GIVEN == "small"


def sized(full: Size, small: Size) -> Size:
    """The one or the other."""
    return small if IS_SMALL else full


def runs_of(name: str) -> Path:
    """The directory of a benchmark's runs, which are kept so that one that was stopped goes on."""
    return ROOT / "runs" / sized(name, f"{name}-small")


def submission_of(name: str) -> Path:
    """The submission that a benchmark writes."""
    return ROOT / "submissions" / f"{sized(name, f'{name}-small')}.csv"
