"""Reads files from end to end, a large piece at a time, and finds the records in the pieces."""

import functools
import io
import itertools
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np

from yt8m.data import bare
from yt8m.data.access.framing import FOOTER_BYTES, HEADER_BYTES, framed, is_header
from yt8m.data.engine.checksums import extended, unmasked, words_at
from yt8m.data.engine.memory import Pool, Scratch
from yt8m.data.engine.records import Record
from yt8m.data.records import RawRecord, read_record
from yt8m.errors import RecordError

PIECE_BYTES = 1 << 20
"""A record in a shuffle buffer holds the memory of its whole piece. With larger pieces, a buffer would hold more of it."""

_MEMORY = Pool()
_length_at = struct.Struct("<Q").unpack_from
_record = functools.partial(tuple.__new__, Record)
"""Makes a record of its fields in a third of the time of `Record(...)`."""


class Piece:
    """A part of a file, in memory; a `Content`. Its memory is used again after the last of its records is gone."""

    __slots__ = ("memory",)

    def __init__(self, memory: np.ndarray):
        self.memory = memory

    def read(self, begin: int, size: int, scratch: Scratch) -> np.ndarray:
        """See `Content`. This copies nothing, and the bytes stay valid as long as they are referred to."""
        return self.memory[begin : begin + size]

    def detached(self, begin: int, size: int) -> tuple["Piece", int]:
        """See `Content`. This copies the bytes."""
        return Piece(self.memory[begin : begin + size].copy()), 0


class PieceFile:
    """A local file that is read in pieces: faster than one by one where records are small."""

    def __init__(self, path: str):
        self.path = path

    def records(self, first: int = 0) -> Iterator[Record]:
        """Gives the records from the `first`-th on.

        Raises:
            RecordError: a header is damaged or cut off, a record is cut off, or the file cannot be read.
        """
        return itertools.chain.from_iterable(self.runs(first))

    def runs(self, first: int = 0) -> Iterator[list[Record]]:
        """The same records, those of a piece at a time."""
        try:
            with open(self.path, "rb", buffering=0) as file:
                size = file.seek(0, io.SEEK_END)
                file.seek(0)
                yield from _Records(_File(file), self.path, size).runs(first)
        except OSError as error:
            raise RecordError(self.path, None, f"cannot be read ({error.strerror or error})") from error


def records_of(chunks: Iterable[bytes], path: str, size_known: int | None, first: int = 0) -> Iterator[Record]:
    """Finds the records of a file whose bytes come in chunks of any sizes.

    Args:
        chunks: bytes of the file, from its first one on. Their errors pass through.
        path: the file, for messages.
        size_known: bytes of all chunks; None = unknown. Damage is then reported after the last chunk, with the same message.
        first: the first record to give, counted from 0.

    Raises:
        RecordError: a header is damaged or cut off, or a record is cut off.
    """
    return itertools.chain.from_iterable(_Records(_Chunks(chunks), path, size_known).runs(first))


def held(records: Sequence[tuple[str, int, bytes]]) -> list[Record]:
    """Records whose bytes are in memory already.

    Args:
        records: the file of each, its number there, and its data.
    """
    content = b"".join(framed(data) for _, _, data in records)
    piece, begin, found = Piece(np.frombuffer(content, np.uint8)), 0, []
    for path, index, data in records:
        found.append(Record(path, index, piece, begin + HEADER_BYTES, len(data)))
        begin += HEADER_BYTES + len(data) + FOOTER_BYTES
    return found


class _Stream(Protocol):
    def read_into(self, memory: np.ndarray) -> int:
        """Fills uint8 [n] from its beginning. Returns the number of bytes read, less than n only at the end."""


class _File:
    def __init__(self, file: io.FileIO):
        self._file = file

    def read_into(self, memory: np.ndarray) -> int:
        done = 0
        while done < len(memory):
            num_read = self._file.readinto(memory[done:])
            if not num_read:
                break
            done += num_read
        return done


class _Chunks:
    def __init__(self, chunks: Iterable[bytes]):
        self._chunks = iter(chunks)
        self._left = np.empty(0, np.uint8)

    def read_into(self, memory: np.ndarray) -> int:
        done = 0
        while done < len(memory):
            if not len(self._left):
                chunk = next(self._chunks, None)
                if chunk is None:
                    break
                self._left = np.frombuffer(chunk, np.uint8)
            part = self._left[: len(memory) - done]
            memory[done : done + len(part)] = part
            self._left = self._left[len(part) :]
            done += len(part)
        return done


