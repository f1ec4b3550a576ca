"""Command lines into arguments, by tyro, with every mistake as one line."""

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
"""What tyro says of a value that does not fit its flag."""
_NUMBERS = {"int": "a whole number", "INT": "a whole number", "float": "a number", "FLOAT": "a number"}


_described: list[tuple[Any, dict[str, Any]]] | None = None
"""What `parse` was asked for while somebody wants to know just that."""


def described(command: Callable[[], Any]) -> list[tuple[Any, dict[str, Any]]]:
    """The targets and options of `parse` that a command would parse its words with; it does not get to do so."""
    global _described
    _described = found = []
    try:
        command()
    finally:
        _described = None
    return found


def _parts(box: str) -> list[list[str]]:
    """The lines of one of tyro's messages, which come with or without a drawn frame, as parted by its rules.

    The frame's title is left out; each part is indented as if it stood alone.
    """
    parts: list[list[str]] = [[]]
    for line in box.splitlines()[1:]:
        if re.search(_RULE, line):
            parts.append([])
        parts[-1].append(re.sub(rf"[│╭╮╰╯]|{_RULE}", " ", line).rstrip())
    dedented = (textwrap.dedent("\n".join(part)).strip("\n").splitlines() for part in parts)
    return [part for part in dedented if part]


def _reworded(message: str) -> str:
    """What tyro says of a value that does not fit its flag, as `yt8m.values` says it; other messages as they are."""
    found = next(filter(None, (re.fullmatch(pattern, message) for pattern in _UNFIT)), None)
    if found is None:
        return message
    # Of `'stop', 'skip'`, `INT|{video}` or `int`.
    allowed = [_NUMBERS.get(each, f"'{each}'") for each in re.findall(r"[\w.-]+", found["allowed"]) if each != "None"]
    choices_alone = len(allowed) > 1 and not set(allowed) & set(_NUMBERS.values())
    wanted = f"one of {', '.join(allowed)}" if choices_alone else " or ".join(allowed)
    return f"{found['flag']} is {found['given']}; it must be {wanted}"


def _one_line(box: str) -> str:
    """The gist of one of tyro's framed, many-lined messages."""
    parts = _parts(box)
    if not parts:
        return "the arguments cannot be understood"
    first = parts[0]
    if first[0].startswith("Missing from"):
        # An argument is indented by four, what it means by eight.
        missing = [line.strip() for line in first if re.match(r" {4}\S", line)]
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    message = " ".join(line.strip() for line in first).partition("  Got errors:")[0]  # one a type that was tried
    message = _reworded(message)
    message = re.sub(r"^Error parsing [\w.-]+: (?=--)", "", message)  # what we say of a value names its flag
    close = next((re.search(r"--[\w.-]+", " ".join(part)) for part in parts if part[0].startswith("Perhaps")), None)
    return message + (f"; did you mean {close.group()}?" if close else "")


def _explain_switch(arguments: Sequence[str], message: str) -> str:
    """A word on switches for those who give one a value."""
    for flag, value in itertools.pairwise(arguments):
        if flag.startswith("--") and value.lower() in ("true", "false") and value in message:
            section, _, name = flag[2:].rpartition(".")
            section = f"{section}." if section else ""
            return f"{flag} takes no value; write --{section}{name} or --{section}no-{name}"
    return message


def actions_of(target: Any, options: dict[str, Any]) -> list[argparse.Action]:
    """The arguments of a call of `parse`, less --help."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there is no other way to tyro's flags yet
        parser = tyro.extras.get_parser(target, **options)
    return [action for action in parser._actions if action.dest != "help"]


def _unknown_flag(arguments: Sequence[str], target: Any, program: str, options: dict[str, Any]) -> str:
    """What is said of the first flag that there is none of, whatever else is wrong; empty if there are all."""
    known = [name for action in actions_of(target, options) for name in action.option_strings]
    spelled = {name.replace("_", "-") for name in known}
    for argument in itertools.takewhile(lambda each: each != "--", arguments):
        name = argument.partition("=")[0]
        if re.fullmatch(r"-[a-zA-Z]|--[a-zA-Z].*", name) and name.replace("_", "-") not in spelled:
            instead = meant_by(name, known)
            return f"{program} has no flag {name}" + (f"; {instead}" if instead else "")
    return ""


def parse(target: Any, arguments: Sequence[str], program: str, **options) -> Any:
    """Parses flags with tyro; None if it showed the help, or if they were only to be `described`.

    `--no-data.deterministic` is taken for `--data.no-deterministic`.

    Raises:
        InputError: flags that are unknown, missing or of the wrong type.
    """
    if _described is not None:
        _described.append((target, options))
        return None
    arguments = [re.sub(r"^--no-([a-z_]+)\.(?=[a-z])", r"--\1.no-", argument) for argument in arguments]
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
    """The command with its arguments checked and bound and not yet run, so that parsing and running fail apart."""

    @functools.wraps(command)
    def bind(*args, **kwargs):
        bound = fit_arguments(command, args, kwargs, lambda name: f"--{name.replace('_', '-')}")
        return lambda: command(*bound.args, **bound.kwargs)

    return bind
