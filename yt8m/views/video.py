"""A view of one video: labels, ratings and frames, and a run's scores over time.

C = classes, W = windows, T = frames.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from yt8m.data.checking import num_frames, values_of
from yt8m.data.engine.pieces import Piece
from yt8m.data.engine.records import Record
from yt8m.data.engine.videos import finite_video_of
from yt8m.data.features import Feature, in_order, parse_features
from yt8m.data.quantisation import dequantise
from yt8m.data.schema import Level, is_present
from yt8m.data.source import Source
from yt8m.data.sources import expand_paths
from yt8m.data.tables.vocabulary import class_name, find_vocabulary, read_class_names
from yt8m.errors import RecordError
from yt8m.labelling.windows import Content, Scores, WindowScorer
from yt8m.progress import SILENT, Progress
from yt8m.views.finding import Found, find_video, id_bytes

WINDOW = 10
"""Default seconds per window for models of whole videos. Segments, for other models, have half as many."""
STRIDE = 5


@dataclass(frozen=True)
class Rating:
    """A rated segment."""

    start: int
    """Seconds."""
    class_id: int
    score: float
    """1 = present, 0 = absent."""

    @property
    def present(self) -> bool:
        """Whether the class was rated present."""
        return is_present(self.score)


@dataclass(frozen=True)
class VideoView:
    """The content of one video."""

    video_id: str
    path: str
    record: int
    level: Level
    num_frames: int
    features: tuple[str, ...]
    labels: tuple[int, ...] | None
    """None if the record has no labels, as in a test split."""
    ratings: tuple[Rating, ...]
    also: tuple[tuple[str, int], ...]
    """Other records with the same id: file and number."""
    changes: dict[str, np.ndarray]
    """Root mean square difference of each frame from the one before, dequantised, by feature: float32 [T - 1]."""
    means: dict[str, np.ndarray]
    """Means by feature, at video level: float32 [D]."""
    scores: Scores | None
    names: dict[int, str] = field(repr=False)
    thumbnails: tuple[np.ndarray, ...] = field(default=(), repr=False)
    """Pictures of the middles of equal parts, each uint8 [H, W, 3] (`yt8m.views.thumbnails`)."""

    def name(self, class_id: int) -> str:
        """The name of a class."""
        return class_name(class_id, self.names)

    def classes(self, most_predicted: int = 8) -> list[int]:
        """The classes to show: the run's most probable ones first, then labels and rated classes."""
        known = dict.fromkeys([*(self.labels or ()), *(rating.class_id for rating in self.ratings)])
        if self.scores is None:
            return list(known)
        ranking = self.scores.ranking
        surest = np.argsort(-ranking, kind="stable")[:most_predicted].tolist()
        rest = [class_id for class_id in known if class_id < len(ranking) and class_id not in surest]
        unknown = [class_id for class_id in known if class_id >= len(ranking)]
        return [*surest, *sorted(rest, key=lambda class_id: -ranking[class_id]), *unknown]


def view_video(
    video_id: str | bytes,
    data: str | Sequence[str],
    run: str | os.PathLike | None = None,
    *,
    window: int = WINDOW,
    stride: int = STRIDE,
    vocabulary: str | os.PathLike | None = None,
    progress: Progress = SILENT,
) -> VideoView:
    """Finds a video and collects its content.

    Args:
        video_id: text or bytes.
        data: files, directories or globs, of any level. If several records have the id, the most informative is shown.
        run: a run directory. Its best model scores the whole video and a sliding window.
        window: seconds per window. Models of segments with context score segments instead.
        stride: seconds from one window to the next.
        vocabulary: a `vocabulary.csv`; None = the one at the root of the data set, if any.
        progress: counts the searched records.

    Raises:
        InputError, RecordError: no record has the id, a record is broken, the run does not exist, or it needs frames and the
            record has none.
    """
    files = expand_paths(data)
    scorer = None if run is None else WindowScorer(run, window, stride)  # fails before the search, not after it
    names = None if vocabulary is None else read_class_names(vocabulary)
    with progress.working("searching", "record"):
        found, *others = find_video(video_id, files, progress)
    if names is None:
        path = find_vocabulary(found.path)
        names = read_class_names(path) if path else {}
    context = found.example.context.feature
    wanted = () if scorer is None else parse_features(scorer.config.data.features)
    rows = in_order({each.name: each for each in (*found.features, *wanted)}.values())
    streams = {} if found.level == "video" else _frames(found, rows)
    means = {
        each.name: np.array(context[each.video_name].float_list.value, np.float32)
        for each in rows
        if found.level == "video" and each.video_name in context
    }
    scores = None if scorer is None else _score(scorer, found, Content(streams, means))
    return VideoView(
        video_id=id_bytes(video_id).decode(errors="backslashreplace"),
        path=found.path,
        record=found.record,
        level=found.level,
        num_frames=num_frames(found.example, rows),
        features=tuple(streams or means),
        labels=tuple(values_of(context["labels"])) if "labels" in context else None,
        ratings=_ratings(found),
        also=tuple((other.path, other.record) for other in others),
        changes={each.name: _changes(streams[each.name], each) for each in rows if each.name in streams},
        means=means,
        scores=scores,
        names=names,
    )


def _frames(found: Found, features: Sequence[Feature]) -> dict[str, np.ndarray]:
    data = np.frombuffer(found.data, np.uint8)
    source = Source((found.path,), "frame", tuple(features), num_classes=None, max_labels=None)
    record = Record(found.path, found.record, Piece(data), 0, len(data))
    return finite_video_of(data, source, record).frames(features)


def _ratings(found: Found) -> tuple[Rating, ...]:
    if found.level != "segment":
        return ()
    context = found.example.context.feature
    columns = [values_of(context[f"segment_{key}"]) for key in ("start_times", "labels", "scores")]
    return tuple(
        sorted((Rating(*row) for row in zip(*columns, strict=True)), key=lambda row: (row.start, row.class_id))
    )


def _changes(frames: np.ndarray, feature: Feature) -> np.ndarray:
    steps = np.diff(dequantise(frames, feature), axis=0)
    return np.sqrt(np.mean(np.square(steps), axis=1))


def _score(scorer: WindowScorer, found: Found, content: Content) -> Scores:
    problem = scorer.why_not(content)
    if problem:
        raise RecordError(found.path, found.record, problem)
    (scores,) = scorer.scores([content])
    return scores
