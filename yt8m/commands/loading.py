"""Says that TensorFlow is being loaded, which takes seconds, at the moment when it is."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder

from yt8m.progress import Progress

_SLOW = ("tensorflow", "keras")
"""Keras loads TensorFlow, too."""


class _Announcer(MetaPathFinder):
    """Finds nothing, but hears first of each module that is to be imported, and tells once of a slow one."""

    def __init__(self, progress: Progress):
        self._progress, self._told = progress, False

    def find_spec(self, name, path=None, target=None):
        if name in _SLOW and not self._told:
            self._told = True
            self._progress.message("loading TensorFlow, which takes some seconds ...")
        return


@contextlib.contextmanager
def announced(progress: Progress) -> Iterator[None]:
    """Tells `progress` if TensorFlow is loaded in the block, before that begins."""
    announcer = _Announcer(progress)
    sys.meta_path.insert(0, announcer)
    try:
        yield
    finally:
        sys.meta_path.remove(announcer)


def is_wanted(arguments: Sequence[str]) -> bool:
    """Whether somebody watches: on a terminal or in a notebook, unless one JSON object is asked for, or `--quiet` is set."""
    from yt8m.commands.terminal import has_bars

    return "--json" not in arguments and has_bars()
