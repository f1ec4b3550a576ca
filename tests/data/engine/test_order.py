"""The order of items: against a slow version of its own, and skipping against reading and dropping."""

import itertools
from collections import deque

import numpy as np
import pytest

from yt8m.data.engine.order import Shares, in_order
from yt8m.data.options import Order
from yt8m.data.schema import Share
from yt8m.errors import InputError

LONG = 50
"""Items looked at of a stream without an end."""


class Files:
    """Files of known lengths; an item is (file, position). Notes what is asked of them.

    Args:
        counts: the lengths.
        known: whether they are told.
        longest: items come in runs of random lengths up to this one, some of them empty; None = one by one.
        damaged: the item that cannot be read.
    """

    def __init__(self, counts, known=True, longest=None, damaged=None):
        self.counts, self.known, self.longest, self.damaged = counts, known, longest, damaged
        self.num_fetched, self.opened = 0, []

    def items(self, file, first):
        self.opened.append((file, first))
        random = np.random.default_rng((file, first))
        every = [(file, number) for number in range(first, self.counts[file])]
        good = every[: every.index(self.damaged)] if self.damaged in every else every
        while good:
            length = 1 if self.longest is None else int(random.integers(self.longest + 1))
            run, good = good[:length], good[length:]
            self.num_fetched += len(run)
            yield run
        if self.damaged in every:
            raise InputError(f"item {self.damaged} is damaged")

    def counts_of(self, files):
        return [self.counts[file] for file in files] if self.known else None

    def stream(self, order, shares=Shares(), skip=0):  # noqa: B008
        return in_order(self.items, self.counts_of, len(self.counts), order, shares, skip)


def order_of(**options):
    return Order(**{"shuffle": True, "seed": 7, "parallel_files": 3, "shuffle_buffer": 5} | options)


def slow_epoch(counts, files, order, epoch):
    """One epoch as its description says it, one item at a time."""
    if not order.shuffle:
        return [(file, number) for file in files for number in range(counts[file])]
    places = np.random.default_rng((order.seed, epoch)).permutation(len(files))
    waiting = deque(deque((files[place], number) for number in range(counts[files[place]])) for place in places)
    turns = deque(waiting.popleft() for _ in range(min(order.parallel_files, len(waiting))))
    stream = []
    while turns:
        file = turns.popleft()
        while not file and waiting:
            file = waiting.popleft()
        if file:
            stream.append(file.popleft())
            turns.append(file)
    buffer, rest = stream[: order.shuffle_buffer], stream[order.shuffle_buffer :]
    drawing = np.random.default_rng((order.seed, epoch, 1))
    drawn = [place for _ in range(0, len(rest), 4096) for place in drawing.integers(len(buffer), size=4096)]
    shuffled = []
    for item, place in zip(rest, drawn):  # noqa: B905
        shuffled.append(buffer[place])
        buffer[place] = item
    return shuffled + [
        buffer[place] for place in np.random.default_rng((order.seed, epoch, 2)).permutation(len(buffer))
    ]


def random_case(number):
    """Few files of few items, some empty; a buffer smaller or larger than these; any shares."""
    rng = np.random.default_rng(number)
    counts = rng.integers(0, rng.choice([2, 5, 30]), size=rng.integers(1, 9)).tolist()
    order = order_of(
        shuffle=bool(rng.random() < 0.8),
        seed=int(rng.integers(100)),
        shuffle_buffer=int(rng.choice([1, 2, 7, 40, 500])),
        parallel_files=int(rng.integers(1, 7)),
        repeat=bool(rng.random() < 0.6),
    )
    num_shares = int(rng.integers(1, 5))
    share = Share(int(rng.integers(num_shares)), num_shares)
    shares = Shares(files=share) if rng.random() < 0.5 else Shares(records=share)
    return counts, order, shares, rng


def first_of(stream, number=LONG):
    return list(itertools.islice(stream, number))


@pytest.mark.parametrize("case", range(60))
def test_the_order_is_that_of_a_slow_version(case):
    counts, order, shares, _ = random_case(case)
    files = [*range(len(counts))][shares.files.index :: shares.files.count]
    num_epochs = 1 if not order.repeat else LONG * shares.records.count if sum(counts[file] for file in files) else 0
    epochs = (slow_epoch(counts, files, order, epoch) for epoch in range(num_epochs))
    expected = itertools.islice(itertools.chain.from_iterable(epochs), shares.records.index, None, shares.records.count)
    expected = first_of(expected)
    for longest in (None, 1, 4, 100):
        assert first_of(Files(counts, longest=longest).stream(order, shares)) == expected, longest


@pytest.mark.parametrize("known", [True, False], ids=["counted", "uncounted"])
@pytest.mark.parametrize("case", [*range(80), *(pytest.param(case, marks=pytest.mark.slow) for case in range(80, 300))])
def test_a_stream_goes_on_anywhere_as_if_it_had_been_read_until_there(case, known):
    counts, order, shares, rng = random_case(1000 + case)
    total = sum(counts) // max(shares.files.count, shares.records.count)
    skips = {0, 1, total, total + 1, *rng.integers(0, 3 * total + 3, 3).tolist()}
    whole = first_of(Files(counts).stream(order, shares), max(skips) + LONG)
    for skip in skips:
        for longest in (None, 7):
            rest = first_of(Files(counts, known, longest).stream(order, shares, skip))
            assert rest == whole[skip : skip + LONG], (skip, longest)


