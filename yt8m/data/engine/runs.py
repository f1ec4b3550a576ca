"""Streams of items that come in runs: lists of any length, since Python does less for each item of a list."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from yt8m.errors import InputError

T = TypeVar("T")
Runs = Iterator[list[T]]
"""Lists of items that follow each other."""


def one_by_one(items: Iterable[T]) -> Runs[T]:
    """Runs of one item each: for items that cost much to find, or to hold, before they are needed."""
    return ([item] for item in items)


def drop(stream: Runs[T], number: int) -> tuple[int, list[T]]:
    """Drops items, as many as there are. Returns how many were dropped, and what is left of the last run."""
    dropped = 0
    while dropped < number and (run := next(stream, None)) is not None:
        if dropped + len(run) > number:
            return number, run[number - dropped :]
        dropped += len(run)
    return dropped, []


def without(stream: Runs[T], number: int) -> Runs[T]:
    """A stream without its first items."""
    if not number:
        return stream
    _, left = drop(stream, number)
    return itertools.chain([left], stream) if left else stream


def first_of(stream: Runs[T], number: int) -> tuple[list[T], Runs[T]]:
    """The first items of a stream, as many as there are, and the stream of the others."""
    taken: list[T] = []
    while len(taken) < number and (run := next(stream, None)) is not None:
        taken += run
    left = taken[number:]
    return taken[:number], itertools.chain([left], stream) if left else stream


class Slot(Generic[T]):
    """A place for a file among those that are read in turns."""

    def __init__(self, reader: Runs[T]):
        self._reader = reader
        self.run: list[T] = []
        """The next items; none after the last file."""

    def fill(self, waiting: Iterator[Runs[T]]) -> None:
        """Sees to it that there are items, of this file or of one that waits."""
        while not self.run:
            run = next(self._reader, None)
            if run is not None:
                self.run = run
                continue
            following = next(waiting, None)
            if following is None:
                return
            self._reader = following

    def take(self, number: int) -> list[T]:
        """Takes the next items."""
        taken, self.run = self.run[:number], self.run[number:]
        return taken


class After(Generic[T]):
    """The items of a file from a position on, in one pass."""

    def __init__(self, items: Callable[[int, int], Iterable[list[T]]], file: int, first: int):
        self._runs, self._file, self._next = iter(items(file, first)), file, first
        self._run: list[T] = []

    def item(self, number: int) -> T:
        """The item at a position of the file, not before one that was asked for."""
        self._go_to(number)
        while not self._run:
            run = next(self._runs, None)
            if run is None:
                raise InputError(
                    f"file {self._file + 1} of the records has changed since its records were counted; start again"
                )
            self._run = run
        return self._run[0]

    def rest(self, first: int) -> Runs[T]:
        """The items from a position on, for good."""
        self._go_to(first)
        return itertools.chain([self._run], self._runs)

    def _go_to(self, number: int) -> None:
        further = number - self._next
        if further > len(self._run):
            _, self._run = drop(self._runs, further - len(self._run))
        else:
            self._run = self._run[further:]
        self._next = number