class _Records:
    """Finds the records of a stream."""

    def __init__(self, stream: _Stream, path: str, size: int | None):
        self._stream, self._path, self._size = stream, path, size

    def runs(self, first: int) -> Iterator[list[Record]]:
        index = offset = 0
        rest, length = np.empty(0, np.uint8), PIECE_BYTES
        while True:
            memory = self._next(rest, length, offset)
            begins, sizes, end = _walk(memory)
            skipped = min(max(0, first - index), len(begins))
            fields = zip(
                itertools.repeat(self._path),
                range(index + skipped, index + len(begins)),
                itertools.repeat(Piece(memory)),
                begins[skipped:],
                sizes[skipped:],
            )
            yield [*map(_record, fields)]
            index, offset, rest = index + len(begins), offset + end, memory[end:]
            has_ended = len(memory) < length or offset == self._size
            if has_ended and not len(rest):
                return
            needed = _needed(rest)
            if has_ended or needed is None or (self._size is not None and offset + needed > self._size):
                content, size = self._to_end(offset, rest)
                framed = (
                    bare.as_framed(content) if offset == 0 and bare.may_be_bare(content[:HEADER_BYTES], size) else None
                )
                if framed is None:
                    raise self._broken(index, offset, content, size)
                piece = Piece(np.frombuffer(framed, np.uint8))
                yield [Record(self._path, 0, piece, HEADER_BYTES, len(content))][first:]
                return
            # A header may claim any length. Memory grows only as bytes arrive.
            length = max(PIECE_BYTES, min(needed, 2 * length))

    def _next(self, rest: np.ndarray, length: int, offset: int) -> np.ndarray:
        """The next piece, which begins with the rest of the last one at a byte of the file; shorter only at the end."""
        if self._size is not None:
            length = min(length, self._size - offset)
        # Few different sizes, so that the memory of one file serves the next.
        memory = _MEMORY.empty((1 << max(16, (length - 1).bit_length()),), np.uint8)[:length]
        memory[: len(rest)] = rest
        num_bytes = len(rest) + self._stream.read_into(memory[len(rest) :])
        if self._size is not None and num_bytes < length:
            raise RecordError(self._path, None, "has become shorter while it was read")
        return memory[:num_bytes]

    def _to_end(self, offset: int, rest: np.ndarray) -> tuple[bytes, int]:
        """Reads on: to the end of the stream, if its size is unknown or it may hold one record without framing.

        Args:
            offset: a byte of the file.
            rest: the bytes in memory from there on.

        Returns:
            The rest with what was read, which is kept only where it may be such a record, and the size of the file.
        """
        content, size = [rest.tobytes()], offset + len(rest)
        beginning = content[0][:HEADER_BYTES]
        is_whole = offset == 0 and bare.may_be_bare(beginning, self._size or 0)
        if self._size is not None and not is_whole:  # a header may have been read in part
            block = np.empty(HEADER_BYTES, np.uint8)
            content.append(block[: self._stream.read_into(block)].tobytes())
        else:
            block = np.empty(PIECE_BYTES, np.uint8)
            while num_read := self._stream.read_into(block):
                size += num_read
                if is_whole and bare.may_be_bare(beginning, size):
                    content.append(block[:num_read].tobytes())
        return b"".join(content), self._size or size

    def _broken(self, index: int, offset: int, content: bytes, size: int) -> RecordError:
        """The error of the record whose header begins at a byte of the file, where the content begins."""
        problem = read_record(io.BytesIO(content), offset, size).problem or "cannot be read"
        return RawRecord(index, offset, b"", problem).as_error(self._path)


def _walk(memory: np.ndarray) -> tuple[list[int], list[int], int]:
    """Goes from header to header, up to the first record that is incomplete or has a damaged header.

    Returns:
        Where the data of each record begin, how many bytes each has, and where the first byte after these records is.
    """
    begins, sizes, view = [], [], memoryview(memory)
    begin, last = HEADER_BYTES, len(memory) - FOOTER_BYTES
    while begin <= last:
        (size,) = _length_at(view, begin - HEADER_BYTES)
        if begin + size > last:
            break
        begins.append(begin)
        sizes.append(size)
        begin += size + FOOTER_BYTES + HEADER_BYTES
    count = _count_headers(memory, np.array(begins, np.int64) - HEADER_BYTES)
    if count < len(begins):
        begin = begins[count]
    return begins[:count], sizes[:count], begin - HEADER_BYTES


def _count_headers(memory: np.ndarray, places: np.ndarray) -> int:
    """How many of the first places hold an intact header."""
    checksums = extended(np.zeros(len(places), np.uint32), words_at(memory, places, "<u8"))
    is_intact = checksums == unmasked(words_at(memory, places + 8))
    return len(places) if is_intact.all() else int(is_intact.argmin())


def _needed(rest: np.ndarray) -> int | None:
    """Bytes from an incomplete record's beginning to its end, or to its header's end; None if its header is damaged."""
    if len(rest) < HEADER_BYTES:
        return HEADER_BYTES
    header = rest[:HEADER_BYTES].tobytes()
    return HEADER_BYTES + _length_at(header)[0] + FOOTER_BYTES if is_header(header) else None
