"""Reads records, and what is known beside them, for an index."""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from yt8m.data.extraction import Extraction, find_extraction, read_extraction
from yt8m.data.features import Feature
from yt8m.data.opening import open_source
from yt8m.data.schema import MOST_CLASSES, SEGMENT_FRAMES
from yt8m.data.source import Source
from yt8m.data.stored_videos import StoredVideo, read_stored_videos
from yt8m.data.tables.videos import find_videos, read_videos
from yt8m.data.tables.vocabulary import find_vocabulary, read_class_descriptions, read_class_names
from yt8m.errors import InputError
from yt8m.metrics.inputs import id_text
from yt8m.metrics.logits import probability
from yt8m.predicting.stored import StoredPredictions
from yt8m.progress import SILENT, Progress
from yt8m.searching.index import ClassText, Extractor
from yt8m.searching.parts import Item
from yt8m.searching.vectors import Vectors, of_frames, of_means

_MOST_LABELS = 4096
_MOST_PREDICTED = 20
"""Predicted classes of a video, or of a moment, that are kept."""
_LEAST_PROBABILITY = 0.01


def open_records(paths: Sequence[str], features: tuple[Feature, ...] = ()) -> Source:
    """Opens records with any number of classes and labels.

    Args:
        paths: files, directories or globs.
        features: those of the index; empty = all that the records have.

    Raises:
        InputError, RecordError: see `yt8m.data.opening.open_source`.
    """
    return open_source(list(paths), features=features, num_classes=MOST_CLASSES, max_labels=_MOST_LABELS)


def extractor_of(files: Sequence[str]) -> Extractor | None:
    """What extracted records; None if `yt8m extract` did not make them, or not all of them.

    Raises:
        InputError: the records are of several networks, or a file about them is damaged.
    """
    places = [find_extraction(path) for path in files]
    found = {place: read_extraction(place) for place in dict.fromkeys(filter(None, places))}
    if not found:
        return None
    first, *others = found
    for place in others:
        if found[place].identity != found[first].identity:
            raise InputError(f"{place}: names another network than {first}; keep an index for each network")
    return extractor_from(found[first]) if all(places) else None


def extractor_from(extraction: Extraction) -> Extractor:
    """The part of an `extraction.json` that an index keeps."""
    return Extractor(extraction.identity, dataclasses.asdict(extraction.network), extraction.rounding)


def paths_beside(files: Sequence[str]) -> dict[str, str]:
    """The video files by id, from each `videos.csv` at the root of records. Raises InputError if one is damaged."""
    tables = dict.fromkeys(filter(None, map(find_videos, files)))
    return {video: row.path for table in tables for video, row in read_videos(table).items()}


def classes_beside(files: Sequence[str], vocabulary: str | os.PathLike | None) -> dict[int, ClassText]:
    """Names and descriptions of classes, from a file or else the one at the root of the records; empty if there is none.

    Raises:
        InputError: the file cannot be read.
    """
    path = vocabulary or next(filter(None, map(find_vocabulary, files)), None)
    if path is None:
        return {}
    names, descriptions = read_class_names(path), read_class_descriptions(path)
    return {number: ClassText(name, descriptions.get(number, "")) for number, name in names.items()}


Pairs = list[tuple[int, float]]
"""Classes with weights."""


@dataclass(frozen=True)
class Predicted:
    """Classes that a run predicted."""

    videos: dict[str, Pairs] = field(default_factory=dict)
    segments: dict[str, dict[int, Pairs]] = field(default_factory=dict)
    """By id and first second."""

    def of_moments(self, video_id: str, starts: np.ndarray, ends: np.ndarray) -> list[Pairs]:
        """The classes of moments, each with its highest probability in the segments that begin in the moment."""
        own = self.segments.get(video_id, {})
        found = []
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            best: dict[int, float] = {}
            for second, pairs in own.items():
                if start <= second < end or second <= start < second + SEGMENT_FRAMES:
                    for label, weight in pairs:
                        best[label] = max(weight, best.get(label, 0.0))
            found.append(_highest(best))
        return found


def read_predicted(directory: str | None, progress: Progress = SILENT) -> Predicted:
    """Reads predictions that `yt8m predict --store DIR` keeps.

    Args:
        directory: None = no predictions.
        progress: counts the rows.

    Raises:
        InputError: there are none, or they are damaged.
    """
    predicted = Predicted()
    if directory is None:
        return predicted
    stored = StoredPredictions(directory)
    columns = None if stored.description.classes is None else np.array(stored.description.classes)
    with progress.working("reading predictions", stored.description.task, total=stored.num_rows):
        for part in stored.parts():
            classes = np.broadcast_to(columns, part.logits.shape) if part.classes is None else part.classes
            chances = probability(part.logits.astype(np.float32))
            for row, video in enumerate(map(id_text, part.ids.tolist())):
                likely = np.flatnonzero(chances[row] >= _LEAST_PROBABILITY)
                pairs = _highest(dict(zip(classes[row][likely].tolist(), chances[row][likely].tolist(), strict=True)))
                if part.starts is None:
                    predicted.videos[video] = pairs
                else:
                    predicted.segments.setdefault(video, {})[int(part.starts[row])] = pairs
            progress.advance(len(part))
    return predicted


def _highest(weights: Mapping[int, float]) -> Pairs:
    return sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_PREDICTED]


def vectors_of(video: StoredVideo, source: Source, window: int) -> Vectors:
    """The vectors of a record."""
    if source.level == "video":
        return of_means(video.means, source.features)
    return of_frames(video.streams, source.features, window)


def items_of(
    source: Source, window: int, predicted: Predicted, paths: Mapping[str, str], progress: Progress = SILENT
) -> Iterator[Item]:
    """Reads records for an index, one at a time.

    Args:
        source: from `open_records`.
        window: seconds of a moment.
        predicted: takes the place of a record's own labels, where there is any.
        paths: video files by id.
        progress: counts the videos.

    Raises:
        RecordError: a record is damaged.
    """
    with progress.working("adding", "video"):
        for video in read_stored_videos(source):
            vectors = vectors_of(video, source, window)
            yield item_of(video.video_id, vectors, [(label, 1.0) for label in video.labels], predicted, paths)
            progress.advance(1)


def item_of(video_id: str, vectors: Vectors, labels: Pairs, predicted: Predicted, paths: Mapping[str, str]) -> Item:
    """A video for an index. Arguments: see `items_of`."""
    of_moments = predicted.of_moments(video_id, vectors.starts, vectors.ends) if video_id in predicted.segments else ()
    return Item(
        video_id,
        vectors,
        float(vectors.ends[-1]) if len(vectors.ends) else 0.0,
        paths.get(video_id, ""),
        predicted.videos.get(video_id, labels),
        of_moments,
    )
