"""Expands patterns of paths.

`*`, `?` and `[0-9]` work as usual; `{a,b}` and `{0000..0009}` work as in a shell. In local paths, `**` matches directories
at any depth.
"""

import glob
import os
import re
from collections.abc import Iterator

from yt8m.data.access.file_access import find_remote, is_directory, is_remote
from yt8m.errors import InputError

_MOST_ALTERNATIVES = 100_000
"""The largest split has fewer files."""
_BRACES = re.compile(r"\{(?P<list>[^{},]*(?:,[^{},]*)+)\}|\{(?P<first>\d{1,9})\.\.(?P<last>\d{1,9})\}")


def expand_braces(path: str) -> list[str]:
    """Expands `a{0,1}.x` or `a{0..1}.x` to `a0.x` and `a1.x`, in this order. Numbers keep their leading zeros.

    Raises:
        InputError: the path expands to more than 100 000 paths.
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
    """Finds the files and directories that a pattern matches, sorted. Hidden ones match only a pattern with the dot.

    An existing directory with pattern characters in its name, such as `run[1]`, matches itself.

    Raises:
        Exception: one of `yt8m.data.access.file_access.errors_of`: a directory cannot be listed.
    """
    pattern = _with_literal_directories(pattern)
    if not is_remote(pattern):
        # A final ** matches only directories; otherwise files that are not records would match too.
        below = f"{pattern}/" if pattern.split("/")[-1] == "**" else pattern
        return sorted(glob.glob(below, recursive=True))
    names_dot = "/." in pattern.split("://", 1)[1]
    return [path for path in find_remote(pattern) if names_dot or not is_hidden(path)]


def _with_literal_directories(pattern: str) -> str:
    """Escapes the parts of a pattern that are names of existing directories."""
    parts = pattern.split("/")
    literal = list(parts)
    for place, part in enumerate(parts[:-1]):
        if glob.has_magic(part):
            if not is_directory("/".join(parts[: place + 1])):
                break
            literal[place] = glob.escape(part)
    return "/".join(literal)


def is_hidden(path: str) -> bool:
    """Whether a file's name begins with a dot, as the name of an unfinished file does."""
    return os.path.basename(path.rstrip("/")).startswith(".")
