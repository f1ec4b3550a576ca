"""CRC32C of many short strings at once. Long strings go one by one through `google_crc32c`, which is faster there."""

import numpy as np

_POLYNOMIAL = 0x82F63B78
_INVERSION = np.uint32(0xFFFFFFFF)
_MASK = np.uint32(0xA282EAD8)


def _tables() -> np.ndarray:
    """What each byte adds to a checksum if 3, 2, 1 or 0 bytes follow it, uint32 [4, 256]."""
    last = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        last = np.where(last & 1, last >> 1 ^ np.uint32(_POLYNOMIAL), last >> 1)
    tables = [last]
    while len(tables) < 4:
        tables.insert(0, tables[0] >> 8 ^ last[tables[0] & 255])
    return np.stack(tables)


_TABLES = _tables()


def extended(checksums: np.ndarray, words: np.ndarray) -> np.ndarray:
    """The checksums after four more bytes of each string.

    Args:
        checksums: those so far, uint32 [n]; 0 for an empty string.
        words: the four bytes, little-endian, uint32 [n].
    """
    mixed = checksums ^ _INVERSION ^ words
    result = _TABLES[3][mixed >> 24] ^ _INVERSION
    for place in range(3):
        result ^= _TABLES[place][mixed >> 8 * place & 255]
    return result


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
