"""Files at the root of extracted records that other copies of the records need, too."""

import os
import shutil
from pathlib import Path

from yt8m.data.extraction import EXTRACTION_FILE, find_extraction
from yt8m.data.tables.videos import VIDEOS_FILE
from yt8m.data.tables.vocabulary import VOCABULARY_FILE
from yt8m.files import unwritable

COMPANIONS = (EXTRACTION_FILE, VIDEOS_FILE, VOCABULARY_FILE)
"""What the features are and which network made them, which files the videos are, and the names of the classes."""


def companions_of(records: str | os.PathLike) -> list[Path]:
    """The files that go along with a record file that `yt8m extract` made; none for others."""
    found = find_extraction(records)
    return [] if found is None else [path for name in COMPANIONS if (path := found.parent / name).is_file()]


def take_along(records: str | os.PathLike, directory: Path, shown: str | os.PathLike) -> list[str]:
    """Copies the files of records that `yt8m extract` made into the directory of a copy of them; nothing for other records.

    Args:
        records: a record file.
        directory: where to copy them.
        shown: what to call the directory in messages.

    Returns:
        The names of the files.

    Raises:
        InputError: a file cannot be copied.
    """
    companions = companions_of(records)
    for path in companions:
        try:
            shutil.copyfile(path, directory / path.name)
        except OSError as error:
            raise unwritable(Path(shown) / path.name, error) from error
    return [path.name for path in companions]
