"""Opens files of records, wherever they lie."""

from collections.abc import Iterator
from typing import Protocol

from yt8m.data.access.compression import DamagedStream
from yt8m.data.access.contents import stored_compression
from yt8m.data.access.file_access import is_remote
from yt8m.data.engine.pieces import PieceFile, records_of
from yt8m.data.engine.records import LocalFile, Record
from yt8m.data.engine.streams import open_chunks
from yt8m.data.schema import Level
from yt8m.errors import RecordError


class RecordFile(Protocol):
    """A file of records."""

    path: str

    def records(self, first: int = 0) -> Iterator[Record]:
        """Gives the records from the `first`-th on.

        Raises:
            RecordError, InputError: a header is damaged or cut off, a record is cut off, or the file cannot be read.
        """


class StreamedFile:
    """A file that is compressed or lies behind a network: it is read from its beginning to its end, ahead, in threads.

    Args:
        path: the file.
        level: the level of its records. Large ones are copied out of the pieces that they come in.
    """

    def __init__(self, path: str, level: Level):
        self.path, self._level = path, level

    def records(self, first: int = 0) -> Iterator[Record]:
        """See `RecordFile`. Its threads end with the iterator, also with one that is no longer referred to."""
        chunks = open_chunks(self.path)
        readable = _Readable(chunks.each)
        index = 0
        try:
            # A record in a shuffle buffer would keep its piece, with other records that are long gone.
            for record in records_of(readable, self.path, chunks.num_bytes):
                index = record.index + 1
                if index > first:
                    yield record if self._level == "video" else record.detached()
        except RecordError:
            if not readable.damage:
                raise
        finally:
            chunks.close()
        if readable.damage:
            raise RecordError(self.path, index, str(readable.damage)) from readable.damage


class _Readable:
    """The chunks of a file up to where it is damaged."""

    def __init__(self, chunks: Iterator[bytes]):
        self._chunks = chunks
        self.damage: DamagedStream | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        except DamagedStream as error:
            self.damage = error


def open_records(path: str, level: Level) -> RecordFile:
    """Opens a file of records: compressed or not, local or behind a network.

    Args:
        path: the file. If it cannot be read, its records raise the error.
        level: the level of its records. Small records are read many at a time.
    """
    if is_remote(path) or _is_compressed(path):
        return StreamedFile(path, level)
    return PieceFile(path) if level == "video" else LocalFile(path)


def _is_compressed(path: str) -> bool:
    try:
        return stored_compression(path) is not None
    except OSError:
        return False
