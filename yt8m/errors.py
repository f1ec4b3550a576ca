"""Errors that a user can cause. The command line prints one line and exits with status 2."""

import difflib
import json
import re
from collections.abc import Sequence

OK, BUG, USER_ERROR, OUT_OF_TIME = 0, 1, 2, 3
"""Exit statuses of the command line. OUT_OF_TIME: `--training.max-hours` ended a training that the same command continues."""


class InputError(ValueError):
    """The user's input cannot be used. The message says in one line what is wrong, where, and what to do.

    Attributes:
        on_all_workers: whether every worker of a job raises one at this place.
    """

    on_all_workers = False


class RecordError(InputError):
    """A record, or a whole file of records, cannot be used.

    Attributes:
        path: the file.
        record: the number of the record in the file, from 0; None = the whole file.
        reason: what is wrong, as a clause without a full stop.
    """

    def __init__(self, path: str, record: int | None, reason: str):
        where = path if record is None else f"{path}, record {record}"
        super().__init__(f"{where}: {reason}")
        self.path, self.record, self.reason = path, record, reason


def quantity(number: int, what: str, form: str = "") -> str:
    """A number with its noun: `1 class`, `2 classes`, `0 entries`.

    Args:
        number: 0 or more.
        what: a regular noun in the singular. Only the last of several words changes.
        form: format of the number; `,` gives `10,606 videos`.
    """
    if number == 1:
        return f"1 {what}"
    if re.search(r"[^aeiou]y$", what):
        return f"{number:{form}} {what[:-1]}ies"
    return f"{number:{form}} {what}{'es' if re.search('(s|x|z|ch|sh)$', what) else 's'}"


def bytes_in_words(num_bytes: int) -> str:
    """`1.5 MB` for 1500000."""
    unit, size = next(((name, size) for name, size in (("GB", 1e9), ("MB", 1e6)) if num_bytes >= size), ("kB", 1e3))
    return f"{num_bytes / size:,.1f} {unit}"


def duration_in_words(seconds: float) -> str:
    """`1.5 minutes` for 90, `12 hours` for 43 200."""
    units = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
    unit, size = next((each for each in units if seconds >= each[1]), units[-1])
    return f"{seconds / size:,.{int(seconds < 10 * size)}f} {unit}"


def say_no_json(error: ValueError | RecursionError) -> str:
    """Says why a text is not JSON, as a clause: `is not JSON: line 3, column 5, expecting value`.

    Args:
        error: from `json.loads`, or from decoding the text.
    """
    if isinstance(error, RecursionError):
        return "is damaged (it is nested too deeply)"
    if isinstance(error, UnicodeDecodeError):
        return f"is not JSON: byte {error.start} is no UTF-8 text"
    if not isinstance(error, json.JSONDecodeError):
        return f"is not JSON that can be read: {error}"
    if not error.doc.strip():
        return "is empty, and no JSON"
    what = f"{error.msg[:1].lower()}{error.msg[1:]}".removesuffix(" at")
    return f"is not JSON: line {error.lineno}, column {error.colno}, {what}"


def not_installed(what: str, package: str, extra: str, error: ImportError) -> InputError:
    """The error for a missing optional package.

    Args:
        what: the feature that needs the package.
        package: the package's usual name.
        extra: the extra of yt8m that installs it.
        error: the error of the import. A dependency of the package may be missing instead.
    """
    return InputError(f"{what} needs {package}, which cannot be loaded ({error}): pip install 'yt8m[{extra}]'")


def unknown_name(kind: str, given: object, known: Sequence[str]) -> str:
    """The message for an unknown name. It suggests a similar one, if any, and lists all.

    Args:
        kind: the kind of name, such as "model".
        given: the unknown name.
        known: all known names.
    """
    close = difflib.get_close_matches(str(given), known, 1)
    hint = f"did you mean {close[0]}? Known: " if close else "known: "
    return f"unknown {kind} {given!r}; {hint}{', '.join(known)}"
