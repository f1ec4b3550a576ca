"""Records as no library writes them, but as protobuf's encoding allows: made byte by byte, from a source of random choices.

https://protobuf.dev/programming-guides/encoding/ describes the encoding.
"""

import struct
from collections.abc import Sequence
from random import Random

from slow_reading import SIZES

NUM_CLASSES = 20
MAX_LABELS = 6
_BYTES, _FLOATS, _INTEGERS = 1, 2, 3
"""Field numbers of a `Feature`."""


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    digits = []
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])


def chunk(number: int, content: bytes, num_zeros: int = 0) -> bytes:
    """A field whose length stands before its content, with so many digits more than it needs."""
    length = bytearray(varint(len(content)))
    if num_zeros:
        length[-1] |= 128
        length += b"\x80" * (num_zeros - 1) + b"\x00"
    return varint(number << 3 | 2) + bytes(length) + content


class OddRecords:
    """Makes records.

    Args:
        random: makes all choices.
        oddness: how often a part is written in an unusual way, from 0 to 1. With 0, records are as protobuf writes them, but for
            the order of their keys.
        flaws: how often a part has contents that no reader can use.
        repeats: whether some keys come twice, some lists in several parts, some values of two kinds and some lengths with far too
            many digits. protobuf has rules for these, which TensorFlow's parser does not follow.
    """

    def __init__(self, random: Random, oddness: float, flaws: float, repeats: bool = True):
        self._random, self._oddness, self._flaws, self._repeats = random, oddness, flaws, repeats

    def _is_odd(self) -> bool:
        return self._random.random() < self._oddness

    def _has_flaw(self) -> bool:
        return self._random.random() < self._flaws

    def _chunk(self, number: int, content: bytes) -> bytes:
        is_odd = self._is_odd() and self._is_odd() and self._is_odd()
        return chunk(number, content, self._random.choice([1, 2, 4, 9] if self._repeats else [1, 2]) if is_odd else 0)

    def _message(self, fields: Sequence[bytes]) -> bytes:
        """Joins fields, with unknown ones between them."""
        parts = []
        for field in [*fields, b""]:
            if self._is_odd() and self._is_odd():
                number = self._random.choice([7, 15, 16, 1000])
                kind, content = self._random.choice([(0, b"\x96\x01"), (1, bytes(8)), (2, b"\x03abc"), (5, bytes(4))])
                parts.append(varint(number << 3 | kind) + content)
            parts.append(field)
        return b"".join(parts)

    def _runs(self, values: Sequence) -> list[tuple[bool, Sequence]]:
        """Cuts a list into runs, each packed or not."""
        runs, start = [], 0
        while start < len(values):
            is_cut = self._repeats and self._is_odd()
            stop = self._random.randint(start + 1, len(values)) if is_cut else len(values)
            runs.append((not self._is_odd(), values[start:stop]))
            start = stop
        return runs

    def _integers(self, values: Sequence[int]) -> bytes:
        fields = []
        for is_packed, run in self._runs(values):
            encoded = [varint(value) for value in run]
            fields += [self._chunk(1, b"".join(encoded))] if is_packed else [varint(1 << 3) + each for each in encoded]
        return self._chunk(_INTEGERS, self._message(fields))

    def _floats(self, values: Sequence[float]) -> bytes:
        fields = []
        for is_packed, run in self._runs(values):
            encoded = [struct.pack("<f", value) for value in run]
            fields += (
                [self._chunk(1, b"".join(encoded))] if is_packed else [varint(1 << 3 | 5) + each for each in encoded]
            )
        return self._chunk(_FLOATS, self._message(fields))

    def _texts(self, values: Sequence[bytes]) -> bytes:
        return self._chunk(_BYTES, self._message([self._chunk(1, value) for value in values]))

    def _feature(self, content: bytes) -> bytes:
        """A `Feature`; what stands last of its kinds is what it holds."""
        before = []
        if self._repeats and self._is_odd() and self._is_odd():
            before = [self._random.choice([self._integers([3]), self._floats([0.5]), self._texts([])])]
        if self._has_flaw():
            content = self._random.choice([b"", self._integers([1]), self._floats([1.0]), self._texts([b"x", b"y"])])
        return self._message([*before, content])

    def _entries(self, values: dict[str, bytes]) -> list[bytes]:
        """The pairs of a map. Of two with one key, the later one counts."""
        names = list(values)
        self._random.shuffle(names)
        entries = []
        for name in names:
            own = [self._entry(name, values[name])]
            if self._repeats and self._is_odd() and self._is_odd():
                own.insert(self._random.randint(0, 1), self._entry(name, self._random.choice([b"", *values.values()])))
            entries += own
        return entries

    def _entry(self, name: str, value: bytes) -> bytes:
        pair = [self._chunk(1, name.encode()), self._chunk(2, value)]
        if self._is_odd() and self._is_odd():
            pair.reverse()
        return self._chunk(1, self._message(pair))

    def _spread(self, number: int, entries: list[bytes]) -> list[bytes]:
        """One field with all entries, or several, which protobuf merges."""
        if not entries:
            return [] if self._is_odd() else [self._chunk(number, b"")]
        cut = self._random.randint(0, len(entries)) if self._is_odd() else len(entries)
        fields = [self._chunk(number, self._message(entries[:cut]))]
        return fields + ([self._chunk(number, self._message(entries[cut:]))] if cut < len(entries) else [])

    def _identity(self) -> dict[str, bytes]:
        value = bytes(self._random.choice(b"abcdXYZ-_0") for _ in range(self._random.randint(1, 11)))
        values = [value]
        if self._has_flaw():
            values = self._random.choice([[], [b""], [value, value]])
        features = {self._random.choice(["id", "id", "video_id"]): self._feature(self._texts(values))}
        if self._is_odd():
            features.setdefault("video_id", self._feature(self._texts([b"other"])))
        if self._is_odd():
            features.setdefault("id", self._feature(self._texts(self._random.choice([[], [b"first"]]))))
        return {} if self._has_flaw() else features

    def _labels(self) -> dict[str, bytes]:
        labels = self._random.sample(range(NUM_CLASSES), self._random.randint(0, MAX_LABELS))
        if self._has_flaw():
            labels.append(self._random.choice([-1, NUM_CLASSES, 2**40]))
        if self._has_flaw():
            labels = list(range(MAX_LABELS + 1))
        if self._is_odd():
            return self._random.choice([{}, {"labels": b""}])
        return {"labels": self._feature(self._integers(labels))}

    def _others(self) -> dict[str, bytes]:
        if not self._is_odd():
            return {}
        return {"title": self._feature(self._texts([b"a", b"b"])), "seconds": self._feature(self._integers([1, 2, 3]))}

    def _ratings(self, length: int) -> dict[str, bytes]:
        rows = []
        for _ in range(self._random.randint(0, 4) if length else 0):
            start = 5 * self._random.randint(0, (length - 1) // 5)
            if self._has_flaw():
                start += self._random.choice([1, -5, 5, 2**40])
            label = NUM_CLASSES if self._has_flaw() else self._random.randrange(NUM_CLASSES)
            rows.append((start, label, 1.5 if self._has_flaw() else self._random.choice([0.0, 0.25, 0.5, 1.0])))
        starts, labels, scores = ([row[place] for row in rows] for place in range(3))
        ends = [start + 5 for start in starts]
        if self._has_flaw():
            (self._random.choice([starts, labels, scores, ends]) or [0]).pop()
        features = {
            "segment_start_times": self._feature(self._integers(starts)),
            "segment_labels": self._feature(self._integers(labels)),
            "segment_scores": self._feature(self._floats(scores)),
            "segment_end_times": self._feature(self._integers(ends)),
        }
        if self._is_odd():
            del features["segment_end_times"]
        return features

    def _stream(self, name: str, count: int) -> bytes:
        """Frames that all differ, of bytes from 128 on."""
        frames = []
        for number in range(count):
            size = SIZES[name] - 1 if self._has_flaw() and self._has_flaw() else SIZES[name]
            pattern = bytes((7 * number + place * len(name)) & 127 | 128 for place in range(8))
            frames.append((pattern * (size // 8 + 1))[:size])
        return self._message([self._chunk(1, self._feature_of_frame(frame)) for frame in frames])

    def _feature_of_frame(self, frame: bytes) -> bytes:
        # Otherwise a record of many frames would hardly ever be without one that is odd.
        rarely = OddRecords(self._random, self._oddness**3, self._flaws**2, self._repeats)
        return rarely._feature(rarely._texts([frame]))

    def frame_level(self, rated: bool = False) -> bytes:
        """A `SequenceExample`."""
        count = self._random.choice([0, 1, 2, 4, 5, 6, 9, 11, 12])
        streams = {}
        for name in SIZES:
            own = max(count + self._random.choice([0, 0, 0, self._random.choice([0, 1])]), 0)
            if self._has_flaw():
                own += 2
            if self._random.random() < 0.1:
                own = 0
            if own or self._random.random() < 0.7:
                streams[name] = self._stream(name, own)
        if self._is_odd():
            streams["captions"] = self._message([self._chunk(1, self._feature(self._texts([b"words"])))])
        context = self._identity() | self._labels() | self._others()
        if rated:
            context |= self._ratings(count)
        fields = [*self._spread(1, self._entries(context)), *self._spread(2, self._entries(streams))]
        if self._is_odd():
            self._random.shuffle(fields)
        return self._message(fields)

    def video_level(self) -> bytes:
        """An `Example`."""
        features = self._identity() | self._labels() | self._others()
        for name, size in SIZES.items():
            if self._random.random() < 0.9:
                size += self._has_flaw()
                values = [self._random.choice([0.5, -1.25, 3e-5])] * size
                if self._has_flaw():
                    values[-1] = self._random.choice([float("nan"), float("inf"), 1e-42])
                features[f"mean_{name}"] = self._feature(self._floats(values))
        return self._message(self._spread(1, self._entries(features)))
