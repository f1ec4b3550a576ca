"""`yt8m label`: labels of videos by name, as a whole and over time."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from yt8m.config import RunConfig
from yt8m.data.extraction import NetworkChoice
from yt8m.data.stored_videos import StoredVideo, read_stored_videos
from yt8m.data.tables.videos import VideoRow, find_videos, read_videos
from yt8m.data.tables.vocabulary import find_vocabulary, read_class_names
from yt8m.errors import RecordError
from yt8m.labelling.extraction import Item, VideoExtractor
from yt8m.labelling.inputs import sort_inputs
from yt8m.labelling.labels import LabelledVideo, surest_labels, windows_with_labels
from yt8m.labelling.options import LabelOptions
from yt8m.labelling.windows import Content, Scores, WindowScorer
from yt8m.progress import SILENT, Progress
from yt8m.runs import load_config
from yt8m.runs.learned import first_records
from yt8m.runs.records import open_data
from yt8m.values import PositiveInt, checked

_MOST_VIDEOS, _MOST_FRAMES = 32, 10_000
"""Videos, and frames of them, that are scored at a time: some 12 MB of features of YouTube-8M."""


@dataclass
class Labelling:
    """The result of `label`."""

    run: str
    window: int
    """Seconds of a window."""
    videos: list[LabelledVideo] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """A line for each video without labels: what is wrong with it, and where."""


@checked
def label(
    paths: Sequence[str],
    run: str | os.PathLike,
    options: LabelOptions | None = None,
    vocabulary: str | os.PathLike | None = None,
    choice: NetworkChoice | None = None,
    jobs: PositiveInt | None = None,
    progress: Progress = SILENT,
) -> Labelling:
    """Labels videos, or the videos of records, by a run. One bad video does not end the work.

    Args:
        paths: files, directories or globs, of records or of videos. Features of videos are extracted and not kept.
        run: the run directory.
        options: the labels to give.
        vocabulary: a `vocabulary.csv` with class names; None = the one at the root of the records, or else of the run's training
            records. Without any, classes are called `Class 17`.
        choice: for videos, the network to extract features by; None = the one that made the run's training records.
        jobs: the most videos to read at once; None = one for each core.
        progress: counts the videos, and gets the lines of `open_data`.

    Raises:
        InputError, RecordError: there is no such run, file or vocabulary, or features are not those of the run.
    """
    options = options or LabelOptions()
    inputs = sort_inputs(paths)
    names = None if vocabulary is None else read_class_names(vocabulary)
    config = load_config(run)
    extractor = VideoExtractor(os.fspath(run), config, choice) if inputs.videos else None  # fails before the work
    scorer = WindowScorer(run, options.window, options.step)
    result = Labelling(scorer.run, scorer.window)
    if inputs.records:
        source = open_data(
            config, inputs.records, segments=scorer.with_context or False, progress=progress, counted=None
        )
        labeller = Labeller(scorer, _names_beside(source.files[0], run, config) if names is None else names, options)
        with progress.working("labelling", "video"):
            stored = read_stored_videos(source, broken=lambda error: result.problems.append(str(error)))
            for items in _groups(_scorable(stored, scorer, result.problems)):
                result.videos += labeller.labelled(items)
                progress.advance(len(items))
    if extractor is not None:
        labeller = Labeller(scorer, extractor.class_names() if names is None else names, options)
        labelled, problems = {}, {}
        for item in extractor.items(inputs.videos, scorer, problems, jobs, progress):
            (labelled[item.path],) = labeller.labelled([item])
        result.videos += [labelled[path] for path in inputs.videos if path in labelled]
        result.problems += [problems[path] for path in inputs.videos if path in problems]
    return result


def _names_beside(records: str, run: str | os.PathLike, config: RunConfig) -> Mapping[int, str]:
    """The names at the root of the records, or else at that of the run's training records."""
    places = [records, first_records(run, config)]
    found = next(filter(None, (find_vocabulary(place) for place in places if place)), None)
    return read_class_names(found) if found else {}


class Labeller:
    """Labels videos by a run.

    Args:
        scorer: the scorer of the run.
        names: names by class.
        options: the labels to give.
    """

    def __init__(self, scorer: WindowScorer, names: Mapping[int, str], options: LabelOptions):
        self._scorer, self._names = scorer, names
        self._choice = (options.top_k, options.threshold)

    def labelled(self, items: Sequence[Item]) -> list[LabelledVideo]:
        """Labels videos of one level. The run's `why_not` has nothing against any."""
        found = self._scorer.scores([item.content for item in items])
        return [self._labelled(item, scores) for item, scores in zip(items, found, strict=True)]

    def _labelled(self, item: Item, scores: Scores) -> LabelledVideo:
        seconds = float(item.content.num_frames) if item.content.streams else None
        if seconds is not None and item.length is not None:
            seconds = min(seconds, item.length)
        return LabelledVideo(
            item.video_id,
            item.path,
            item.source,
            seconds,
            surest_labels(scores.ranking, self._names, *self._choice),
            windows_with_labels(scores, seconds or 0.0, self._names, *self._choice),
        )


def _scorable(videos: Iterable[StoredVideo], scorer: WindowScorer, problems: list[str]) -> Iterator[Item]:
    """The videos that a run can score. Gives `problems` a line on each other one."""
    for video in videos:
        content = Content(video.streams, video.means)
        problem = scorer.why_not(content)
        if problem:
            problems.append(str(RecordError(video.path, video.record, problem)))
            continue
        row = _videos_beside(os.path.dirname(video.path), video.path).get(video.video_id)
        path, length = ("", None) if row is None else (row.path, row.seconds)
        yield Item(video.video_id, path, f"{video.path}, record {video.record}", content, length)


@cache
def _videos_beside(directory: str, path: str) -> Mapping[str, VideoRow]:
    found = find_videos(path)
    return read_videos(found) if found else {}


def _groups(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Groups items, with not many frames in each group."""
    group: list[Item] = []
    for item in items:
        group.append(item)
        if len(group) == _MOST_VIDEOS or sum(each.content.num_frames for each in group) >= _MOST_FRAMES:
            yield group
            group = []
    if group:
        yield group
