"""What is known of one video: its labels, ratings and frames, and what a run says of it over time.

C = classes, W = windows, T = frames.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from yt8m import runs
from yt8m.config import RunConfig
from yt8m.conversion.frames import read_frames
from yt8m.data.checking import num_frames, values_of
from yt8m.data.failures import record_errors
from yt8m.data.quantisation import dequantise
from yt8m.data.records import frame_level_record, framed, video_level_record
from yt8m.data.schema import FEATURE_SIZES, SEGMENT_FRAMES, Level, is_present, video_feature
from yt8m.data.sources import expand_paths
from yt8m.data.tables.vocabulary import class_name, find_vocabulary, read_class_names
from yt8m.errors import RecordError
from yt8m.progress import SILENT, Progress
from yt8m.runs.model import load_run
from yt8m.runs.records import open_data
from yt8m.scoring.scorer import Scorer
from yt8m.views.finding import Found, find_video, id_bytes

WINDOW = 10
"""Seconds that a model of whole videos is shown at a time; segments, for which others are made, have half of it."""
STRIDE = 5


@dataclass(frozen=True)
class Rating:
    """A rated segment."""

    start: int
    """Seconds."""
    class_id: int
    score: float
    """1 where the class is there, 0 where it was rated absent."""

    @property
    def present(self) -> bool:
        """Whether that says that the class is there."""
        return is_present(self.score)


@dataclass(frozen=True)
class Scores:
    """What a run says."""

    run: str
    video: np.ndarray | None
    """Of the whole video, float32 [C]; None of models that see segments and what is around them."""
    starts: np.ndarray
    """int [W], seconds; empty at video level."""
    window: int
    """Seconds of each, at most those of the video."""
    windows: np.ndarray
    """float32 [W, C]"""

    @property
    def ranking(self) -> np.ndarray:
        """What classes are ranked by, float32 [C]: the score of the whole, or the greatest of a window."""
        return self.windows.max(axis=0) if self.video is None else self.video


@dataclass(frozen=True)
class VideoView:
    """One video."""

    video_id: str
    path: str
    record: int
    level: Level
    num_frames: int
    features: tuple[str, ...]
    labels: tuple[int, ...] | None
    """None where the record has no labels, as in a test split."""
    ratings: tuple[Rating, ...]
    also: tuple[tuple[str, int], ...]
    """Other records with the id: file and number."""
    changes: dict[str, np.ndarray]
    """By feature, root mean square difference of each frame from the one before, dequantised: float32 [T - 1]."""
    means: dict[str, np.ndarray]
    """At video level, by feature: float32 [D]."""
    scores: Scores | None
    names: dict[int, str] = field(repr=False)

    def name(self, class_id: int) -> str:
        """A class by name."""
        return class_name(class_id, self.names)

    def classes(self, most_predicted: int = 8) -> list[int]:
        """The classes worth showing: labels, rated ones, and those that the run is surest of; these first."""
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
    """Finds a video and says what is known of it.

    Args:
        video_id: text or bytes.
        data: files, directories or globs, of any level; where several records have the id, that which tells most is shown.
        run: a run directory, whose best model scores the whole video and a window that slides over it.
        window: seconds; models that see segments with what is around them are shown segments instead.
        stride: seconds from one window to the next.
        vocabulary: a `vocabulary.csv`; None = the one at the root of the data set, if there is one.
        progress: counts the records searched, a few at a time.

    Raises:
        InputError, RecordError: no record has the id, a record is broken, no such run, or it reads frames and there are none.
    """
    files = expand_paths(data)
    config = None if run is None else runs.load_config(run)
    if config is not None:
        model = load_run(run)  # what is wrong with it is said before the search
    names = None if vocabulary is None else read_class_names(vocabulary)
    with progress.working("searching", "record"):
        found, *others = find_video(video_id, files, progress)
    if names is None:
        path = find_vocabulary(found.path)
        names = read_class_names(path) if path else {}
    context = found.example.context.feature
    streams = {} if found.level == "video" else read_frames(found.data, found.path, found.record).streams
    means = {
        name: np.array(context[video_feature(name)].float_list.value, np.float32)
        for name in FEATURE_SIZES
        if found.level == "video" and video_feature(name) in context
    }
    scores = None if config is None else _score(os.fspath(run), config, model, found, streams, means, window, stride)
    return VideoView(
        video_id=id_bytes(video_id).decode(errors="backslashreplace"),
        path=found.path,
        record=found.record,
        level=found.level,
        num_frames=num_frames(found.example),
        features=tuple(streams or means),
        labels=tuple(values_of(context["labels"])) if "labels" in context else None,
        ratings=_ratings(found),
        also=tuple((other.path, other.record) for other in others),
        changes={name: _changes(frames) for name, frames in streams.items()},
        means=means,
        scores=scores,
        names=names,
    )


def _ratings(found: Found) -> tuple[Rating, ...]:
    if found.level != "segment":
        return ()
    context = found.example.context.feature
    columns = [values_of(context[f"segment_{key}"]) for key in ("start_times", "labels", "scores")]
    return tuple(
        sorted((Rating(*row) for row in zip(*columns, strict=True)), key=lambda row: (row.start, row.class_id))
    )


def _changes(frames: np.ndarray) -> np.ndarray:
    steps = np.diff(dequantise(frames), axis=0)
    return np.sqrt(np.mean(np.square(steps), axis=1))


def windows_of(length: int, window: int, stride: int) -> list[int]:
    """Where windows start: all that fit, and one that ends with the video; of a shorter video one, from its beginning."""
    last = max(length - window, 0)
    return [*range(0, last, stride), last]


def _score(
    run: str,
    config: RunConfig,
    model,
    found: Found,
    streams: dict[str, np.ndarray],
    means: dict[str, np.ndarray],
    window: int,
    stride: int,
) -> Scores:
    if not streams and config.model.level == "frame":
        what = "is a video-level record" if means else "has no frames"
        raise RecordError(
            found.path, found.record, f"{what}, and {run} reads frames; name other records or another run"
        )
    if not streams and not means:
        raise RecordError(
            found.path, found.record, f"has no frames, so {run} has nothing to score; name other records or no run"
        )
    if set(config.data.features).isdisjoint(streams or means):
        has, reads = ", ".join(streams or means), ", ".join(config.data.features)
        raise RecordError(found.path, found.record, f"has {has}, and {run} reads {reads}")
    scorer = Scorer(model)
    whole = video_level_record("video", None, means) if means else frame_level_record("video", None, streams)
    if config.data.segment_context:
        rows = _scored(scorer, config, [whole], segments=True)
        return Scores(run, None, rows[1], SEGMENT_FRAMES, rows[0])
    of_video = _scored(scorer, config, [whole])[0][0]
    if not streams:
        return Scores(run, of_video, np.zeros(0, int), window, np.zeros((0, len(of_video)), np.float32))
    length = min(map(len, streams.values()))
    window = min(window, length)
    starts = windows_of(length, window, stride)
    parts = [{name: frames[start : start + window] for name, frames in streams.items()} for start in starts]
    shown = [frame_level_record("video", None, part) for part in parts]
    return Scores(run, of_video, np.array(starts), window, _scored(scorer, config, shown)[0])


def _scored(
    scorer: Scorer, config: RunConfig, records: list[bytes], segments: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of some records, or of all segments of one, float32 [W, C]; and these segments' starts, int [W].

    They are read from a file, as all that is predicted is: what a model is shown of a record is decided there.
    """
    with tempfile.TemporaryDirectory(prefix="yt8m-show-") as place:
        path = Path(place) / "video.tfrecord"
        path.write_bytes(b"".join(map(framed, records)))
        source = open_data(config, str(path), segments)
        with record_errors(source):
            parts = list(scorer.scores(source, config, segments="all"))
    starts = [part.segment_starts for part in parts if part.segment_starts is not None]
    return np.concatenate([part.scores for part in parts]), np.concatenate(starts) if starts else np.zeros(0, int)
