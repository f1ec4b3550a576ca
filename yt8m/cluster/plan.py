"""Divides files of records into pieces that workers read on their own. Needs no Beam.

A file of 250 MB would keep one worker busy while others have nothing to do, so 3844 files could not use 10 000 cores. The
headers of a file's records tell where each one begins, so the file is cut there. Its data are not read for that.
"""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from yt8m.data.access.contents import is_bare_file, open_content, stored_compression
from yt8m.data.access.file_access import errors_of, file_size
from yt8m.data.records import read_headers
from yt8m.data.sources import describe_error
from yt8m.errors import RecordError
from yt8m.values import PositiveInt, checked

PIECE_BYTES = 32 << 20
"""About 130 frame-level videos: some seconds of work, beside which opening a file is cheap. A lost piece costs no more."""


@dataclass(frozen=True, order=True)
class Piece:
    """Consecutive records of one file. Pieces are in the order of their records."""

    file_number: int
    """The place of the file in the list that was planned."""
    first_record: int
    """The number of the first record in its file, counted from 0."""
    file: str
    """The path of the file."""
    offset: int
    """The byte of the file at which the first record's header begins."""
    records: int | None
    """How many records it has; None = all up to the end of the file, which may be broken there."""
    num_bytes: int | None
    """Bytes of the file that it takes; None = unknown, as of a file whose server does not tell its size."""


@checked
def plan_file(path: str, file_number: int = 0, piece_bytes: PositiveInt = PIECE_BYTES) -> list[Piece]:
    """Divides a file.

    A file of n bytes gets the smallest number of pieces that `piece_bytes` allow, of about equal size. A record belongs to the
    piece that its first byte lies in. A compressed file is one piece, as it can only be read from its beginning, and so is one of
    at most `piece_bytes`, of which not even the headers are read. From a damaged header on, the rest of a file belongs to the
    piece before it: whoever reads that piece meets the error.

    Args:
        path: the file, local or remote. Of a remote one, only the headers are asked for where its server allows that; behind `gs://`
            TensorFlow reads whole blocks.
        file_number: its place among other files.
        piece_bytes: bytes of a piece. One that ends with a large record has more.

    Returns:
        Its pieces in order, at least one.

    Raises:
        RecordError, InputError: it cannot be opened or read.
    """
    try:
        size = file_size(path)
        whole = Piece(file_number, 0, path, 0, None, size)
        if size is None or size <= piece_bytes or stored_compression(path) or is_bare_file(path):
            return [whole]
        return list(_pieces(whole, size, piece_bytes))
    except errors_of(path) as error:
        raise RecordError(path, None, f"cannot be read ({describe_error(error)})") from error


def _pieces(whole: Piece, size: int, piece_bytes: int) -> Iterator[Piece]:
    """Divides a file of this size at the beginnings of records."""
    with open_content(whole.file) as (file, _), contextlib.closing(read_headers(file, size)) as headers:
        yield from divide(whole, size, ((offset, broken is not None) for offset, broken in headers), piece_bytes)


def divide(whole: Piece, size: int, places: Iterable[tuple[int, bool]], piece_bytes: int) -> Iterator[Piece]:
    """Divides a file of which it is known where its records begin; see `plan_file`.

    Args:
        whole: the file as one piece.
        size: its bytes.
        places: for each record the byte at which it begins, and whether it cannot be read, which only the last one may be.
        piece_bytes: bytes of a piece.
    """
    num_pieces = -(-size // piece_bytes)
    first, begin, number, index, is_broken = 0, 0, 0, -1, False
    for index, (offset, is_broken) in enumerate(places):
        if is_broken:
            break
        if offset * num_pieces // size > number:
            yield Piece(whole.file_number, first, whole.file, begin, index - first, offset - begin)
            first, begin, number = index, offset, offset * num_pieces // size
    records = None if is_broken else index + 1 - first
    yield Piece(whole.file_number, first, whole.file, begin, records, size - begin)
