"""The order of items: records, or segments of records, over files and epochs; for one share of them, and from any place on.

The order of an epoch depends on the seed, the number of the epoch and the number of items in each file, and on nothing else. So
a place far on in the stream is found by arithmetic, if these numbers are known: whole epochs are divided out, and the rest of an
epoch is followed on positions alone.

A shuffled epoch permutes the files, reads some of them in turns, one item each, and passes the items through a buffer. Each step
gives the item at a drawn place of the buffer and puts the next item there. At the end, the rest of the buffer is permuted.

Items come and go in runs, lists of any length: small records are read many at a time, and Python does less for each then.
"""

import bisect
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from yt8m.data.engine.runs import After, Runs, Slot, drop, first_of, without
from yt8m.data.options import Order
from yt8m.data.schema import WHOLE, Share

T = TypeVar("T")

_DRAWN_AT_ONCE = 4096
_PLACES, _REST = 1, 2
"""Third numbers of the seeds of the places in the buffer and of its rest. The permutation of the files has none."""


class Shares(NamedTuple):
    """The share of the files, and the share of the items of these files, that a process reads."""

    files: Share = WHOLE
    records: Share = WHOLE
    """Every count-th item of the stream. All shares together are exactly the stream of one reader."""


UNDIVIDED = Shares()


def in_order(
    items: Callable[[int, int], Iterable[list[T]]],
    counts: Callable[[Sequence[int]], Sequence[int] | None],
    num_files: int,
    order: Order,
    shares: Shares = UNDIVIDED,
    skip: int = 0,
) -> Iterator[T]:
    """Gives the items of a share of a stream, once or for ever. The stream also ends if a whole epoch has no item.

    Args:
        items: takes the number of a file and a position; gives the file's items from that position on, in runs of any
            length. The number of items must be the same each time.
        counts: takes the numbers of files; gives the number of items of each, or None if any is unknown. It is asked only for
            `skip`. If any is unknown, the first epoch is read and dropped as far as necessary, and `counts` is asked again.
        num_files: number of files.
        order: `seed`, `shuffle`, `shuffle_buffer`, `parallel_files` and `repeat` are used. It must have a seed if it shuffles.
        shares: the share to give.
        skip: number of items of the share to leave out at the start.

    Raises:
        InputError: a file has fewer items than its count says.
    """
    files = range(num_files)[shares.files.index :: shares.files.count]
    index, every = shares.records
    runs = _Stream(items, counts, files, order).since(index + skip * every)
    return itertools.islice(itertools.chain.from_iterable(runs), 0, None, every)


