"""One video among record files, by its id."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from yt8m.data.checking import check_record, level_of, parse
from yt8m.data.records import read_framing
from yt8m.data.schema import ID_KEYS, Level
from yt8m.data.sources import describe_error
from yt8m.errors import InputError, RecordError, quantity
from yt8m.progress import SILENT, Progress

_LEVELS: tuple[Level | None, ...] = ("segment", "frame", "video", None)
"""Those that tell more first."""
_RECORDS_A_REPORT = 64


@dataclass(frozen=True)
class Found:
    """A record with the id that was looked for."""

    path: str
    record: int
    """Its place in the file, counted from 0."""
    level: Level
    example: tf.train.SequenceExample
    data: bytes


def id_bytes(video_id: str | bytes) -> bytes:
    """An id as records have it; `b'abcd'`, as Python prints it, is taken for `abcd`."""
    if isinstance(video_id, bytes):
        return video_id
    printed = re.fullmatch(r"b(['\"])(.*)\1", video_id)
    return os.fsencode(printed[2] if printed else video_id)


def find_video(video_id: str | bytes, files: Sequence[str], progress: Progress = SILENT) -> list[Found]:
    """All records with an id, those first that tell more: rated segments before frames before means; else in their order.

    Args:
        video_id: text, or the bytes that records have.
        files: all of them are read, as an id may come more than once.
        progress: counts the records searched, a few at a time.

    Raises:
        InputError: there is none.
        RecordError: a record is broken, or the one found cannot be used.
    """
    wanted = id_bytes(video_id)
    if not wanted:
        raise InputError("the id is empty; name a video")
    found, searched = [], 0
    for path in files:
        for index, data in _records(path):
            searched += 1
            if searched % _RECORDS_A_REPORT == 0:
                progress.advance(_RECORDS_A_REPORT)
            # Most records need not be parsed: the id's bytes are not among theirs.
            if wanted in data and (video := _video(wanted, path, index, data)):
                found.append(video)
    if not found:
        raise InputError(
            f"{wanted.decode(errors='backslashreplace')}: no record has this id; searched {quantity(searched, 'record')} in "
            f"{quantity(len(files), 'file')}, from {files[0]} on"
        )
    return sorted(found, key=lambda video: _LEVELS.index(video.level))


def _records(path: str):
    try:
        for raw in read_framing(path):
            if raw.problem:
                raise raw.as_error(path)
            yield raw.index, raw.data
    except tf.errors.OpError as error:
        raise RecordError(path, None, f"cannot be read ({describe_error(error)})") from error


def _video(wanted: bytes, path: str, index: int, data: bytes) -> Found | None:
    example = parse(data)
    if example is None:
        raise RecordError(path, index, "is no tf.train.Example or SequenceExample")
    context = example.context.feature
    if not any(key in context and wanted in context[key].bytes_list.value for key in ID_KEYS):
        return None
    problem = check_record(data)
    level = level_of(example)
    if problem and (level is not None or check_record(data, "frame")):
        raise RecordError(path, index, problem)
    return Found(path, index, level or "frame", example, data)