@pytest.mark.parametrize("longest", [None, 1, 5, 100])
@pytest.mark.parametrize("shuffle_buffer", [1, 6])
def test_all_items_that_were_read_before_a_damaged_one_come_before_its_error(shuffle_buffer, longest):
    """Three of four files are read in turns: those of the damaged item's round come, and no later ones."""
    order = order_of(shuffle_buffer=shuffle_buffer)
    counts, damaged = [9, 9, 9, 9], (2, 4)
    in_turns = slow_epoch(counts, range(4), order_of(shuffle_buffer=1), 0)  # a buffer of one item changes no order
    expected = slow_epoch(counts, range(4), order, 0)[: in_turns.index(damaged) - shuffle_buffer]
    stream, found = Files(counts, longest=longest, damaged=damaged).stream(order), []
    with pytest.raises(InputError, match=r"item \(2, 4\) is damaged"):
        found.extend(stream)
    assert found == expected


def test_every_item_comes_once_an_epoch_and_epochs_differ():
    counts = [40, 0, 13, 7, 40]
    every = [(file, number) for file, count in enumerate(counts) for number in range(count)]
    stream = Files(counts).stream(order_of(repeat=True, shuffle_buffer=16))
    epochs = [first_of(stream, 100) for _ in range(3)]
    assert all(sorted(epoch) == every for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert first_of(Files(counts).stream(order_of(seed=8)), 100) != epochs[0]


def test_files_are_read_in_turns_and_an_ended_one_gives_its_place_to_the_next():
    order = order_of(seed=9, shuffle_buffer=1, parallel_files=2)  # a buffer of one item changes no order
    read = first_of(Files([4, 1, 2]).stream(order))
    assert np.random.default_rng((9, 0)).permutation(3).tolist() == [2, 0, 1]
    assert read == [(2, 0), (0, 0), (2, 1), (0, 1), (1, 0), (0, 2), (0, 3)]


def test_without_shuffling_files_follow_each_other():
    stream = Files([2, 0, 3]).stream(order_of(shuffle=False, repeat=True))
    epoch = [(0, 0), (0, 1), (2, 0), (2, 1), (2, 2)]
    assert first_of(stream, 12) == [*epoch, *epoch, (0, 0), (0, 1)]


@pytest.mark.parametrize("by", ["files", "records"])
def test_shares_together_are_the_whole(by):
    counts = [5, 1, 9, 3, 3]
    shares = [Files(counts).stream(order_of(), Shares(**{by: Share(index, 3)})) for index in range(3)]
    read = [first_of(share) for share in shares]
    every = [(file, number) for file, count in enumerate(counts) for number in range(count)]
    assert sorted(itertools.chain.from_iterable(read)) == every
    if by == "records":
        whole = first_of(Files(counts).stream(order_of()))
        assert [item for turn in itertools.zip_longest(*read) for item in turn if item] == whole


@pytest.mark.parametrize("skip", [0, 1, 10**9])
@pytest.mark.parametrize("known", [True, False], ids=["counted", "uncounted"])
def test_a_stream_without_items_ends(skip, known):
    assert first_of(Files([0, 0], known).stream(order_of(repeat=True), skip=skip)) == []
    assert first_of(Files([], known).stream(order_of(repeat=True), skip=skip)) == []


def test_nineteen_million_items_are_skipped_without_fetching_them():
    files = Files([100] * 40)
    order = order_of(repeat=True, shuffle_buffer=1024, parallel_files=8)
    stream = files.stream(order, skip=64 * 300_000 + 17)
    rest = [next(stream)]
    assert files.num_fetched <= 1024 + 8 * 100  # those in the buffer, and those between them
    assert len(files.opened) == len({file for file, _ in files.opened})  # one pass over each file
    # 19 200 017 = 4800 epochs of 4000 items, and 17.
    rest += first_of(stream, 4000 - 18)
    assert rest == slow_epoch(files.counts, range(40), order, 4800)[17:]


def test_files_that_are_not_needed_are_not_opened():
    files = Files([10] * 1000)
    order = order_of(shuffle_buffer=20, parallel_files=2)
    stream = files.stream(order, skip=9000)
    next(stream)
    assert len(files.opened) < 60
    assert files.num_fetched < 600


def test_the_first_epoch_is_read_only_once_if_counts_are_unknown():
    files = Files([100] * 4, known=False)
    assert len(first_of(files.stream(order_of(repeat=True, shuffle_buffer=8), skip=400 * 10**6 + 50), 1)) == 1
    assert files.num_fetched <= 400 + 50 + 8 + 2


def test_counts_that_become_known_in_the_first_epoch_are_used():
    files = Files([100] * 40, known=False)

    def counts(asked):
        return [files.counts[file] for file in asked] if files.num_fetched == 4000 else None

    order = order_of(repeat=True, shuffle_buffer=10, parallel_files=2)
    stream = in_order(files.items, counts, 40, order, skip=4000 * 7 + 3900)
    assert first_of(stream, 100) == slow_epoch(files.counts, range(40), order, 7)[3900:]
    assert files.num_fetched < 4000 + 500


def test_a_file_with_fewer_items_than_were_counted_is_an_error():
    files = Files([10, 10])
    stream = in_order(files.items, lambda asked: [30] * len(asked), 2, order_of(), skip=40)
    with pytest.raises(InputError, match=r"file [12] of the records has changed since its records were counted"):
        first_of(stream)
