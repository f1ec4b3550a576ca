"""Checks of places before the work, so that it does not fail at the end."""

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from yt8m.errors import InputError, bytes_in_words


def check_local(path: str | os.PathLike, what: str, shown: str | None = None) -> None:
    """Raises InputError for an address, or an empty path, which `Path` takes for the current directory.

    Args:
        path: where something is, or will be written.
        what: names it in the message, "the file" say.
        shown: the path in the message; None = `path`.
    """
    if not os.fspath(path):
        raise InputError(f"the path of {what} is empty; name a place")
    if "://" in os.fspath(path):
        shown = shown or os.fspath(path)
        raise InputError(f"{shown}: {what} must be on a local disk (on a TPU VM, the host's); copy it to or from there")


def check_room(path: str | os.PathLike, num_bytes: int, what: str, remedy: str) -> None:
    """Raises InputError if the disk has too little room. Ask before the work.

    Args:
        path: where the output will be; it need not exist.
        num_bytes: bytes that the output will add.
        what: the output, as a plural: "the copies of 3 files".
        remedy: what helps instead of making room.
    """
    wanted = Path(os.path.abspath(path))
    place = next(each for each in (wanted, *wanted.parents) if each.exists())
    free = shutil.disk_usage(place).free
    if num_bytes > free:
        raise InputError(
            f"{os.fspath(path)}: {what} need {bytes_in_words(num_bytes)}, and {bytes_in_words(free)} are free there; make room, "
            f"{remedy}"
        )


def refuse_inputs(path: str | os.PathLike, inputs: Iterable[str]) -> None:
    """Raises InputError if an output file is also an input.

    Args:
        path: the output.
        inputs: paths of the inputs; only local ones can clash.
    """
    for each in inputs:
        with contextlib.suppress(OSError):  # one of the two is missing
            if os.path.samefile(path, each):
                raise InputError(f"{os.fspath(path)}: is one of the files that are read; name another place")
