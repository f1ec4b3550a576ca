"""From typed paths to records and video files."""

import glob
import os
from collections.abc import Sequence
from typing import NamedTuple

from yt8m.data.access.compression import plain_name
from yt8m.data.access.file_access import is_remote
from yt8m.data.access.framing import HEADER_BYTES, is_header
from yt8m.data.sources import BARE, RECORDS, expand_paths
from yt8m.errors import InputError
from yt8m.extracting.inputs import ENDINGS, find_video_files


class Inputs(NamedTuple):
    """What to label."""

    records: list[str]
    """Files, directories or globs of records, as typed."""
    videos: list[str]
    """Video files, absolute."""


def sort_inputs(paths: Sequence[str]) -> Inputs:
    """Tells records from videos. A directory with records counts as records, whatever else is in it.

    Args:
        paths: files, directories or globs.

    Raises:
        InputError: a path stands for nothing, or a directory has neither records nor videos.
    """
    records, videos = [], []
    for path in map(os.fspath, paths):
        (videos if _is_videos(path) else records).append(path)
    return Inputs(records, find_video_files(videos) if videos else [])


def _is_videos(path: str) -> bool:
    if is_remote(path):
        return False
    if os.path.isdir(path):
        return not _has_records(path)
    name = plain_name(path)
    if name.endswith((RECORDS, BARE)):
        return False
    if os.path.splitext(path)[1].lower() in ENDINGS:
        return True
    matches = [] if os.path.lexists(path) else sorted(glob.glob(path))
    if matches:
        return _is_videos(matches[0])
    return os.path.isfile(path) and name == path and not _begins_as_records(path)


def _has_records(directory: str) -> bool:
    try:
        expand_paths(directory)
    except InputError:
        try:
            find_video_files([directory])
        except InputError:
            raise InputError(f"{directory}: has neither records nor videos") from None
        return False
    return True


def _begins_as_records(path: str) -> bool:
    """Whether a file begins with a record. Files of records may have any name."""
    try:
        with open(path, "rb") as file:
            header = file.read(HEADER_BYTES)
    except OSError:  # whoever reads it reports this
        return True
    return not header or is_header(header)
