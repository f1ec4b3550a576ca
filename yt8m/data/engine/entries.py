"""Finds the values of many records' features at once, without parsing the records.

An `Example` holds a map, and protobuf writes a map as a list of entries of key and value in any order. Parsing makes objects
of all values. Here arrays of positions walk through all records in step, from entry to entry. An entry whose first bytes
are those that protobuf writes before a value is known to hold this value. A record with any other entry, or with anything
beside them, is unusual.

Batches are small, so the number of operations on arrays counts more than their length.

https://protobuf.dev/programming-guides/encoding/ describes the encoding. B = records, n = entries.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from yt8m.data.protos import varint

_FIRST, _SECOND = b"\x0a", b"\x12"
"""Tags: field 1 or 2, of which the length comes next. Most messages here have field 1 only."""
_NO_LISTS = b"\x12\x00"
_NO_LISTS_WORD = int.from_bytes(_NO_LISTS, "little")
_TOO_LONG = 1 << 40


def _steps() -> np.ndarray:
    """By the two bytes after a tag: bytes from the tag to the end of the field. Longer lengths count as `_TOO_LONG`."""
    first, second = (np.arange(1 << 16) >> shift & 0xFF for shift in (0, 8))
    two = np.where(second < 128, 3 + (first & 127 | second << 7), _TOO_LONG)
    return np.where(first < 128, 2 + first, two)


_STEPS = _steps()


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


class Places(NamedTuple):
    """Where the values of a field are. Of an unusual record they may mean nothing."""

    begins: np.ndarray
    """Where the value of each record begins, int64 [B]; -1 where there is none."""
    sizes: np.ndarray
    """How many bytes it has, int64 [B]."""


class Pattern(NamedTuple):
    """How protobuf writes a value under one key.

    A value is the floats of a list, the numbers of a list (each in its one to ten bytes), or the only bytes value of a list.
    """

    key: str
    kind: int
    """Number of the field of `Feature` that holds the list."""
    sizes: Sequence[int]
    """Sizes of values in bytes. A value of another size is unusual."""


def every_word(data: np.ndarray) -> np.ndarray:
    """The eight bytes from each byte on, as a view int64 [bytes - 7] of uint8 [bytes]."""
    return np.ndarray((len(data) - 7,), "<i8", data, strides=(1,))


def find_entries(words: np.ndarray, begins: np.ndarray, ends: np.ndarray, most: int, longest: int) -> Entries:
    """Finds the entries of serialized `Example`s.

    Args:
        words: from `every_word`, of all records and eight bytes more.
        begins, ends: where each record begins and ends, int64 [B].
        most: records with more entries are unusual.
        longest: most bytes of a usual entry.
    """
    first = words[begins]
    places, stops = _contents(first, begins)
    is_usual = ((first & 0xFF) == _FIRST[0]) & ((stops == ends) | _are_closed(words, stops, ends))
    rows = np.flatnonzero(is_usual)
    places, limits = places[rows], stops[rows]
    found = []
    for _ in range(most):
        here = words[places]
        following = places + _STEPS[here >> 8 & 0xFFFF] if longest < 1 << 14 else _contents(here, places)[1]
        found.append((rows, places, here, following))
        has_more = following < limits
        if has_more.all():
            places = following
        else:
            rows, places, limits = rows[has_more], following[has_more], limits[has_more]
            if not len(rows):
                break
    rows, places, here, following = map(np.concatenate, zip(*found, strict=True))
    # A field that ends anywhere else than the last one should, or has another tag, makes its record unusual.
    ends_well = np.zeros(len(begins), bool)
    ends_well[rows[following == stops[rows]]] = True
    ends_well[rows[(here & 0xFF) != _FIRST[0]]] = False
    starts, fits = _contents(here, places)[0], following <= stops[rows]
    if not fits.all():  # such an entry may end behind the last record
        rows, starts, following = rows[fits], starts[fits], following[fits]
    return Entries(rows, starts, following, is_usual & ends_well)


def _contents(first: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the contents of fields begin and end, int64 [n] each. Lengths of more than three bytes count as `_TOO_LONG`.

    Args:
        first: the words at the fields' tags, int64 [n].
        places: where the tags are, int64 [n].
    """
    second = first >> 15 & 1
    third = first >> 23 & second
    lengths = (first >> 8 & 0x7F) + (first >> 9 & 0x3F80) * second + (first >> 10 & 0x1FC000) * third
    begins = places + 2 + second + third
    return begins, begins + lengths + (first >> 31 & third) * _TOO_LONG


