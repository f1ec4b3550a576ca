"""TFRecord framing, and records as protos. The sample writer and the inspector share this.

A TFRecord file is a sequence of records. Each is framed like this (all integers little-endian)::

    uint64 length | uint32 masked CRC32C of those 8 bytes | length bytes of data | uint32 masked CRC32C of the data

https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details describes it. `yt8m.data.engine` reads
many records at once. This module goes from record to record, and says what is wrong with the framing of one. A file may be
compressed as a whole.

The data are `tf.train.Example` protos at video level and `tf.train.SequenceExample` protos at frame level. An Example has
the same bytes as a SequenceExample without feature lists, so this module reads every record as a SequenceExample.
"""

import contextlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np

from yt8m.data import protos
from yt8m.data.access.compression import DamagedStream, compression_of
from yt8m.data.access.contents import open_content
from yt8m.data.access.framing import FOOTER_BYTES, HEADER_BYTES, is_header, masked_checksum
from yt8m.data.access.framing import framed as framed  # whoever makes records frames them, too
from yt8m.errors import RecordError, quantity

_OF_FILE = "the file "
"""First words of a problem that concerns a whole file, not one record."""
EMPTY = "the file is empty"
_TWICE = "the file is compressed twice; decompress it once"
_OTHER = "the file is not a TFRecord file, or its first header is damaged"

_LARGEST_RECORD = 1 << 31
"""Bytes. A proto cannot have more."""
_BLOCK_BYTES = 1 << 20


class RawRecord(NamedTuple):
    """One record as framed in its file, or the problem with its framing."""

    index: int
    """Position in the file, counted from 0."""
    offset: int
    """Byte of the file at which the header begins."""
    data: bytes
    """Empty if `problem` is set."""
    problem: str | None
    """The problem, as a clause without a full stop; None if there is none."""
    ends_file: bool = False
    """Whether the rest of the file is lost too, because the next record cannot be found."""

    def as_error(self, path: str) -> RecordError:
        """The problem as an error. If the problem concerns the whole file, the error names only the file."""
        assert self.problem is not None
        return RecordError(path, None if self.problem.startswith(_OF_FILE) else self.index, self.problem)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratings:
    """Ratings of one video's segments: four columns of equal length."""

    start_times: Sequence[int]
    """In seconds, multiples of 5."""
    end_times: Sequence[int]
    """In seconds: the start plus five."""
    labels: Sequence[int]
    scores: Sequence[float]
    """1.0 if the label was rated present, 0.0 if it was rated absent."""


def video_level_record(video_id: str, labels: Sequence[int] | None, means: Mapping[str, np.ndarray]) -> bytes:
    """Makes a serialized `tf.train.Example`.

    Args:
        video_id: written under ``id``.
        labels: class ids; None leaves the key out, as in a test split.
        means: float [D] by feature name; ``rgb`` is written as ``mean_rgb``.
    """
    example = protos.Example()
    _set_identity(example.features.feature, video_id, labels)
    for name, values in means.items():
        example.features.feature[f"mean_{name}"].float_list.value.extend(values.tolist())
    return example.SerializeToString(deterministic=True)


def frame_level_record(
    video_id: str, labels: Sequence[int] | None, frames: Mapping[str, np.ndarray], ratings: Ratings | None = None
) -> bytes:
    """Makes a serialized `tf.train.SequenceExample`.

    Args:
        video_id: written under ``id``.
        labels: class ids; None leaves the key out, as in a test split.
        frames: uint8, float16 or float32 [T, D] by feature name, one row a second. float32 is written as lists of floats, the
            others as bytes.
        ratings: if given, the record is a segment record.
    """
    features = protos.Features()
    context = features.feature
    _set_identity(context, video_id, labels)
    if ratings is not None:
        context["segment_start_times"].int64_list.value.extend(ratings.start_times)
        context["segment_end_times"].int64_list.value.extend(ratings.end_times)
        context["segment_labels"].int64_list.value.extend(ratings.labels)
        context["segment_scores"].float_list.value.extend(ratings.scores)
    lists = b"".join(protos.with_length(1, _entry(name, frames[name])) for name in sorted(frames))
    serialized = features.SerializeToString(deterministic=True)
    return protos.with_length(1, serialized) + (protos.with_length(2, lists) if lists else b"")


