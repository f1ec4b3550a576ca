"""Files to read from that the system does not open: of bytes that come in order, or in parts as they are asked for."""

from collections.abc import Callable, Iterator

from yt8m.data.access.compression import DamagedStream

_FIRST_BLOCK_BYTES, _LARGEST_BLOCK_BYTES = 256 << 10, 4 << 20
"""What is asked of a server at first, for a look at a few records, and at most, when a file is read in order."""


class _File:
    """What both kinds of files have in common."""

    def __init__(self, close: Callable[[], None] = lambda: None):
        self._position, self.close = 0, close

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def seek(self, offset: int) -> None:
        """Goes to a byte of the file, or beyond its end."""
        self._position = offset

    def tell(self) -> int:
        """The byte that is read next."""
        return self._position


class StreamFile(_File):
    """A file whose bytes come in order alone. Going back farther than the last chunks begins anew.

    Args:
        start: begins the stream; its chunks are bytes of any sizes.
        close: called when the file is closed.
    """

    def __init__(self, start: Callable[[], Iterator[bytes]], close: Callable[[], None] = lambda: None):
        super().__init__(close)
        self._start = start
        self._begin()

    def _begin(self) -> None:
        self._chunks, self._end = self._start(), 0
        self._held: list[tuple[int, bytes]] = []
        """The last two chunks, each with the byte at which it begins: a reader may go back by a header."""
        self._damage: DamagedStream | None = None

    def read(self, size: int = -1) -> bytes:
        """Reads bytes, all if `size` is negative; fewer only at the end of the file."""
        if self._held and self._position < self._held[0][0]:
            self._begin()
        parts, left = [], size if size >= 0 else None
        for begin, chunk in self._from_position():
            if left == 0:
                break
            first = max(0, self._position - begin)
            part = chunk[first:] if left is None else chunk[first : first + left]
            parts.append(part)
            self._position += len(part)
            left = None if left is None else left - len(part)
            if left == 0:
                break
        return b"".join(parts)

    def _from_position(self) -> Iterator[tuple[int, bytes]]:
        """The chunks from the one on that holds the byte at the position."""
        for begin, chunk in list(self._held):
            if begin + len(chunk) > self._position:
                yield begin, chunk
        while chunk := self._next():
            if self._end > self._position:
                yield self._held[-1]

    def _next(self) -> bytes:
        if self._damage:
            raise self._damage
        try:
            chunk = next(self._chunks, b"")
        except DamagedStream as error:
            self._damage = error
            raise
        if chunk:
            self._held = [*self._held[-1:], (self._end, chunk)]
            self._end += len(chunk)
        return chunk


class PartsFile(_File):
    """A file of which any part can be asked for. The parts grow while it is read in order.

    Args:
        part: gives the bytes from one byte to another.
        num_bytes: the size of the file.
        close: called when the file is closed.
    """

    def __init__(self, part: Callable[[int, int], bytes], num_bytes: int, close: Callable[[], None] = lambda: None):
        super().__init__(close)
        self._part, self._num_bytes = part, num_bytes
        self._begin, self._block, self._block_bytes = 0, b"", _FIRST_BLOCK_BYTES // 2

    def read(self, size: int = -1) -> bytes:
        """Reads bytes, all if `size` is negative; fewer only at the end of the file."""
        end = self._num_bytes if size < 0 else min(self._num_bytes, self._position + size)
        parts = []
        while self._position < end:
            first = self._position - self._begin
            if not 0 <= first < len(self._block):
                self._fetch(end)
                first = 0
            part = self._block[first : first + end - self._position]
            parts.append(part)
            self._position += len(part)
        return b"".join(parts)

    def _fetch(self, wanted_end: int) -> None:
        follows = self._position == self._begin + len(self._block)
        self._block_bytes = min(_LARGEST_BLOCK_BYTES, 2 * self._block_bytes) if follows else _FIRST_BLOCK_BYTES
        begin = self._position
        self._block = self._part(begin, min(self._num_bytes, max(begin + self._block_bytes, wanted_end)))
        self._begin = begin
