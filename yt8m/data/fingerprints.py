"""FarmHash's `Fingerprint64`, as TensorFlow's `tf.strings.to_hash_bucket_fast` uses it.

Its specification never changes, unlike Python's `hash`: https://github.com/google/farmhash, namespace `farmhashna`. Names of
variables are those of FarmHash.
"""

from collections.abc import Callable

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def fingerprint(data: bytes) -> int:
    """The fingerprint of bytes of any length, from 0 to 2^64 - 1. Takes a few microseconds for an id."""
    if len(data) <= 16:
        return _of_at_most_16(data)
    if len(data) <= 32:
        return _of_17_to_32(data)
    return _of_33_to_64(data) if len(data) <= 64 else _of_more(data)


def _rotate(value: int, places: int) -> int:
    """Rotates the lowest 64 bits to the right."""
    value &= _MASK
    return (value >> places | value << (64 - places)) & _MASK


def _shift_mix(value: int) -> int:
    value &= _MASK
    return value ^ value >> 47


def _mix(u: int, v: int, mul: int) -> int:
    a = _shift_mix((u ^ v) * mul)
    return _shift_mix((v ^ a) * mul) * mul & _MASK


def _words(data: bytes) -> Callable[[int], int]:
    """Makes a function that gives the eight bytes at a place as a number. Places below 0 count from the end."""
    length = len(data)

    def word(place: int) -> int:
        place += length if place < 0 else 0
        return int.from_bytes(data[place : place + 8], "little")

    return word


def _of_at_most_16(data: bytes) -> int:
    length = len(data)
    mul = _K2 + 2 * length
    if length >= 8:
        word = _words(data)
        a, b = word(0) + _K2, word(-8)
        c = _rotate(b, 37) * mul + a & _MASK
        d = (_rotate(a, 25) + b) * mul & _MASK
        return _mix(c, d, mul)
    if length >= 4:
        a = int.from_bytes(data[:4], "little")
        return _mix(length + (a << 3), int.from_bytes(data[-4:], "little"), mul)
    if length:
        y = data[0] + (data[length >> 1] << 8)
        z = length + (data[-1] << 2)
        return _shift_mix(y * _K2 ^ z * _K0) * _K2 & _MASK
    return _K2


def _of_17_to_32(data: bytes) -> int:
    word, mul = _words(data), _K2 + 2 * len(data)
    a, b, c, d = word(0) * _K1, word(8), word(-8) * mul, word(-16) * _K2
    return _mix(_rotate(a + b, 43) + _rotate(c, 30) + d & _MASK, a + _rotate(b + _K2, 18) + c & _MASK, mul)


def _of_33_to_64(data: bytes) -> int:
    word, mul = _words(data), _K2 + 2 * len(data)
    a, b, c, d = word(0) * _K2, word(8), word(-8) * mul, word(-16) * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d & _MASK
    z = _mix(y, a + _rotate(b + _K2, 18) + c & _MASK, mul)
    e, f = word(16) * mul, word(24)
    g, h = (y + word(-32)) * mul, (z + word(-24)) * mul
    return _mix(_rotate(e + f, 43) + _rotate(g, 30) + h & _MASK, e + _rotate(f + a, 18) + g & _MASK, mul)


def _of_more(data: bytes) -> int:
    length, word = len(data), _words(data)
    x, y = 81, 81 * _K1 + 113 & _MASK
    z = _shift_mix(y * _K2 + 113) * _K2 & _MASK
    v = w = (0, 0)
    x = x * _K2 + word(0) & _MASK

    def step(place: int, mul: int, by: int = 1) -> None:
        """Takes in the 64 bytes at a place."""
        nonlocal v, w, x, y, z
        x = _rotate(x + y + v[0] + word(place + 8), 37) * mul & _MASK
        y = _rotate(y + v[1] + word(place + 48), 42) * mul & _MASK
        x ^= w[1] * by & _MASK
        y = y + v[0] * by + word(place + 40) & _MASK
        z = _rotate(z + w[0], 33) * mul & _MASK
        v = _weak(word, place, v[1] * mul, x + w[0])
        w = _weak(word, place + 32, z + w[1], y + word(place + 16))
        x, z = z, x

    rest = (length - 1) & 63
    for place in range(0, length - 1 - rest, 64):
        step(place, _K1)
    mul = _K1 + ((z & 0xFF) << 1)
    w = w[0] + rest & _MASK, w[1]
    v = v[0] + w[0] & _MASK, v[1]
    w = w[0] + v[0] & _MASK, w[1]
    step(length - 64, mul, by=9)
    return _mix(
        _mix(v[0], w[0], mul) + _shift_mix(y) * _K0 + z & _MASK,
        _mix(v[1], w[1], mul) + x & _MASK,
        mul,
    )


def _weak(word: Callable[[int], int], place: int, a: int, b: int) -> tuple[int, int]:
    """Hashes 32 bytes with two seeds."""
    w, x, y, z = (word(place + step) for step in (0, 8, 16, 24))
    a += w
    b = _rotate(b + a + z, 21)
    c = a
    a += x + y
    b += _rotate(a, 44)
    return a + z & _MASK, b + c & _MASK
