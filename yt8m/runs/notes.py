"""A note on a run, in its directory, for `yt8m runs`."""

import os

from yt8m.errors import InputError
from yt8m.files import NewFile
from yt8m.runs.directory import RunDirectory, find_run

_LONGEST = 10_000


def read_note(run: RunDirectory) -> str:
    """Returns the note on a run, empty if there is none."""
    return run.note.read_text(errors="replace").strip() if run.note.is_file() else ""


def write_note(run: str | os.PathLike, text: str) -> None:
    """Writes the note on a run in place of the one before; an empty text removes it.

    Raises:
        InputError: there is no run, or the note cannot be written or is longer than 10 000 characters.
    """
    directory = find_run(run)
    if len(text) > _LONGEST:
        raise InputError(f"{os.fspath(run)}: the note has {len(text)} characters; {_LONGEST} are the most")
    if not text.strip():
        directory.note.unlink(missing_ok=True)
        return
    with NewFile(directory.note) as file:
        file.write((text.strip() + "\n").encode(errors="surrogateescape"))
