"""Keeps an index of records and videos up to date."""

import dataclasses
import os
from collections.abc import Iterator, Sequence

from yt8m.data.features import texts_of
from yt8m.data.source import Source
from yt8m.errors import InputError
from yt8m.progress import SILENT, Progress
from yt8m.searching.adding import (
    Predicted,
    classes_beside,
    extractor_of,
    item_of,
    items_of,
    open_records,
    paths_beside,
    read_predicted,
)
from yt8m.searching.index import DEFAULT_WINDOW, Index, Settings
from yt8m.searching.parts import Item
from yt8m.searching.updating import Changed, changing, common_settings, update
from yt8m.searching.vectors import of_frames
from yt8m.values import PositiveInt, checked


@checked
def add_to_index(
    index: str | os.PathLike,
    paths: Sequence[str] = (),
    *,
    remove: Sequence[str] = (),
    window: PositiveInt | None = None,
    predictions: str | None = None,
    vocabulary: str | os.PathLike | None = None,
    progress: Progress = SILENT,
) -> Changed:
    """Adds the videos of records to an index, and removes some. A video that is there already is replaced.

    Args:
        index: the directory of the index; a new one is made.
        paths: records, or video files if the index has features of `yt8m extract`: files, directories or globs. Not both.
        remove: ids to remove.
        window: seconds of a moment; None = those of the index, or else 5.
        predictions: a directory of `yt8m predict --store`; its classes take the place of the labels in the records.
        vocabulary: names and descriptions of classes; None = the one at the root of the records.
        progress: gets the progress.

    Raises:
        InputError, RecordError: something cannot be read, is of another kind than the index, or cannot be written. The index is
            then as it was.
    """
    predicted = read_predicted(predictions, progress)
    with changing(index) as found:
        if found is None and (not paths or all(map(is_video_path, paths))):
            raise InputError(
                f"{os.fspath(index)}: holds no index yet; make one of records with --add RECORDS, such as yt8m extract makes of "
                "videos"
            )
        if not paths:
            return update(index, found, found.settings, remove=remove, progress=progress)
        if all(map(is_video_path, paths)):
            problems: list[str] = []
            items = _of_videos(found, paths, predicted, problems, progress)
            changed = update(index, found, found.settings, items, remove, classes_beside((), vocabulary), progress)
            return dataclasses.replace(changed, problems=problems)
        source = _with_features(open_records(paths), found, paths)
        wanted = Settings(tuple(source.features), window or DEFAULT_WINDOW, extractor_of(source.files))
        settings = common_settings(found, wanted, window is not None, paths[0])
        items = items_of(source, settings.window, predicted, paths_beside(source.files), progress)
        return update(index, found, settings, items, remove, classes_beside(source.files, vocabulary), progress)


def is_video_path(path: str) -> bool:
    """Whether a path has the ending of a video file."""
    from yt8m.extracting.inputs import ENDINGS

    return os.path.splitext(path)[1].lower() in ENDINGS


def _with_features(source: Source, index: Index | None, paths: Sequence[str]) -> Source:
    """The records, read with the features of the index if they have the same or more."""
    if index is None:
        return source
    wanted, own = index.settings.features, set(texts_of(source.features))
    has_all = own > set(texts_of(wanted))
    has_some = own < set(texts_of(wanted)) and texts_of(wanted)[0] in own
    return open_records(paths, wanted) if has_all or has_some else source


def _of_videos(
    index: Index, paths: Sequence[str], predicted: Predicted, problems: list[str], progress: Progress
) -> Iterator[Item]:
    """Extracts video files for an index."""
    from yt8m.searching.files import extract_videos

    tables = [part.table for part in index.parts]
    known = {path: video for table in tables for video, path in zip(table.ids, table.paths, strict=True) if path}
    for video_id, path, extracted in extract_videos(paths, index.settings, known, problems.append, progress):
        vectors = of_frames(extracted.streams, index.settings.features, index.settings.window)
        yield item_of(video_id, vectors, [], predicted, {video_id: path})
