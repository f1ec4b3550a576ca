"""A queue between threads that is bounded in bytes."""

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Closed(Exception):
    """Nobody takes items any more."""


class BoundedQueue(Generic[Item]):
    """A queue for several threads that put and one that gets. `put` waits while the items in it have too many bytes.

    Args:
        most_bytes: the bound. A single item may have more.
    """

    def __init__(self, most_bytes: int):
        self._most = most_bytes
        self._items: deque[tuple[Item, int]] = deque()
        self._num_bytes = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def put(self, item: Item, num_bytes: int = 0) -> None:
        """Adds an item. Raises Closed once the queue is closed, also while it waits."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or not self._num_bytes or self._num_bytes + num_bytes <= self._most
            )
            if self._is_closed:
                raise Closed
            self._items.append((item, num_bytes))
            self._num_bytes += num_bytes
            self._changed.notify_all()

    def refuse_if_closed(self) -> None:
        """Raises Closed once the queue is closed. Work between two items asks this."""
        if self._is_closed:
            raise Closed

    def get(self) -> Item:
        """Takes the oldest item; waits for one."""
        with self._changed:
            self._changed.wait_for(lambda: self._items)
            item, num_bytes = self._items.popleft()
            self._num_bytes -= num_bytes
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Lets every `put` fail from now on."""
        with self._changed:
            self._is_closed = True
            self._items.clear()
            self._num_bytes = 0
            self._changed.notify_all()
