"""Parses command lines with tyro and reports every mistake in one line."""

import argparse
import contextlib
import functools
import io
import itertools
import re
import textwrap
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import tyro

from yt8m.errors import InputError
from yt8m.recipes.flag_names import meant_by
from yt8m.values import fit_arguments

_RULE = r"[─-]{3,}"

_UNFIT = (
    r"Error parsing (?P<flag>--\S+): invalid literal for (?P<allowed>int)\(\) with base \d+: (?P<given>.+)",
    r"Error parsing (?P<flag>--\S+): could not convert string to (?P<allowed>float): (?P<given>.+)",
    r"Error parsing (?P<flag>--\S+): no type matching (?P<allowed>\S+) could be instantiated from \[(?P<given>.+)\]\.",
    r"invalid choice (?P<given>.+) for argument '(?P<flag>--\S+)'\. Expected one of \((?P<allowed>.+)\)\.",
)
"""tyro's messages about a value that does not fit its flag."""
_NUMBERS = {"int": "a whole number", "INT": "a whole number", "float": "a number", "FLOAT": "a number"}


_OPTIONS = "--beam.options"


_described: list[tuple[Any, dict[str, Any]]] | None = None
"""The calls of `parse` that `described` collects; None outside `described`."""


def described(command: Callable[[], Any]) -> list[tuple[Any, dict[str, Any]]]:
    """Returns the targets and options that a command passes to `parse`, without parsing anything."""
    global _described
    _described = found = []
    try:
        command()
    finally:
        _described = None
    return found


def _parts(box: str) -> list[list[str]]:
    """Splits one of tyro's messages, with or without a drawn frame, at its horizontal rules.

    The title of the frame is left out. Each part is dedented on its own.
    """
    parts: list[list[str]] = [[]]
    for line in box.splitlines()[1:]:
        if re.search(_RULE, line):
            parts.append([])
        parts[-1].append(re.sub(rf"[│╭╮╰╯]|{_RULE}", " ", line).rstrip())
    dedented = (textwrap.dedent("\n".join(part)).strip("\n").splitlines() for part in parts)
    return [part for part in dedented if part]


def _reworded(message: str) -> str:
    """Rewords a message about a value that does not fit its flag in the terms of `yt8m.values`; leaves others alone."""
    found = next(filter(None, (re.fullmatch(pattern, message) for pattern in _UNFIT)), None)
    if found is None:
        return message
    # tyro writes `'stop', 'skip'`, `INT|{video}` or `int`.
    allowed = [_NUMBERS.get(each, f"'{each}'") for each in re.findall(r"[\w.-]+", found["allowed"]) if each != "None"]
    choices_alone = len(allowed) > 1 and not set(allowed) & set(_NUMBERS.values())
    wanted = f"one of {', '.join(allowed)}" if choices_alone else " or ".join(allowed)
    return f"{found['flag']} is {found['given']}; it must be {wanted}"


def _one_line(box: str) -> str:
    """Sums up one of tyro's framed messages in one line."""
    parts = _parts(box)
    if not parts:
        return "the arguments cannot be understood"
    first = parts[0]
    if first[0].startswith("Missing from"):
        # Arguments are indented by four spaces, their descriptions by eight.
        missing = [line.strip() for line in first if re.match(r" {4}\S", line)]
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    message = " ".join(line.strip() for line in first).partition("  Got errors:")[0]  # one error for each type tried
    message = _reworded(message)
    message = re.sub(r"^Error parsing [\w.-]+: (?=--)", "", message)  # the reworded message names the flag
    close = next((re.search(r"--[\w.-]+", " ".join(part)) for part in parts if part[0].startswith("Perhaps")), None)
    return message + (f"; did you mean {close.group()}?" if close else "")


def _explain_switch(arguments: Sequence[str], message: str) -> str:
    """Says that a switch takes no value if one was given; returns other messages unchanged."""
    for flag, value in itertools.pairwise(arguments):
        if flag.startswith("--") and value.lower() in ("true", "false") and value in message:
            section, _, name = flag[2:].rpartition(".")
            section = f"{section}." if section else ""
            return f"{flag} takes no value; write --{section}{name} or --{section}no-{name}"
    return message


def actions_of(target: Any, options: dict[str, Any]) -> list[argparse.Action]:
    """Returns the arguments that a call of `parse` accepts, without --help."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # tyro has no other way to list flags yet
        parser = tyro.extras.get_parser(target, **options)
    return [action for action in parser._actions if action.dest != "help"]


def _unknown_flag(arguments: Sequence[str], target: Any, program: str, options: dict[str, Any]) -> str:
    """Returns the message for the first unknown flag, whatever else is wrong; empty if all flags are known."""
    known = [name for action in actions_of(target, options) for name in action.option_strings]
    spelled = {name.replace("_", "-") for name in known}
    for argument in itertools.takewhile(lambda each: each != "--", arguments):
        name = argument.partition("=")[0]
        if re.fullmatch(r"-[a-zA-Z]|--[a-zA-Z].*", name) and name.replace("_", "-") not in spelled:
            instead = meant_by(name, known)
            return f"{program} has no flag {name}" + (f"; {instead}" if instead else "")
    return ""


def _joined(arguments: Sequence[str]) -> list[str]:
    """The arguments with the value of `--beam.options` in the same word: it begins with dashes, as a flag does."""
    found: list[str] = []
    for argument in arguments:
        if found and found[-1] == _OPTIONS:
            found[-1] += f"={argument}"
        else:
            found.append(argument)
    return found


def parse(target: Any, arguments: Sequence[str], program: str, **options) -> Any:
    """Parses flags with tyro. Returns None if it showed the help, or inside `described`.

    `--no-data.deterministic` is accepted for `--data.no-deterministic`.

    Raises:
        InputError: a flag is unknown, missing or of the wrong type.
    """
    if _described is not None:
        _described.append((target, options))
        return None
    arguments = [re.sub(r"^--no-([a-z_]+)\.(?=[a-z])", r"--\1.no-", argument) for argument in _joined(arguments)]
    if any(argument in ("-h", "--help") for argument in arguments):
        with contextlib.suppress(SystemExit):
            tyro.cli(target, args=arguments, prog=program, **options)
        return None
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(errors):
            return tyro.cli(target, args=arguments, prog=program, **options)
    except SystemExit:
        message = _unknown_flag(arguments, target, program, options)
        message = message or _explain_switch(arguments, _one_line(errors.getvalue()))
        raise InputError(f"{message} (see {program} --help)") from None


def deferred(command: Callable[..., int]) -> Callable[..., Callable[[], int]]:
    """Makes a command check and bind its arguments now and run later, so that parsing errors are told from others."""

    @functools.wraps(command)
    def bind(*args, **kwargs):
        bound = fit_arguments(command, args, kwargs, lambda name: f"--{name.replace('_', '-')}")
        return lambda: command(*bound.args, **bound.kwargs)

    return bind
