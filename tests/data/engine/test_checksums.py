"""Checksums of many strings at once against `google_crc32c`, which makes them one by one."""

import google_crc32c
import numpy as np

from yt8m.data.engine.checksums import extended, unmasked, words_at
from yt8m.data.records import masked_checksum


def test_checksums_of_four_and_eight_bytes():
    rng = np.random.default_rng(1)
    words = rng.integers(0, 2**32, (500, 2), dtype=np.uint32)
    four = extended(np.zeros(500, np.uint32), words[:, 0])
    eight = extended(four, words[:, 1])
    rows = words.astype("<u4")
    at_once = extended(np.zeros(500, np.uint32), rows.view("<u8")[:, 0])
    assert four.tolist() == [google_crc32c.value(row[:1].tobytes()) for row in rows]
    assert eight.tolist() == [google_crc32c.value(row.tobytes()) for row in rows]
    assert (at_once == eight).all()
    # RFC 3720, appendix B.4: 32 bytes of zeros.
    zeros = np.zeros(1, np.uint32)
    for _ in range(8):
        zeros = extended(zeros, np.zeros(1, np.uint32))
    assert zeros.tolist() == [0x8A9136AA]


def test_masks_are_taken_off():
    texts = [bytes([number]) * number for number in range(200)]
    masked = np.array([masked_checksum(text) for text in texts], np.uint32)
    assert unmasked(masked).tolist() == [google_crc32c.value(text) for text in texts]


def test_numbers_at_any_byte():
    memory = np.frombuffer(bytes(range(20)), np.uint8)
    assert words_at(memory, np.array([1, 16])).tolist() == [0x04030201, 0x13121110]
    assert words_at(memory, np.array([3]), "<u8").tolist() == [0x0A09080706050403]
    assert words_at(memory[:2], np.array([], np.int64)).tolist() == []
