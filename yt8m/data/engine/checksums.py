"""CRC32C of many short strings at once. Long strings go one by one through `google_crc32c`, which is faster there."""

import numpy as np

_POLYNOMIAL = 0x82F63B78
_INVERSION = np.uint32(0xFFFFFFFF)
_MASK = np.uint32(0xA282EAD8)


def _tables() -> np.ndarray:
    """What each byte adds to a checksum if 7, 6, ... or 0 bytes follow it, uint32 [8, 256]."""
    last = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        last = np.where(last & 1, last >> 1 ^ np.uint32(_POLYNOMIAL), last >> 1)
    tables = [last]
    while len(tables) < 8:
        tables.insert(0, tables[0] >> 8 ^ last[tables[0] & 255])
    return np.stack(tables)


_TABLES = _tables()
_STARTS = 256 * np.arange(8)[:, None]


def extended(checksums: np.ndarray, words: np.ndarray) -> np.ndarray:
    """The checksums after four or eight more bytes of each string.

    Args:
        checksums: those so far, uint32 [n]; 0 for an empty string.
        words: these bytes as little-endian numbers, uint32 or uint64 [n].
    """
    mixed = (checksums ^ _INVERSION) ^ words
    size = words.dtype.itemsize
    digits = mixed.view(np.uint8).reshape(-1, size).T + _STARTS[:size]
    return np.bitwise_xor.reduce(_TABLES[-size:].ravel()[digits], axis=0) ^ _INVERSION


def unmasked(masked: np.ndarray) -> np.ndarray:
    """The checksums that a file stores as `yt8m.data.records.masked_checksum` makes them, uint32 [n]."""
    rotated = masked - _MASK
    return rotated << 15 | rotated >> 17


def words_at(memory: np.ndarray, places: np.ndarray, dtype: str = "<u4") -> np.ndarray:
    """The numbers that begin at any bytes of a memory, [n].

    Args:
        memory: uint8, contiguous.
        places: bytes of the memory, int64 [n]. The numbers end within the memory.
        dtype: type of the numbers.
    """
    size = np.dtype(dtype).itemsize
    every = np.ndarray((max(0, len(memory) - size + 1),), dtype, memory, strides=(1,))
    return every[places]
