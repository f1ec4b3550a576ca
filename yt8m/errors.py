"""The errors a user can cause. The command line prints them as one line and exits with status 2."""

import difflib
import json
import re
from collections.abc import Sequence

OK, BUG, USER_ERROR = 0, 1, 2
"""Exit statuses of the command line."""


class InputError(ValueError):
    """Something the user gave cannot be used. The message says what, where and what to do, in one line."""


class RecordError(InputError):
    """One record, or one file of records, cannot be used.

    Attributes:
        path: the file.
        record: the record's index in the file, counted from 0, or None where the whole file is meant.
        reason: what is wrong, as a clause without a full stop.
    """

    def __init__(self, path: str, record: int | None, reason: str):
        where = path if record is None else f"{path}, record {record}"
        super().__init__(f"{where}: {reason}")
        self.path, self.record, self.reason = path, record, reason


def quantity(number: int, what: str, form: str = "") -> str:
    """`1 class`, `2 classes`, `0 entries`: how many of what there are.

    Args:
        number: 0 or more.
        what: one of them, a regular noun; of several words, the last one.
        form: how the number is written; `,` gives `10,606 videos`.
    """
    if number == 1:
        return f"1 {what}"
    if re.search(r"[^aeiou]y$", what):
        return f"{number:{form}} {what[:-1]}ies"
    return f"{number:{form}} {what}{'es' if re.search('(s|x|z|ch|sh)$', what) else 's'}"


def bytes_in_words(num_bytes: int) -> str:
    """`1.5 MB` of 1500000."""
    unit, size = next(((name, size) for name, size in (("GB", 1e9), ("MB", 1e6)) if num_bytes >= size), ("kB", 1e3))
    return f"{num_bytes / size:,.1f} {unit}"


def say_no_json(error: ValueError) -> str:
    """What is wrong with a text that `json` cannot read, as a clause: `is not JSON: line 3, column 5, expecting value`.

    Args:
        error: of `json.loads`, or of the text's decoding.
    """
    if isinstance(error, UnicodeDecodeError):
        return f"is not JSON: byte {error.start} is no UTF-8 text"
    if not isinstance(error, json.JSONDecodeError):
        return f"is not JSON that can be read: {error}"
    if not error.doc.strip():
        return "is empty, and no JSON"
    what = f"{error.msg[:1].lower()}{error.msg[1:]}".removesuffix(" at")
    return f"is not JSON: line {error.lineno}, column {error.colno}, {what}"


def not_installed(what: str, package: str, extra: str, error: ImportError) -> InputError:
    """What to raise where a package is missing that only some need.

    Args:
        what: needs it.
        package: as its users call it.
        extra: of this package's, that brings it.
        error: of the import; it may be another package that the first one lacks.
    """
    return InputError(f"{what} needs {package}, which cannot be loaded ({error}): pip install 'yt8m[{extra}]'")


def unknown_name(kind: str, given: object, known: Sequence[str]) -> str:
    """The message for a name that is not known: the nearest one that is, if any is near, and all.

    Args:
        kind: what is named, such as "model".
        given: the name that is not known.
        known: those that are.
    """
    close = difflib.get_close_matches(str(given), known, 1)
    hint = f"did you mean {close[0]}? Known: " if close else "known: "
    return f"unknown {kind} {given!r}; {hint}{', '.join(known)}"
