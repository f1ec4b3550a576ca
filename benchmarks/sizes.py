"""How large the benchmarks are: with the flag `--quick` each is a matter of seconds.

A quick one shows that a benchmark runs. Its figures mean nothing, so it writes no table, and its runs and submissions lie
apart from those of the full one.
"""

import argparse
import sys
from pathlib import Path
from typing import TypeVar

Size = TypeVar("Size")

ROOT = Path(__file__).resolve().parents[1]
QUICK = "--quick"
IS_QUICK = QUICK in sys.argv[1:]
"""Constants of modules depend on it, so it is known before a program reads its other arguments."""
SAME_SIZE = [QUICK] if IS_QUICK else []
"""Arguments for a benchmark that this one starts."""


def sized(full: Size, quick: Size) -> Size:
    """The one or the other."""
    return quick if IS_QUICK else full


def parser_of(program: str, description: str) -> argparse.ArgumentParser:
    """A parser that knows `--quick`.

    Args:
        program: the module, as `benchmarks.reading`.
        description: the module's docstring, whose first line is shown.
    """
    # An abbreviation of --quick would be accepted, but nothing would be quick.
    parser = argparse.ArgumentParser(
        prog=f"python -m {program}", description=description.splitlines()[0], allow_abbrev=False
    )
    parser.add_argument(
        QUICK, action="store_true", help="show within seconds that it runs; the document stays as it is"
    )
    return parser


def runs_of(name: str) -> Path:
    """The directory of a benchmark's runs, which are kept so that one that was stopped goes on."""
    return ROOT / "runs" / sized(name, f"{name}-quick")


def submission_of(name: str) -> Path:
    """The submission that a benchmark writes."""
    return ROOT / "submissions" / f"{sized(name, f'{name}-quick')}.csv"
