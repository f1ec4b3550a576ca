"""Finds the values of many records' features at once, without parsing the records.

An `Example` holds a map, and protobuf writes a map as a list of entries of key and value in any order. Parsing makes objects
of all values. Here arrays of positions walk through all records in step, from entry to entry. An entry whose first bytes
are those that protobuf writes before a value is known to hold this value. A record with any other entry, or with anything
beside them, is unusual.

https://protobuf.dev/programming-guides/encoding/ describes the encoding. B = records, n = entries.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from yt8m.data.engine.videos import varint

PADDING = 8
"""Bytes to put behind the last record. Whole words are compared, and may begin at its last byte."""

_FIRST, _SECOND = b"\x0a", b"\x12"
"""Tags: field 1 or 2, of which the length comes next. Most messages here have field 1 only."""
_NO_LISTS = b"\x12\x00"
_NO_LISTS_WORD = int.from_bytes(_NO_LISTS, "little")


class Entries(NamedTuple):
    """Entries of the maps of all records."""

    rows: np.ndarray
    """Numbers of their records, int64 [n]."""
    begins: np.ndarray
    """Where their contents begin, int64 [n]."""
    ends: np.ndarray
    """Where they end, int64 [n]."""
    is_usual: np.ndarray
    """Whether a record consists of entries only, and of few, bool [B]."""


def every_word(data: np.ndarray) -> np.ndarray:
    """The eight bytes from each byte on, as a view int64 [bytes - 7] of uint8 [bytes]."""
    return np.ndarray((len(data) - 7,), "<i8", data, strides=(1,))


def find_entries(words: np.ndarray, begins: np.ndarray, ends: np.ndarray, most: int) -> Entries:
    """Finds the entries of serialized `Example`s.

    Args:
        words: from `every_word`, of all records and `PADDING`.
        begins, ends: where each record begins and ends, int64 [B].
        most: records with more entries are unusual.
    """
    is_right, places, stops = _field(words, begins, ends)
    is_usual = is_right & ((stops == ends) | _are_closed(words, stops, ends))
    rows = np.flatnonzero(is_usual)
    places, stops = places[rows], stops[rows]
    found = []
    for _ in range(most):
        is_right, starts, following = _field(words, places, stops)
        if not is_right.all():
            is_usual[rows[~is_right]] = False
            rows, starts, following, stops = (each[is_right] for each in (rows, starts, following, stops))
        found.append((rows, starts, following))
        places, has_more = following, following < stops
        if not has_more.all():
            rows, places, stops = (each[has_more] for each in (rows, places, stops))
        if not len(rows):
            break
    is_usual[rows] = False
    return Entries(*map(np.concatenate, zip(*found, strict=True)), is_usual)


def _are_closed(words: np.ndarray, stops: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether nothing lies between each stop and the end but the empty lists of frames of a `SequenceExample`, bool [B].

    The records of 2018 have these.
    """
    return (stops + len(_NO_LISTS) == ends) & ((words[np.minimum(stops, ends)] & 0xFFFF) == _NO_LISTS_WORD)


def _field(words: np.ndarray, places: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether field 1 begins at each place and ends before the stop, bool [n]; where its content begins and ends."""
    here = words[places]
    second = here >> 15 & 1
    third = here >> 23 & second
    lengths = (here >> 8 & 0x7F) + (here >> 9 & 0x3F80) * second + (here >> 10 & 0x1FC000) * third
    begins = places + 2 + second + third
    ends = begins + lengths
    is_short = (here >> 31 & third) == 0
    return ((here & 0xFF) == _FIRST[0]) & is_short & (ends <= stops), begins, ends


class Pattern:
    """The bytes that protobuf writes into an entry before its value, for one key and some sizes of the value.

    A value is the floats of a list, the numbers of a list (each in its one to ten bytes), or the only bytes value of a list.
    """

    def __init__(self, key: str, kind: int, sizes: Sequence[int]):
        """Takes the key, the number of the field of `Feature` that holds the list, and the sizes of values in bytes."""
        before = [_before(key, kind, size) for size in sizes]
        self._num_before = np.array([len(each) for each in before])
        lengths = self._num_before + np.array(sizes)
        self._case_of = np.full(lengths.max() + 2, -1)
        self._case_of[lengths] = np.arange(len(sizes))
        self._expected = _as_words(before)
        self._masks = _as_words([b"\xff" * len(each) for each in before])
        (self._first,) = _as_words([_key(key)[:8]])
        (self._first_mask,) = _as_words([b"\xff" * len(_key(key)[:8])])

    def find(self, words: np.ndarray, entries: Entries, first: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Finds the entries of this pattern, m of them.

        Args:
            words: from `every_word`.
            entries: the entries of all records.
            first: the words at which these begin, int64 [n].

        Returns:
            Which entries they are, where their values begin, and how many bytes these have: int64 [m] each.
        """
        which = np.flatnonzero((first & self._first_mask) == self._first)
        begins = entries.begins[which]
        lengths = entries.ends[which] - begins
        cases = self._case_of[np.minimum(lengths, len(self._case_of) - 1)]
        is_right = cases >= 0
        if not is_right.all():  # only these are sure to be as long as what they are compared with
            which, begins, lengths, cases = (each[is_right] for each in (which, begins, lengths, cases))
            is_right = is_right[is_right]
        for place, (expected, mask) in enumerate(zip(self._expected, self._masks, strict=True)):
            is_right &= (words[begins + 8 * place] & mask[cases]) == expected[cases]
        if not is_right.all():
            which, begins, lengths, cases = (each[is_right] for each in (which, begins, lengths, cases))
        num_before = self._num_before[cases]
        return which, begins + num_before, lengths - num_before


def _key(key: str) -> bytes:
    return _FIRST + varint(len(key.encode())) + key.encode()


def _before(key: str, kind: int, size: int) -> bytes:
    # An empty list of numbers has no field at all.
    values = _FIRST + varint(size) if size else b""
    feature = bytes([kind << 3 | 2]) + varint(len(values) + size) + values
    return _key(key) + _SECOND + varint(len(feature) + size) + feature


def _as_words(texts: Sequence[bytes]) -> np.ndarray:
    """Texts, each padded with zeros, as int64 [words, texts]."""
    size = -(-max(map(len, texts)) // 8) * 8
    return np.frombuffer(b"".join(text.ljust(size, b"\0") for text in texts), "<i8").reshape(len(texts), -1).T.copy()
