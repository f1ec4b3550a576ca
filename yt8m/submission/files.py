"""Reads submission files: the task, and one line at a time."""

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from yt8m.errors import InputError
from yt8m.metrics.registry import Task

HEADERS: dict[Task, str] = {"video": "VideoId,LabelConfidencePairs", "segment": "Class,Segments"}
"""The first line of a submission, by task."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""The first bytes of UTF-16 text, by byte order."""

_CONTROLS = bytes([*range(0x20), 0x7F])

_LONGEST_HEADER = 1000
"""Bytes to search for a header, so that another kind of file is not read to its first line end."""


class LineError(InputError):
    """One line of a file cannot be used.

    Attributes:
        path: the file.
        line: the number of the line, from 1.
        reason: what is wrong and what to do, as a clause without a full stop.
    """

    def __init__(self, path: str, line: int, reason: str):
        super().__init__(f"{path}, line {line}: {reason}")
        self.path, self.line, self.reason = path, line, reason


Report = Callable[[LineError], None]
"""Called with each broken line, which the reader then leaves out."""


def stop_at_error(error: LineError) -> None:
    """The `Report` that raises the first error."""
    raise error


def detect_task(path: str | os.PathLike) -> Task:
    """The task of a submission, from its header.

    Raises:
        LineError: the file is empty, or its first line is not a header of a submission.
        InputError: the file cannot be read.
    """
    with _open(path) as stream:
        line = stream.readline(_LONGEST_HEADER)
    header = _without_end(line).decode("utf-8", "backslashreplace")
    for task, known in HEADERS.items():
        if header == known:
            return task
    raise LineError(os.fspath(path), 1, _header_problem(line, header))


def _header_problem(line: bytes, header: str) -> str:
    """Says why a first line, given as bytes and as text without its end, is not a header of a submission."""
    known = b"\0" in line and line.replace(b"\0", b"").strip().decode("latin-1") in HEADERS.values()
    if known or line.startswith(_UTF_16):
        return "is UTF-16 text; save it as UTF-8"
    if header.startswith("\ufeff") and header[1:] in HEADERS.values():
        return "begins with a byte order mark; save it as plain UTF-8, without one"
    if header.replace('"', "") in HEADERS.values():
        return "the header is in quotes; write it, and the lines below it, without them"
    if header.split("\r")[0] in HEADERS.values():
        return "its lines end in a carriage return alone; save it with the line ends of Unix or Windows"
    if header.strip(" ") in HEADERS.values():
        return "the header begins or ends in a space; remove it"
    found = f"the header is {header[:60]!r}" if header else "there is no header"
    wanted = " or ".join(f"{known!r} ({task} task)" for task, known in HEADERS.items())
    return f"{found}; it must be {wanted}"


def is_submission(path: str | os.PathLike) -> bool:
    """Whether a file exists and begins like a submission of either task."""
    try:
        detect_task(path)
    except InputError:
        return False
    return True


def check_task(path: str | os.PathLike, task: Task) -> None:
    """Raises LineError unless the file is a submission for this task, InputError if it cannot be read."""
    found = detect_task(path)
    if found != task:
        raise LineError(os.fspath(path), 1, f"this is a submission for the {found} task; give one for the {task} task")


class Fields(NamedTuple):
    """A data line of a submission."""

    line: int
    """The number of the line, from 1, which is the header."""
    first: str
    """The text before the first comma."""
    rest: bytes
    """The bytes after the first comma."""


def read_fields(path: str | os.PathLike, report: Report) -> Iterator[Fields]:
    """Yields the data lines of a submission.

    Every reader of CSV files sees two columns in such a line. The caller must check for quotes at the beginning. Other lines
    go to `report`.
    """
    with _open(path) as stream:
        for number, line in enumerate(stream, start=1):
            if number == 1:
                continue
            line = _without_end(line)
            problem = _line_problem(line)
            if problem:
                report(LineError(os.fspath(path), number, problem))
            else:
                first, _, rest = line.partition(b",")
                yield Fields(number, first.decode(), rest)


def _without_end(line: bytes) -> bytes:
    """A line without its end (Unix or Windows)."""
    if not line.endswith(b"\n"):
        return line
    return line[:-2] if line.endswith(b"\r\n") else line[:-1]


def _line_problem(line: bytes) -> str | None:
    """Says why a line is not a row of two columns; None if it is."""
    if not line:
        return "this line is empty; remove it"
    try:
        line.decode()
    except UnicodeDecodeError:
        return "this is not UTF-8 text; write the file as UTF-8"
    if len(line.translate(None, _CONTROLS)) < len(line):
        control = next(bytes([byte]) for byte in line if byte in _CONTROLS).decode()
        return f"has the control character {control!r}; remove it"
    first, comma, rest = line.partition(b",")
    quoted = next((part for part in (first, rest, line) if _is_in_quotes(part)), None)
    if quoted:
        return f"{quoted.decode()[:40]!r} is in quotes; write the line without them"
    if not comma:
        return f"{first.decode()[:40]!r} is not followed by a comma; complete the line"
    if b"," in rest:
        return "has a second comma; write one alone, between the two columns"
    if line.endswith(b" "):
        return "ends in a space; remove it"
    if line.startswith(b" "):
        return "begins with a space; remove it"
    if rest.startswith(b" "):
        return "has a space after the comma; remove it"
    return None


def _is_in_quotes(text: bytes) -> bool:
    return len(text) > 1 and text.startswith(b'"') and text.endswith(b'"')


def _open(path: str | os.PathLike) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: cannot be read ({error.strerror}); check the path") from error
