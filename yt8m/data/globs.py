"""What a pattern of paths stands for.

`*`, `?` and `[0-9]` as everywhere, `{a,b}` and `{0000..0009}` as in a shell; of local paths, `**` for directories at any depth.
"""

import glob
import os
import re
from collections.abc import Iterator

import tensorflow as tf

from yt8m.errors import InputError

_MOST_ALTERNATIVES = 100_000
"""More than the largest split has files."""
_BRACES = re.compile(r"\{(?P<list>[^{},]*(?:,[^{},]*)+)\}|\{(?P<first>\d{1,9})\.\.(?P<last>\d{1,9})\}")


def expand_braces(path: str) -> list[str]:
    """`a0.x` and `a1.x` of `a{0,1}.x` or `a{0..1}.x`, in that order; numbers keep their leading zeros.

    Raises:
        InputError: it stands for more than 100 000 paths.
    """
    paths = [path]
    while any(_BRACES.search(each) for each in paths):
        paths = [expanded for each in paths for expanded in _without_first_braces(each)]
        if len(paths) > _MOST_ALTERNATIVES:
            raise InputError(f"{path}: stands for more than {_MOST_ALTERNATIVES} paths; name fewer in braces")
    return paths


def _without_first_braces(path: str) -> Iterator[str]:
    found = _BRACES.search(path)
    if found is None:
        yield path
        return
    if found["list"] is not None:
        alternatives = found["list"].split(",")
    else:
        first, last = int(found["first"]), int(found["last"])
        width = max(len(found["first"]), len(found["last"])) if "0" in (found["first"][0], found["last"][0]) else 1
        step = 1 if first <= last else -1
        numbers = range(first, last + step, step)[: _MOST_ALTERNATIVES + 1]
        alternatives = [f"{number:0{width}}" for number in numbers]
    yield from (f"{path[: found.start()]}{each}{path[found.end() :]}" for each in alternatives)


def find_matches(pattern: str) -> list[str]:
    """The files and directories that a pattern matches, sorted; hidden ones only where the pattern names the dot.

    A directory whose name has the characters of patterns, such as `run[1]`, stands for itself where it is there.

    Raises:
        tf.errors.OpError: they cannot be listed.
    """
    pattern = _with_literal_directories(pattern)
    if "://" not in pattern:
        # Of a last ** the directories, or all that is no record would come along.
        below = f"{pattern}/" if pattern.split("/")[-1] == "**" else pattern
        return sorted(glob.glob(below, recursive=True))
    names_dot = "/." in pattern.split("://", 1)[1]
    found = tf.io.gfile.glob(pattern)
    return sorted(path for path in found if names_dot or not is_hidden(path))


def _with_literal_directories(pattern: str) -> str:
    """A pattern in which the parts that are directories as they are written are escaped."""
    parts = pattern.split("/")
    literal = list(parts)
    for place, part in enumerate(parts[:-1]):
        if glob.has_magic(part):
            if not tf.io.gfile.isdir("/".join(parts[: place + 1])):
                break
            literal[place] = glob.escape(part)
    return "/".join(literal)


def is_hidden(path: str) -> bool:
    """Whether a file's name begins with a dot, as that of one that is being written does."""
    return os.path.basename(path.rstrip("/")).startswith(".")
