"""Finds a video in record files by its id."""

import contextlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from yt8m.data.access.file_access import errors_of
from yt8m.data.checking import check_record, level_of, parse
from yt8m.data.features import DEFAULT_FEATURES, Feature
from yt8m.data.protos import SequenceExample
from yt8m.data.records import read_framing
from yt8m.data.schema import ID_KEYS, Level
from yt8m.data.sources import describe_error
from yt8m.data.survey import survey
from yt8m.errors import InputError, RecordError, quantity
from yt8m.progress import SILENT, Progress

_LEVELS: tuple[Level | None, ...] = ("segment", "frame", "video", None)
"""Levels, the most informative first."""
_RECORDS_A_REPORT = 64


@dataclass(frozen=True)
class Found:
    """A record with the wanted id."""

    path: str
    record: int
    """The number of the record in the file, from 0."""
    level: Level
    example: SequenceExample
    data: bytes
    features: tuple[Feature, ...]
    """The known features, and others, in the form that the records have them in."""


def id_bytes(video_id: str | bytes) -> bytes:
    """The id as bytes, as in records. The text `b'abcd'`, as Python prints bytes, counts as `abcd`."""
    if isinstance(video_id, bytes):
        return video_id
    printed = re.fullmatch(r"b(['\"])(.*)\1", video_id)
    return os.fsencode(printed[2] if printed else video_id)


def find_video(video_id: str | bytes, files: Sequence[str], progress: Progress = SILENT) -> list[Found]:
    """All records with an id, the most informative first: rated segments, then frames, then means.

    Args:
        video_id: text, or bytes as in records.
        files: the files. All are read, because an id may come more than once.
        progress: counts the searched records.

    Raises:
        InputError: no record has the id.
        RecordError: a record is broken, or the one found is unusable.
    """
    wanted = id_bytes(video_id)
    if not wanted:
        raise InputError("the id is empty; name a video")
    found, searched, features = [], 0, _features(files)
    for path in files:
        for index, data in _records(path):
            searched += 1
            if searched % _RECORDS_A_REPORT == 0:
                progress.advance(_RECORDS_A_REPORT)
            # Most records do not contain the id's bytes and need not be parsed.
            if wanted in data and (video := _video(wanted, path, index, data, features)):
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
    except errors_of(path) as error:
        raise RecordError(path, None, f"cannot be read ({describe_error(error)})") from error


def _features(files: Sequence[str]) -> tuple[Feature, ...]:
    """See `Found.features`."""
    rows = {each.name: each for each in DEFAULT_FEATURES}
    with contextlib.suppress(InputError):  # whoever reads the records reports this
        rows |= {each.name: each for each in survey(files).features}
    return tuple(rows.values())


def _video(wanted: bytes, path: str, index: int, data: bytes, features: tuple[Feature, ...]) -> Found | None:
    example = parse(data, features)
    if example is None:
        raise RecordError(path, index, "is no tf.train.Example or SequenceExample")
    context = example.context.feature
    if not any(key in context and wanted in context[key].bytes_list.value for key in ID_KEYS):
        return None
    problem = check_record(data, features=features)
    level = level_of(example, features)
    if problem and (level is not None or check_record(data, "frame", features)):
        raise RecordError(path, index, problem)
    return Found(path, index, level or "frame", example, data, features)
