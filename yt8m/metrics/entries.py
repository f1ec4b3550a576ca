"""Storage of (class, score, hit) entries for the streaming metrics: 8 bytes each, sorted in place."""

from collections.abc import Iterator

import numpy as np

from yt8m.metrics.ranking import precision_sum

_CHUNK = 1 << 20
"""Entries to handle together, so that temporaries take only a few times 8 MB."""

_CLASS_SHIFT = np.uint64(33)
_ROTATION = np.uint64(31)
_ONE = np.uint64(1)
MAX_CLASSES = (1 << 31) - 1


def descending_code(scores: np.ndarray) -> np.ndarray:
    """Codes of finite float32 scores, as uint32. Higher scores have lower codes; equal scores have equal codes."""
    # Adding zero turns -0.0 into 0.0. The bits of positive floats ascend with them, those of negative ones descend.
    return _reversed_if_positive((scores + np.float32(0.0)).view(np.uint32))


def score_of_code(codes: np.ndarray) -> np.ndarray:
    """The float32 scores of codes from `descending_code`."""
    return _reversed_if_positive(codes).view(np.float32)


def _reversed_if_positive(bits: np.ndarray) -> np.ndarray:
    """The bits of floats, inverted except for the sign where it is positive. Applied twice, it changes nothing."""
    return np.where(bits >> np.uint32(31), bits, ~bits & np.uint32(0x7FFFFFFF))


class RankedEntries:
    """A growing multiset of (class, score, hit) entries and the precision sums of its rankings.

    An entry is one uint64: 31 bits class, 32 bits `descending_code` of the score, 1 bit hit. Sorted, this ranks every
    class; rotated left by 31 bits and sorted, it ranks all classes together. Both happen in place, a chunk at a time,
    and no result depends on the order in which entries came.
    """

    def __init__(self):
        self._chunks: list[np.ndarray] = []
        self._room = 0  # free entries at the end of the last chunk

    def __len__(self) -> int:
        return sum(len(chunk) for chunk in self._chunks) - self._room

    def __getstate__(self):
        """For another process: without the free room, which few entries would have most of."""
        return {"_chunks": [chunk.copy() for chunk in self._filled() if len(chunk)], "_room": 0}

    def append(self, classes: np.ndarray, scores: np.ndarray, hits: np.ndarray) -> None:
        """Adds entries: classes int [M] below `MAX_CLASSES`, scores finite float32 [M], hits bool [M]."""
        keys = classes.astype(np.uint64) << _CLASS_SHIFT
        keys |= descending_code(scores).astype(np.uint64) << _ONE
        keys |= hits
        self._append_keys(keys)

    def extend(self, other: "RankedEntries") -> None:
        """Adds all entries of another object, which does not change."""
        for keys in list(other._filled()):
            self._append_keys(keys)

    def class_precision_sums(self, num_classes: int) -> np.ndarray:
        """The `precision_sum` of every class's ranking, float64 [num_classes]."""
        keys = self._consolidated()
        keys.sort()
        borders = np.searchsorted(keys, np.arange(num_classes + 1, dtype=np.uint64) << _CLASS_SHIFT)
        sums = np.zeros(num_classes)
        for index in np.flatnonzero(np.diff(borders)):
            sums[index] = _precision_sum(keys[borders[index] : borders[index + 1]], hit_bit=0)
        return sums

    def pooled_precision_sum(self) -> float:
        """The `precision_sum` of the one ranking of all entries."""
        keys = self._consolidated()
        _rotate_left(keys, _ROTATION)
        keys.sort()
        total = _precision_sum(keys, hit_bit=31)
        _rotate_left(keys, np.uint64(64) - _ROTATION)
        return total

    def pooled(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All entries by falling score, in chunks: scores float32 [M] and hits bool [M].

        Do not use the object for anything else until the last chunk.
        """
        keys = self._consolidated()
        _rotate_left(keys, _ROTATION)
        keys.sort()
        try:
            for first in range(0, len(keys), _CHUNK):
                chunk = keys[first : first + _CHUNK]
                codes = (chunk >> np.uint64(32)).astype(np.uint32)
                yield score_of_code(codes), ((chunk >> _ROTATION) & _ONE).astype(bool)
        finally:
            _rotate_left(keys, np.uint64(64) - _ROTATION)

    def _append_keys(self, keys: np.ndarray) -> None:
        while len(keys):
            if not self._room:
                self._chunks.append(np.empty(_CHUNK, np.uint64))
                self._room = _CHUNK
            first, count = _CHUNK - self._room, min(self._room, len(keys))
            self._chunks[-1][first : first + count] = keys[:count]
            self._room -= count
            keys = keys[count:]

    def _filled(self) -> Iterator[np.ndarray]:
        yield from self._chunks[:-1]
        if self._chunks:
            last = self._chunks[-1]
            yield last[: len(last) - self._room]

    def _consolidated(self) -> np.ndarray:
        """All entries in one array, which becomes the only chunk. Chunks are freed as they are copied."""
        if len(self._chunks) == 1 and not self._room:
            return self._chunks[0]
        merged, filled = np.empty(len(self), np.uint64), 0
        if self._chunks:
            self._chunks[-1] = self._chunks[-1][: len(self._chunks[-1]) - self._room]
        self._chunks.reverse()
        while self._chunks:
            chunk = self._chunks.pop()
            merged[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
        self._chunks, self._room = [merged], 0
        return merged


def _rotate_left(keys: np.ndarray, bits: np.uint64) -> None:
    for first in range(0, len(keys), _CHUNK):
        chunk = keys[first : first + _CHUNK]
        low = chunk >> (np.uint64(64) - bits)
        chunk <<= bits
        chunk |= low


def _precision_sum(keys: np.ndarray, hit_bit: int) -> float:
    """`precision_sum` of sorted keys with the score's code right above the hit's bit, a chunk at a time.

    A block of equal scores that a chunk cuts is carried into the next.
    """
    block_shift, hit_shift = np.uint64(hit_bit + 1), np.uint64(hit_bit)
    total, seen_hits, rank, hits_before = 0.0, 0, 0, 0
    for first in range(0, len(keys), _CHUNK):
        chunk = keys[first : first + _CHUNK]
        blocks = keys[first : first + _CHUNK + 1] >> block_shift
        ends = np.flatnonzero(blocks[1:] != blocks[:-1])
        if first + len(chunk) == len(keys):
            ends = np.append(ends, len(chunk) - 1)
        hits = np.cumsum((chunk >> hit_shift) & _ONE, dtype=np.int64)
        hits += seen_hits
        if ends.size:
            ranks = np.concatenate(([rank], first + ends + 1))
            hits_at_ends = np.concatenate(([hits_before], hits[ends]))
            total += precision_sum(ranks, hits_at_ends)
            rank, hits_before = ranks[-1], hits_at_ends[-1]
        seen_hits = hits[-1]
    return total
