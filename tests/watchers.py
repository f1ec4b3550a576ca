"""Who watches work in tests."""

from collections.abc import Callable

from yt8m.progress import Messages


class Counts(Messages):
    """Keeps what is counted beside the messages, and reacts to it.

    Args:
        react: called with what is done of a piece of work and how much there is, None if that is not known.

    Attributes:
        works: what was done and its unit, by piece.
        counts: what `react` was called with.
        is_open: whether a piece has begun and not ended.
    """

    def __init__(self, react: Callable[[int, int | None], None] = lambda done, total: None):
        super().__init__()
        self._react = react
        self.works: list[tuple[str, str]] = []
        self.counts: list[tuple[int, int | None]] = []
        self.is_open = False

    def start(self, work: str, unit: str, done: int = 0, total: int | None = None) -> None:
        assert not self.is_open, "one piece at a time"
        self.works.append((work, unit))
        self._done, self._total, self.is_open = done, total, True

    def advance(self, count: int, total: int | None = None) -> None:
        assert self.is_open
        self._done += count
        self._total = self._total if total is None else total
        self.counts.append((self._done, self._total))
        self._react(self._done, self._total)

    def end(self) -> None:
        assert self.is_open
        self.is_open = False