def _entry(name: str, rows: np.ndarray) -> bytes:
    """An entry of a serialized `FeatureLists`. All rows have one size, so all have the same bytes before their values.

    Through protobuf, the rows of a long video would take several times their memory.
    """
    feature = protos.Feature()
    if rows.dtype == np.float32:
        feature.float_list.value.extend([0.0] * rows.shape[1])
    else:
        feature.bytes_list.value.append(bytes(rows.shape[1] * rows.itemsize))
    size = rows.shape[1] * rows.itemsize
    framed_row = protos.with_length(1, feature.SerializeToString())
    before = np.frombuffer(framed_row[: len(framed_row) - size], np.uint8)
    encoded = np.empty((len(rows), len(framed_row)), np.uint8)
    encoded[:, : len(before)] = before
    encoded[:, len(before) :] = np.ascontiguousarray(rows, rows.dtype.newbyteorder("<")).view(np.uint8)
    return protos.with_length(1, name.encode()) + protos.with_length(2, encoded.tobytes())


def _set_identity(features, video_id: str, labels: Sequence[int] | None) -> None:
    features["id"].bytes_list.value.append(video_id.encode())
    if labels is not None:
        features["labels"].int64_list.value.extend(labels)


def read_framing(path: str, index: int = 0, offset: int = 0) -> Iterator[RawRecord]:
    """Reads a TFRecord file record by record, and checks both checksums. Holds one record in memory.

    If a record's data fail their checksum, the record is reported and reading goes on. After a damaged or cut-off header
    the next record cannot be found: that record is reported, and reading ends. So it is where a compressed file is damaged.

    Args:
        path: the file, which may be compressed.
        index: number of the record to begin with.
        offset: byte of the file's content at which this record begins.

    Raises:
        OSError, or another of `yt8m.data.access.file_access.errors_of`: the file cannot be opened or read.
    """
    with open_content(path) as (file, size):
        if offset:
            file.seek(offset)
        while offset is not None and _is_before_end(file, offset, size):
            data, problem, next_offset = read_record(file, offset, size)
            yield RawRecord(index, offset, data, problem, ends_file=next_offset is None)
            index, offset = index + 1, next_offset


def read_offsets(path: str) -> Iterator[int]:
    """Yields the byte at which each record of a TFRecord file begins, then the file's size. Reads only the headers.

    In a compressed file, these are bytes of its content.

    Raises:
        RecordError: a header is damaged or cut off, or a record is cut off.
        OSError, or another of `yt8m.data.access.file_access.errors_of`: the file cannot be opened or read.
    """
    with open_content(path) as (file, size):
        for offset, broken in read_headers(file, size):
            if broken:
                raise broken.as_error(path)
            yield offset
        yield file.tell() if size is None else size


def read_headers(file: BinaryIO, size: int | None) -> Iterator[tuple[int, RawRecord | None]]:
    """Goes from header to header without reading the data between them, up to the first incomplete record.

    Args:
        file: an open TFRecord file. After each step, it is at the record's data.
        size: its size in bytes; None = unknown.

    Yields:
        The byte at which a record begins, and None; or, for an incomplete record, the record with its problem. Nothing
        follows an incomplete record. If the size is unknown, a record that is cut off comes without its problem first.
    """
    index, offset = 0, 0
    while _is_before_end(file, offset, size):
        file.seek(offset)
        end = _end_of(file, offset)
        if end is not None and (size is None or end <= size):
            yield offset, None
            if size is not None or _reaches(file, end):
                index, offset = index + 1, end
                continue
        file.seek(offset)
        yield offset, RawRecord(index, offset, b"", read_record(file, offset, size).problem, ends_file=True)
        return


