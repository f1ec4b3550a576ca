"""What commands share: types of flags, exit statuses, and the printing of results."""

import contextlib
import json as json_module
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Optional

import tyro

from yt8m.commands import reports
from yt8m.commands.streams import show
from yt8m.errors import InputError

SWITCHES = {"--quiet": "No progress and no remarks on stderr.", "--verbose": "Show TensorFlow's log."}
"""Switches that may stand anywhere in the command line of any command."""


def shown(metavar: str, hint: str = "") -> Any:
    """Returns tyro's option for how help shows a value, with a hint in place of a default that tells nothing."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint=hint) if hint else tyro.conf.arg(metavar=metavar)


OptionalText = Optional[str]  # noqa: UP045  tyro would import typeguard, a tenth of a second, to check a `str | None`
Run = Annotated[str, shown("DIR")]
Json = Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help_behavior_hint=lambda default: "")]
File = Annotated[str, tyro.conf.Positional, shown("PATH")]
SegmentClasses = Annotated[
    str | None, shown("PATH", "(default: the one at the root of the data set; without one, all classes)")
]
Classes = Annotated[str | None, shown("DIR", "(default: neither file)")]
Vocabulary = Annotated[str | None, shown("PATH", "(default: the one at the root of the data set, if there is one)")]
Calibrations = Annotated[tuple[str, ...], shown("FILE [FILE ...]", "(default: probabilities as models give them)")]
PATHS = "PATH [PATH ...]"


def renamed(text: str, flags: Mapping[str, str]) -> str:
    """A message that names the flags of one command, in those of another.

    Args:
        text: the message.
        flags: what it names, and what to say in its place.
    """
    for theirs, ours in flags.items():
        text = text.replace(theirs, ours)
    return text


@contextlib.contextmanager
def renamed_flags(flags: Mapping[str, str]) -> Iterator[None]:
    """Lets an InputError of the block name the flags of the command that is at work (`renamed`)."""
    try:
        yield
    except InputError as error:
        error.args = (renamed(str(error), flags),)
        raise


def print_json(values: dict[str, Any]) -> None:
    """Prints one JSON object. JSON has no NaN and no infinity, so they become null."""
    try:
        show(json_module.dumps(values, allow_nan=False))
    except ValueError:
        show(json_module.dumps(_finite(values)))


def _finite(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def show_metrics(found: Any, json: bool) -> None:
    """Prints metrics, followed by the best and worst classes if the result has a table of classes."""
    metrics, classes = found if isinstance(found, tuple) else (found, None)
    if json:
        print_json(metrics)
        return
    show(reports.table(list(metrics.items())))
    if classes is not None:
        show(reports.best_and_worst(classes))


def given_paths(given: tuple[str, ...] | None) -> tuple[str, ...]:
    if given is not None and not given:
        raise InputError("--data is followed by no path; name files, directories or globs")
    return given or ()
