"""Tells whether a file ends where a record ends, without reading the whole file.

TensorFlow reads a file that is cut off within the twelve bytes of a header as if it ended there. It does not notice the
records that a broken download lost. It does report a file cut off within a record's data, but only when it gets there.
"""

import contextlib
import functools
import os
from typing import BinaryIO

import numpy as np

from yt8m.data.access.contents import open_content, stored_compression
from yt8m.data.access.framing import FOOTER_BYTES, HEADER_BYTES, is_header
from yt8m.data.records import EMPTY, RawRecord, read_headers, read_record
from yt8m.data.source import Source
from yt8m.data.sources import scheme
from yt8m.errors import RecordError

_TAILS = (1 << 14, 3 << 17)
"""Bytes read from a file's end: enough for the last record (5 kB at video level, at most 350 kB at frame level).

For a frame-level file of 66 MB this takes 2 % of the time to read it from disk, and 1 % of the time to read it from memory
and parse it. For files of the full size it takes a fourth of that. Going from header to header would take 30 % where each
header is read from disk."""

_DECOMPRESSED_BYTES = 1 << 20
"""The largest compressed file that is decompressed to find out. It takes about 10 ms."""


def refuse_broken_ends(source: Source, *, can_skip: bool = False) -> None:
    """Finds empty and cut-off files, as a broken download leaves them, before the work starts.

    TensorFlow would not report some of them at all (`yt8m.data.endings`). Files behind a network are not checked.

    Args:
        source: the records to be read.
        can_skip: whether the command has `--data.on-corrupt`; the message then names it.
    """
    for path in source.files:
        if scheme(path):
            continue
        with contextlib.suppress(OSError):  # TensorFlow reports unreadable files
            broken = broken_end(path)
            if broken:
                raise with_remedy(broken.as_error(path), can_skip=can_skip)


def with_remedy(error: RecordError, *, can_skip: bool) -> RecordError:
    """Returns the error with what to do about the file; `can_skip` as for `refuse_broken_ends`."""
    how = " with --data.on-corrupt skip" if can_skip else ""
    return RecordError(error.path, error.record, f"{error.reason}; fetch it again, or leave it out{how}")


def broken_end(path: str) -> RawRecord | None:
    """Finds the record at which a local file breaks off; None if the file ends where a record ends.

    An intact file takes one or two reads near its end. Damage that leaves the last record intact is not found. Of a compressed
    file, the end says nothing: it is decompressed if it is small, and otherwise looked at where it begins.

    Raises:
        OSError: the file cannot be read.
    """
    status = os.stat(path)
    return _broken_end(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=1 << 16)
def _broken_end(path: str, size: int, _changed: int) -> RawRecord | None:
    """`broken_end`, cached until the file changes: every validation asks again."""
    if size == 0:
        return RawRecord(0, 0, b"", EMPTY, ends_file=True)
    if stored_compression(path):
        return _broken_stream(path, size)
    with open(path, "rb", buffering=0) as file:
        if any(_ends_with_record(file, size, tail) for tail in _TAILS):
            return None
    with open_content(path) as (content, size):
        return next((broken for _, broken in read_headers(content, size) if broken), None)


def _broken_stream(path: str, size: int) -> RawRecord | None:
    with open_content(path) as (file, _):
        if size <= _DECOMPRESSED_BYTES:
            return next((broken for _, broken in read_headers(file, None) if broken), None)
        first = read_record(file, 0, None)
        return RawRecord(0, 0, b"", first.problem, ends_file=True) if first.problem and first.end is None else None


def _ends_with_record(file: BinaryIO, size: int, tail: int) -> bool:
    """Whether a record that begins in the last bytes of the file ends where the file ends.

    A record that begins at a given place and ends with the file can have only one length. If the eight bytes at that
    place are this length, and the next four are their checksum, the place is a header.
    """
    length = min(tail, size)
    file.seek(size - length)
    content = file.read(length)
    for shift in range(min(8, max(0, length - 7))):
        numbers = np.frombuffer(content, "<u8", (length - shift) // 8, shift)
        places = shift + 8 * np.arange(len(numbers))
        for place in places[numbers == length - places - HEADER_BYTES - FOOTER_BYTES]:
            if is_header(content[place : place + HEADER_BYTES]):
                return True
    return False
