"""Answers what users ask an index for."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from yt8m.errors import InputError
from yt8m.progress import SILENT, Progress
from yt8m.searching.adding import extractor_of, open_records, vectors_of
from yt8m.searching.index import Index, Settings, open_index
from yt8m.searching.searching import Hit, Kind, Query, like, query_of, query_outside, readings, say, unknown_video
from yt8m.searching.updating import common_settings
from yt8m.searching.vectors import of_frames
from yt8m.searching.words import ClassWords, no_names
from yt8m.values import PositiveInt, checked

DEFAULT_COUNT = 10


@dataclass(frozen=True)
class Answer:
    """What was found."""

    kind: Kind
    hits: tuple[Hit, ...]
    """The best first."""
    words: tuple[str, ...] = ()
    """With a text, its words that count."""
    unknown: tuple[str, ...] = ()
    """With a text, its words that no class has."""
    near: tuple[str, ...] = ()
    """Names of classes with words like these."""


@checked
def search(
    index: str | os.PathLike,
    like: str | None = None,
    text: str | None = None,
    *,
    data: Sequence[str] = (),
    of: Kind | None = None,
    count: PositiveInt = DEFAULT_COUNT,
    elsewhere: bool = False,
    progress: Progress = SILENT,
) -> Answer:
    """Finds videos, or moments, that are like one or that words describe.

    Args:
        index: the directory of the index.
        like: `ID`, `ID@SECONDS`, or a video file with or without seconds. Give this or `text`.
        text: words to look for in the names and descriptions of labels.
        data: records with the video, if it is not in the index: files, directories or globs.
        of: what to find; None = moments if `like` has seconds, and else videos.
        count: how many to find.
        elsewhere: leave out moments of the same video.
        progress: counts seconds of a video that is extracted.

    Raises:
        InputError, RecordError: both or none of `like` and `text`; the index cannot be read; or it has no such video.
    """
    if (like is None) == (text is None):
        both = "give one of --like and --text, not both" if like is not None else "say what to find"
        raise InputError(f"{both}: --like ID, --like ID@SECONDS or --text WORDS")
    opened = open_index(index)
    if text is not None:
        return _by_words(opened, text, of or "videos", count)
    return _by_likeness(opened, str(like), of, (count, elsewhere), data, progress)


def _by_words(index: Index, text: str, kind: Kind, count: int) -> Answer:
    words = words_of(index)
    hits, meaning = say(index, words, text, kind, count)
    return Answer(kind, tuple(hits), meaning.words, meaning.unknown, words.near(meaning) if meaning.unknown else ())


def words_of(index: Index) -> ClassWords:
    """The words of an index's classes. Raises InputError if it has none."""
    where = os.fspath(index.directory)
    if index.classes_file is None:
        raise no_names(where)
    return ClassWords(index.words_content, index.classes, where)


def _by_likeness(
    index: Index, given: str, of: Kind | None, wanted: tuple[int, bool], data: Sequence[str], progress: Progress
) -> Answer:
    query = query_of(index, given) or _outside(index, given, data, progress)
    kind: Kind = of or ("moments" if query.is_moment else "videos")
    count, elsewhere = wanted
    return Answer(kind, tuple(like(index, query, kind, count, elsewhere)))


def _outside(index: Index, given: str, data: Sequence[str], progress: Progress) -> Query:
    """A video of records, or a video file."""
    if data:
        return _of_records(index, given, data)
    for path, second in readings(given):
        if os.path.isfile(path):
            from yt8m.searching.files import extract_one

            extracted = extract_one(path, index.settings, progress)
            vectors = of_frames(extracted.streams, index.settings.features, index.settings.window)
            return query_outside(vectors, second, path)
    raise unknown_video(index, given)


def _of_records(index: Index, given: str, data: Sequence[str]) -> Query:
    from yt8m.data.stored_videos import read_stored_videos

    source = open_records(data, index.settings.features)
    own = Settings(tuple(source.features), extractor=extractor_of(source.files))
    common_settings(index, own, False, data[0])
    wanted = dict(reversed(readings(given)))
    for video in read_stored_videos(source):
        if video.video_id in wanted:
            return query_outside(
                vectors_of(video, source, index.settings.window), wanted[video.video_id], video.video_id
            )
    raise InputError(f"{readings(given)[-1][0]}: no record of {data[0]}{' ...' if data[1:] else ''} has this id")