def _is_before_end(file: BinaryIO, offset: int, size: int | None) -> bool:
    """Whether to read a record at a byte of the file. In an empty file there is one, with the problem that it is empty."""
    if size is not None:
        return offset < size or size == 0
    file.seek(offset)
    try:
        is_before = offset == 0 or len(file.read(1)) == 1
    except DamagedStream:
        is_before = True
    file.seek(offset)
    return is_before


def _end_of(file: BinaryIO, offset: int) -> int | None:
    """Where the record ends whose header is at the file's position; None if the header is damaged or cut off."""
    try:
        header = file.read(HEADER_BYTES)
    except DamagedStream:
        return None
    return offset + HEADER_BYTES + struct.unpack_from("<Q", header)[0] + FOOTER_BYTES if is_header(header) else None


def _reaches(file: BinaryIO, end: int) -> bool:
    """Whether a file of unknown size has as many bytes."""
    file.seek(end - 1)
    try:
        return len(file.read(1)) == 1
    except DamagedStream:
        return False


class FramedRecord(NamedTuple):
    """A record read from a file, and the place of the next one."""

    data: bytes
    """Empty if the record is broken."""
    problem: str | None
    """None if nothing is wrong."""
    end: int | None
    """Byte at which the next record begins; None if that is unknown."""


def read_record(file: BinaryIO, offset: int, size: int | None) -> FramedRecord:
    """Reads the record that begins at the file's current position.

    Args:
        file: positioned at `offset`.
        offset: byte of the file, for messages and for the place of the next record.
        size: bytes in the file; None = unknown. No read goes beyond them, whatever a header claims.
    """
    if size == 0:
        return FramedRecord(b"", EMPTY, None)
    try:
        header = file.read(HEADER_BYTES)
        if not header and offset == 0:
            return FramedRecord(b"", EMPTY, None)
        if len(header) < HEADER_BYTES:
            end = offset + len(header)
            return FramedRecord(b"", f"its header is cut off by the end of the file, at byte {end}", None)
        if not is_header(header):
            return FramedRecord(b"", _header_problem(file, header, offset, size), None)
        return _read_data(file, offset + HEADER_BYTES, struct.unpack_from("<Q", header)[0], size)
    except DamagedStream as error:
        return FramedRecord(b"", str(error), None)


def _read_data(file: BinaryIO, begin: int, length: int, size: int | None) -> FramedRecord:
    """Reads a record's data and their checksum, at the file's current position, which is `begin`."""
    end = begin + length + FOOTER_BYTES
    if size is None and length > _LARGEST_RECORD:
        return FramedRecord(b"", f"claims {quantity(length, 'byte')}, more than a record can have", None)
    if size is None or end <= size:
        data, footer = file.read(length), file.read(FOOTER_BYTES)
        size = begin + len(data) + len(footer)
    if size < end:
        problem = f"is cut off by the end of the file: it should end at byte {end}, the file ends at {size}"
        return FramedRecord(b"", problem, None)
    if masked_checksum(data) != int.from_bytes(footer, "little"):
        return FramedRecord(b"", "its data do not match their checksum", end)
    return FramedRecord(data, None, end)


def _header_problem(file: BinaryIO, header: bytes, offset: int, size: int | None) -> str:
    if offset > 0:
        size = offset + HEADER_BYTES + _count_bytes(file) if size is None else size
        lost = f"the next record cannot be found, and the last {quantity(size - offset, 'byte')} of the file are lost"
        return f"its header does not match its checksum, so {lost}"
    if compression_of(header):
        return _TWICE
    return _OTHER


def _count_bytes(file: BinaryIO) -> int:
    """Bytes from the file's position to its end, or to where a compressed file is damaged."""
    count = 0
    with contextlib.suppress(DamagedStream):
        while block := file.read(_BLOCK_BYTES):
            count += len(block)
    return count
