"""Tables of docs/ that could fall behind what they list."""

import re

from fenced import REPOSITORY
from test_command_lines import flags_of

from yt8m import runs
from yt8m.commands import COMMANDS

COMMANDS_PAGE = (REPOSITORY / "docs" / "commands.md").read_text()
RUNS_PAGE = (REPOSITORY / "docs" / "runs.md").read_text()
OUTPUTS = {"--out", "--store", "--csv", "--chapters", "--fit-pca", "--trace", "--classes", "--plots", "--work-dir"}
"""Flags that name what is written; `--run` is one of them in commands that make a run."""


def rows_of(text: str) -> dict[str, list[str]]:
    """The rows of a table by what stands in backticks in the first cell; a row for each, if it names several."""
    found = {}
    for first, *rest in (re.split(r" *\| *", line)[1:-1] for line in text.splitlines() if line.startswith("| `")):
        assert not set(re.findall("`([^`]+)`", first)) & set(found), first
        found |= dict.fromkeys(re.findall("`([^`]+)`", first), rest)
    return found


def test_every_command_has_a_row_in_their_order():
    assert [*rows_of(COMMANDS_PAGE)] == [*COMMANDS]


def test_rows_name_flags_of_their_command():
    named = {name: set(re.findall(r"`(--[\w.-]+)", " ".join(cells))) for name, cells in rows_of(COMMANDS_PAGE).items()}
    assert {name: each - flags_of()[name] for name, each in named.items() if each - flags_of()[name]} == {}


def test_rows_name_every_flag_that_names_an_output():
    missing = {}
    for name, cells in rows_of(COMMANDS_PAGE).items():
        outputs = flags_of()[name] & OUTPUTS | (
            {"--run"} & flags_of()[name] if "the run directory `--run`" in cells[1] else set()
        )
        missing[name] = {flag for flag in outputs if f"`{flag}`" not in cells[1]}
    assert {name: each for name, each in missing.items() if each} == {}


def test_rows_name_every_extra_that_commands_have():
    """`io` is of paths, and those of MLflow and W&B are named with `--log`. `beam` is not for every environment."""
    makefile = (REPOSITORY / "Makefile").read_text()
    of_commands = set(re.search(r"^EXTRAS \?= (.*)$", makefile, re.MULTILINE)[1].split(","))
    named = {
        extra for cells in rows_of(COMMANDS_PAGE).values() for extra in re.findall(r"(?:extra|also) `(\w+)`", cells[0])
    }
    assert named == of_commands | {"beam"}


def test_rows_say_how_long_it_takes():
    times = {name: cells[2] for name, cells in rows_of(COMMANDS_PAGE).items()}
    assert {name for name, time in times.items() if not re.search(r"\d|network|stopped", time)} == set()


def test_the_page_on_runs_names_the_files_that_the_package_names():
    in_the_package = set(re.findall(r"^``([\w./]+)``", runs.__doc__ or "", re.MULTILINE))
    assert {*rows_of(RUNS_PAGE.partition("## What a run directory holds")[2])} == in_the_package
