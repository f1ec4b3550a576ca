"""Groups the files of records: a group makes a part of stored predictions."""

import itertools
from collections.abc import Iterator, Sequence

from yt8m.data.access.file_access import file_size
from yt8m.data.sources import scheme

PART_BYTES = 256 << 20
"""Bytes of records for one part of stored predictions: about 1000 videos at frame level."""
_REMOTE_FILES_A_PART = 8


def groups_of(files: Sequence[str], part_bytes: int) -> Iterator[tuple[str, ...]]:
    """Yields groups of consecutive files of about `part_bytes` each, or of a fixed number of remote files."""
    if any(scheme(path) for path in files):
        yield from (
            tuple(files[first : first + _REMOTE_FILES_A_PART]) for first in range(0, len(files), _REMOTE_FILES_A_PART)
        )
        return
    ends = itertools.accumulate(file_size(path) for path in files)
    for _, group in itertools.groupby(zip(files, ends, strict=True), lambda each: (each[1] - 1) // part_bytes):
        yield tuple(path for path, _ in group)
