"""Submission files: which task a file is for, and its lines one at a time."""

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO, Literal

from yt8m.errors import InputError

Task = Literal["video", "segment"]

HEADERS: dict[Task, str] = {"video": "VideoId,LabelConfidencePairs", "segment": "Class,Segments"}
"""A submission's first line, by task."""

_LONGEST_HEADER = 1000
"""Bytes looked at for a header, so that a file of another kind is not read to its first line end."""


class LineError(InputError):
    """One line of a file cannot be used.

    Attributes:
        path: the file.
        line: the line's number, counted from 1.
        reason: what is wrong and what to do, as a clause without a full stop.
    """

    def __init__(self, path: str, line: int, reason: str):
        super().__init__(f"{path}, line {line}: {reason}")
        self.path, self.line, self.reason = path, line, reason


Report = Callable[[LineError], None]
"""What a reader calls with each broken line, which it then leaves out."""


def stop_at_error(error: LineError) -> None:
    """The `Report` that raises the first error."""
    raise error


def detect_task(path: str | os.PathLike) -> Task:
    """The task a submission is for, told by its header.

    Raises:
        LineError: the file is empty or its first line is no submission's header.
        InputError: the file cannot be read.
    """
    with _open(path) as stream:
        header = stream.readline(_LONGEST_HEADER).rstrip(b"\r\n").decode("utf-8", "backslashreplace")
    for task, known in HEADERS.items():
        if header == known:
            return task
    wanted = " or ".join(f"{known!r} ({task} task)" for task, known in HEADERS.items())
    if header.startswith("\ufeff") and header[1:] in HEADERS.values():
        raise LineError(os.fspath(path), 1, "begins with a byte order mark; save it as plain UTF-8, without one")
    if header.replace('"', "") in HEADERS.values():
        raise LineError(os.fspath(path), 1, "the header is in quotes; write it, and the lines below it, without them")
    found = f"the header is {header[:60]!r}" if header else "there is no header"
    raise LineError(os.fspath(path), 1, f"{found}; it must be {wanted}")


def check_task(path: str | os.PathLike, task: Task) -> None:
    """Raises LineError unless the file is a submission for this task, InputError if it cannot be read."""
    found = detect_task(path)
    if found != task:
        raise LineError(os.fspath(path), 1, f"this is a submission for the {found} task; give one for the {task} task")


def read_fields(path: str | os.PathLike, report: Report) -> Iterator[tuple[int, str, bytes]]:
    """The data lines of a submission as (line number, text before the first comma, bytes after it).

    Lines that are empty, not UTF-8, in quotes or without a comma go to `report`.
    """
    with _open(path) as stream:
        for number, line in enumerate(stream, start=1):
            if number == 1:
                continue
            line = line.rstrip(b"\r\n")
            first, comma, rest = line.partition(b",")
            try:
                rest.decode()
                text = first.decode()
            except UnicodeDecodeError:
                report(LineError(os.fspath(path), number, "this is not UTF-8 text; write the file as UTF-8"))
                continue
            quoted = next((part for part in (first, rest, line) if _is_in_quotes(part)), None)
            if quoted:
                shown = quoted.decode()[:40]
                report(LineError(os.fspath(path), number, f"{shown!r} is in quotes; write the line without them"))
            elif comma:
                yield number, text, rest
            elif text:
                report(
                    LineError(os.fspath(path), number, f"{text[:40]!r} is not followed by a comma; complete the line")
                )
            else:
                report(LineError(os.fspath(path), number, "this line is empty; remove it"))


def _is_in_quotes(text: bytes) -> bool:
    return len(text) > 1 and text.startswith(b'"') and text.endswith(b'"')


def _open(path: str | os.PathLike) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: cannot be read ({error.strerror}); check the path") from error
