"""TFRecord framing: a record's length, its data, and a checksum of each (`yt8m.data.records` shows the layout)."""

import struct

import google_crc32c

HEADER_BYTES = 12
FOOTER_BYTES = 4

_CRC_MASK = 0xA282EAD8


def masked_checksum(data: bytes) -> int:
    """CRC32C, rotated right by 15 bits, plus a constant. TFRecord masks so to avoid checksums of checksums."""
    checksum = google_crc32c.value(data)
    return (((checksum >> 15) | (checksum << 17)) + _CRC_MASK) & 0xFFFFFFFF


def is_header(header: bytes) -> bool:
    """Whether twelve bytes are a record's length and its checksum. One in four billion random strings passes."""
    return len(header) == HEADER_BYTES and header[8:] == struct.pack("<I", masked_checksum(header[:8]))


def framed(data: bytes) -> bytes:
    """Frames one record as a TFRecord file holds it."""
    length = struct.pack("<Q", len(data))
    return b"".join(
        (length, struct.pack("<I", masked_checksum(length)), data, struct.pack("<I", masked_checksum(data)))
    )
