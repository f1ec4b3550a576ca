"""Command lines into arguments, by tyro, with every mistake as one line."""

import contextlib
import difflib
import functools
import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import tyro

from yt8m.errors import InputError


def unknown(kind: str, given: str, known: Sequence[str]) -> str:
    """The message for a name that is not known: the nearest known one, or all."""
    close = difflib.get_close_matches(given, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    return f"unknown {kind} {given!r}; {hint}"


def _one_line(box: str) -> str:
    """The gist of one of tyro's framed, many-lined error messages, which come with or without a drawn frame."""
    lines = [re.sub(r"[│╭╮╰╯]|[─-]{3,}", "", line).strip() for line in box.splitlines()]
    ruled = [bool(re.search(r"[─-]{3,}", line)) for line in box.splitlines()]
    parts = [""]
    for line, rule in list(zip(lines, ruled, strict=True))[1:]:  # the first line is the frame's title
        if rule:
            parts.append(line)
        else:
            parts[-1] = f"{parts[-1]} {line}".strip()
    parts = [part for part in parts if part]
    message = parts[0] if parts else "the arguments cannot be understood"
    close = next((re.search(r"--[\w.-]+", part) for part in parts if part.startswith("Perhaps you meant")), None)
    return message + (f"; did you mean {close.group()}?" if close else "")


def parse(target: Any, arguments: Sequence[str], program: str, **options) -> Any:
    """Parses flags with tyro; None if it showed the help.

    Raises:
        InputError: flags that are unknown, missing or of the wrong type.
    """
    if any(argument in ("-h", "--help") for argument in arguments):
        with contextlib.suppress(SystemExit):
            tyro.cli(target, args=list(arguments), prog=program, **options)
        return None
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(errors):
            return tyro.cli(target, args=list(arguments), prog=program, **options)
    except SystemExit:
        raise InputError(f"{_one_line(errors.getvalue())} (see {program} --help)") from None


def deferred(command: Callable[..., int]) -> Callable[..., Callable[[], int]]:
    """The command with its arguments bound and not yet run, so that parsing and running fail apart."""

    @functools.wraps(command)
    def bind(*args, **kwargs):
        return lambda: command(*args, **kwargs)

    return bind