def _are_closed(words: np.ndarray, stops: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether nothing lies between each stop and the end but the empty lists of frames of a `SequenceExample`, bool [B].

    The records of 2018 have these.
    """
    return (stops + len(_NO_LISTS) == ends) & ((words[np.minimum(stops, ends)] & 0xFFFF) == _NO_LISTS_WORD)


class Patterns:
    """Tells by the bytes at its beginning which field an entry holds."""

    def __init__(self, fields: Mapping[str, Sequence[Pattern]]):
        """Takes the patterns of each field, one for each of its keys."""
        self.names = tuple(fields)
        layers: list[dict[int, tuple[int, Pattern]]] = []
        for number, patterns in enumerate(fields.values()):
            for pattern in patterns:
                prefix = _prefix(pattern.key)
                layer = next((each for each in layers if prefix not in each), None)
                if layer is None:
                    layers.append(layer := {})
                layer[prefix] = number, pattern
        self._layers = [_Layer(each, len(fields)) for each in layers]
        self.padding = 8 * (1 + max(len(layer.expected) for layer in self._layers))
        """Bytes to put behind the last record: whole words are compared, and may begin at its last byte."""
        self.longest = max(layer.longest for layer in self._layers)
        """Most bytes of an entry."""

    def find(self, words: np.ndarray, entries: Entries) -> tuple[dict[str, Places], np.ndarray]:
        """Finds the fields of all records.

        Args:
            words: from `every_word`, of all records and `padding`.
            entries: their entries.

        Returns:
            The places of each field; whether a record is usual, bool [B]: it consists of these fields, each at most once.
        """
        size, count = len(entries.is_usual), len(self.names)
        begins = np.full((count + 1, size), -1)  # the last row is for what is no field
        sizes = np.zeros((count + 1, size), np.int64)
        for layer in self._layers:
            cases = layer.cases(words, entries)
            which = layer.field_of[cases], entries.rows
            starts = entries.begins + layer.num_before[cases]
            begins[which], sizes[which] = starts, entries.ends - starts
        num_found = (begins[:count] >= 0).sum(axis=0)
        is_usual = entries.is_usual & (num_found == np.bincount(entries.rows, minlength=size))
        return {name: Places(begins[number], sizes[number]) for number, name in enumerate(self.names)}, is_usual


class _Layer:
    """Patterns whose keys differ in their lengths or in their first letters.

    A case is a pattern with a size of its value. Case 0 is no pattern.
    """

    def __init__(self, patterns: Mapping[int, tuple[int, Pattern]], num_fields: int):
        ordered = sorted(patterns)
        cases = [
            (place, patterns[prefix][0], _before(patterns[prefix][1], size), size)
            for place, prefix in enumerate(ordered)
            for size in patterns[prefix][1].sizes
        ]
        before = [b"", *(case[2] for case in cases)]
        self.num_before = np.array([len(each) for each in before])
        self.field_of = np.array([num_fields, *(case[1] for case in cases)])
        self.expected = _as_words(before)
        self._masks = _as_words([b"\xff" * len(each) for each in before])
        self.expected[0, 0] = 1  # which the mask of case 0 never leaves
        self._prefixes = np.array(ordered)
        self.longest = max(len(case[2]) + case[3] for case in cases)
        self._case_of = np.zeros((len(ordered) + 1, self.longest + 2), np.int64)
        for number, (place, _, start, size) in enumerate(cases, 1):
            self._case_of[place, len(start) + size] = number

    def cases(self, words: np.ndarray, entries: Entries) -> np.ndarray:
        """The case of each entry, int64 [n]."""
        first, lengths = words[entries.begins], entries.ends - entries.begins
        guessed = np.searchsorted(self._prefixes, first & _PREFIX_MASKS[first >> 8 & 0xFF])
        cases = self._case_of[guessed, np.minimum(lengths, self.longest + 1)]
        is_right = (first & self._masks[0][cases]) == self.expected[0][cases]
        for place in range(1, len(self.expected)):
            here = words[entries.begins + 8 * place]
            is_right &= (here & self._masks[place][cases]) == self.expected[place][cases]
        return cases * is_right


_PREFIX_MASKS = np.frombuffer(b"".join((b"\xff" * min(8, 2 + size)).ljust(8, b"\0") for size in range(256)), "<i8")
"""Masks for tag, length and first letters of a key, by the length."""


def _prefix(key: str) -> int:
    return int.from_bytes(_key(key)[:8], "little", signed=len(_key(key)) >= 8)


def _key(key: str) -> bytes:
    return _FIRST + varint(len(key.encode())) + key.encode()


def _before(pattern: Pattern, size: int) -> bytes:
    """The bytes of an entry before its value."""
    # An empty list of numbers has no field at all.
    values = _FIRST + varint(size) if size else b""
    feature = bytes([pattern.kind << 3 | 2]) + varint(len(values) + size) + values
    return _key(pattern.key) + _SECOND + varint(len(feature) + size) + feature


def _as_words(texts: Sequence[bytes]) -> np.ndarray:
    """Texts, each padded with zeros, as int64 [words, texts]."""
    size = -(-max(map(len, texts)) // 8) * 8
    return np.frombuffer(b"".join(text.ljust(size, b"\0") for text in texts), "<i8").reshape(len(texts), -1).T.copy()