class _Stream(Generic[T]):
    """The items of some files, epoch after epoch."""

    def __init__(self, items, counts, files: Sequence[int], order: Order):
        self._items, self._counts_of, self._files, self._order = items, counts, files, order
        self._width = order.parallel_files if order.shuffle else 1

    def since(self, position: int) -> Runs[T]:
        """Gives the items from a position of the stream on."""
        epoch = 0
        if position:
            counts = self._counts()
            total = None if counts is None else sum(counts.values())
            if total is None:
                stream = self._epoch(0, 0)
                dropped, left = drop(stream, position)
                if dropped == position:
                    yield left
                    yield from stream
                    epoch, position = 1, 0
                else:
                    total = dropped
            if total is not None:
                if not total:
                    return
                epoch, position = divmod(position, total)
        while epoch == 0 or self._order.repeat:
            is_empty = True
            for run in self._epoch(epoch, position):
                is_empty = is_empty and not run
                yield run
            if is_empty:
                return
            epoch, position = epoch + 1, 0

    def _counts(self) -> dict[int, int] | None:
        """The number of items by file; None if it is not known of all."""
        counts = self._counts_of(self._files)
        return None if counts is None else dict(zip(self._files, counts, strict=True))

    def _epoch(self, epoch: int, position: int) -> Runs[T]:
        """The items of an epoch, from a position on."""
        files = self._files
        if self._order.shuffle:
            rng = np.random.default_rng((self._order.seed, epoch))
            files = [files[place] for place in rng.permutation(len(files)).tolist()]
        counts = self._counts() if position else None
        if counts is not None:
            return self._rest_of_epoch(epoch, position, _Turns(files, counts, self._width))
        stream = self._in_turns([], files)
        if self._order.shuffle:
            buffer, stream = first_of(stream, self._order.shuffle_buffer)
            stream = self._through(buffer, stream, epoch, _flat(self._places(epoch, len(buffer))))
        return without(stream, position)

    def _rest_of_epoch(self, epoch: int, position: int, turns: "_Turns") -> Runs[T]:
        """The items of an epoch from a position on, without those before it."""
        if not self._order.shuffle:
            return self._go_on(turns, position, {})
        size = min(self._order.shuffle_buffer, turns.total)
        steps = min(position, turns.total - size)
        chunks = self._places(epoch, size)
        places = np.concatenate([np.empty(0, int), *itertools.islice(chunks, -(-steps // _DRAWN_AT_ONCE))])
        held = np.arange(size)
        np.maximum.at(held, places[:steps], np.arange(size, size + steps))  # the last item that was put at each place
        if steps < position or size + steps == turns.total:
            held = held[self._rest(epoch, size)][position - steps :]
            return iter([self._fetch(turns, held.tolist(), {})])
        opened: dict[int, After[T]] = {}
        buffer = self._fetch(turns, held.tolist(), opened)
        left = itertools.chain(places[steps:].tolist(), _flat(chunks))
        return self._through(buffer, self._go_on(turns, size + steps, opened), epoch, left)

    def _fetch(self, turns: "_Turns", positions: Sequence[int], opened: "dict[int, After[T]]") -> list[T]:
        """Gets the items at positions of an epoch, in one pass over each file.

        Args:
            turns: where they lie.
            positions: positions of the epoch, in any order.
            opened: gets the files, each after the last item that was wanted there.
        """
        wanted = defaultdict(list)
        for place, (file, number) in enumerate(map(turns.find, positions)):
            wanted[file].append((number, place))
        fetched: list = [None] * len(positions)
        for file, pairs in wanted.items():
            pairs.sort()
            opened[file] = After(self._items, file, pairs[0][0])
            for number, place in pairs:
                fetched[place] = opened[file].item(number)
        return fetched

    def _go_on(self, turns: "_Turns", position: int, opened: "dict[int, After[T]]") -> Runs[T]:
        """The items of an epoch from a position on, before the buffer. Files that are open are used again."""
        reading, waiting = turns.state(position)
        readers = [
            (opened.get(file) or After(self._items, file, first)).rest(first)
            if first < turns.counts[file]
            else iter(())
            for file, first in reading
        ]
        return self._in_turns(readers, waiting)

    def _in_turns(self, readers: list[Runs[T]], files: Iterable[int]) -> Runs[T]:
        """Gives one item of each reader in turns. A reader that has ended gives its place to the next file."""
        waiting = (iter(self._items(file, 0)) for file in files)
        readers = [*readers, *itertools.islice(waiting, self._width - len(readers))]
        slots = [Slot(reader) for reader in readers]
        while slots:
            for place, slot in enumerate(slots):
                try:
                    slot.fill(waiting)
                except Exception:
                    yield [before.run[0] for before in slots[:place] if before.run]  # they come before the error
                    raise
            slots = [slot for slot in slots if slot.run]
            num_rounds = min((len(slot.run) for slot in slots), default=0)
            turns = zip(*[slot.take(num_rounds) for slot in slots], strict=True)
            yield list(itertools.chain.from_iterable(turns))

    def _through(self, buffer: list[T], stream: Runs[T], epoch: int, places: Iterator[int]) -> Runs[T]:
        """Passes items through a full buffer, and then empties the buffer."""
        for run in stream:
            given = []
            for item, place in zip(run, places, strict=False):
                given.append(buffer[place])
                buffer[place] = item
            yield given
        yield [buffer[place] for place in self._rest(epoch, len(buffer)).tolist()]

    def _places(self, epoch: int, size: int) -> Iterator[np.ndarray]:
        """Places in the buffer, as they are drawn, in chunks: int64 [_DRAWN_AT_ONCE]."""
        rng = np.random.default_rng((self._order.seed, epoch, _PLACES))
        while size:
            yield rng.integers(size, size=_DRAWN_AT_ONCE)

    def _rest(self, epoch: int, size: int) -> np.ndarray:
        """The order in which the buffer is emptied, int64 [size]."""
        return np.random.default_rng((self._order.seed, epoch, _REST)).permutation(size)


class _Block(NamedTuple):
    """A part of an epoch in which the same files are read in turns."""

    begin: int
    """Its first position."""
    files: tuple[int, ...]
    firsts: tuple[int, ...]
    """The first item of each file in the block."""
    num_opened: int
    """How many files of the epoch are open or have been read."""


class _Turns:
    """Where the items of an epoch lie: files are read in turns, one item each, before the items are shuffled."""

    def __init__(self, files: Sequence[int], counts: dict[int, int], width: int):
        self.counts, self.total, self._files = counts, sum(counts[file] for file in files), files
        self._blocks = list(self._follow(width))
        self._begins = [block.begin for block in self._blocks]

    def _follow(self, width: int) -> Iterator[_Block]:
        """Follows the reading from one end of a file to the next."""
        reading = [[file, 0] for file in self._files[:width]]
        num_opened, begin = len(reading), 0
        while True:
            for slot in reading:
                while slot[1] == self.counts[slot[0]] and num_opened < len(self._files):
                    slot[:] = self._files[num_opened], 0
                    num_opened += 1
            reading = [slot for slot in reading if slot[1] < self.counts[slot[0]]]
            if not reading:
                return
            files, firsts = zip(*reading, strict=True)
            yield _Block(begin, files, firsts, num_opened)
            rounds = min(self.counts[file] - first for file, first in reading)
            for slot in reading:
                slot[1] += rounds
            begin += rounds * len(reading)

    def _at(self, position: int) -> tuple[_Block, int, int]:
        """The block of a position, the full rounds before it in the block, and its place in the round."""
        block = self._blocks[bisect.bisect_right(self._begins, position) - 1]
        return block, *divmod(position - block.begin, len(block.files))

    def find(self, position: int) -> tuple[int, int]:
        """The file of the item at a position of the epoch, and its position in the file."""
        block, rounds, place = self._at(position)
        return block.files[place], block.firsts[place] + rounds

    def state(self, position: int) -> tuple[list[tuple[int, int]], Sequence[int]]:
        """The files that are read before a position, below the total, each with its next item.

        Returns:
            These, beginning with the one whose turn it is; and the files that wait, in order.
        """
        block, rounds, place = self._at(position)
        nexts = [first + rounds + (slot < place) for slot, first in enumerate(block.firsts)]
        reading = list(zip(block.files, nexts, strict=True))
        return reading[place:] + reading[:place], self._files[block.num_opened :]


def _flat(chunks: Iterable[np.ndarray]) -> Iterator[int]:
    return itertools.chain.from_iterable(chunk.tolist() for chunk in chunks)
