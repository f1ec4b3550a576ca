"""From typed paths to video files."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from yt8m.data.globs import expand_braces, find_matches, is_hidden
from yt8m.errors import InputError
from yt8m.files import check_local

ENDINGS = frozenset(
    [
        *(
            ".3g2",
            ".3gp",
            ".asf",
            ".avi",
            ".divx",
            ".f4v",
            ".flv",
            ".m2ts",
            ".m2v",
            ".m4v",
            ".mkv",
            ".mov",
            ".mp4",
            ".mpeg",
        ),
        *(".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv", ".y4m"),
    ]
)
"""The endings of files that count as videos in a directory, in small letters. A file that is named counts with any ending."""


def find_video_files(paths: Sequence[str]) -> list[str]:
    """The video files that paths stand for, absolute, in the order of the paths, each once.

    Args:
        paths: files, globs, and directories, with all below them. Hidden files, and those of other endings, do not count in a
            directory.

    Raises:
        InputError: a path stands for no video, is not local, or a directory cannot be listed.
    """
    found: dict[str, str] = {}
    for path in paths:
        for file in _expand(path):
            found.setdefault(os.path.realpath(file), os.path.abspath(file))
    return list(found.values())


def refuse_inside(out: str | os.PathLike, paths: Sequence[str]) -> None:
    """Raises InputError if an output directory is one of the directories to read, or lies in one."""
    inner = Path(os.path.realpath(out))
    for path in paths:
        if os.path.isdir(path) and inner.is_relative_to(os.path.realpath(path)):
            where = "is the directory of the videos" if inner == Path(os.path.realpath(path)) else f"lies in {path}"
            raise InputError(f"{os.fspath(out)}: {where}, which is read with all below it; name a place outside")


def _expand(path: str) -> list[str]:
    check_local(path, "the video")
    if os.path.isdir(path):
        found = list(_videos_below(path))
        if not found:
            raise InputError(f"{path}: holds no videos (files that end in .mp4, .mkv, .webm and the like)")
        return found
    if os.path.lexists(path):
        return [path]
    alternatives = expand_braces(path)
    if alternatives != [path]:
        return [file for each in alternatives for file in _expand(each)]
    if not glob.has_magic(path):
        raise InputError(f"{path}: no such file or directory")
    matches = find_matches(path)
    files = [
        file for each in matches for file in (_videos_below(each) if os.path.isdir(each) else [each] * _is_video(each))
    ]
    if not files:
        raise InputError(f"{path}: no video matches")
    return files


def _videos_below(directory: str) -> Iterator[str]:
    """The videos in a directory and below it: first its own, sorted, then those of each directory in it."""

    def fail(error: OSError) -> None:
        raise InputError(f"{error.filename}: cannot be listed ({error.strerror})") from error

    for place, inner, files in os.walk(directory, onerror=fail):
        inner[:] = sorted(name for name in inner if not is_hidden(name))
        yield from (os.path.join(place, name) for name in sorted(files) if _is_video(name))


def _is_video(path: str) -> bool:
    return not is_hidden(path) and os.path.splitext(path)[1].lower() in ENDINGS
