"""A run's predictions for records as a submission file."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from yt8m import runs
from yt8m.config import RunConfig
from yt8m.data.sources import expand_paths
from yt8m.data.vocabulary import find_at_root
from yt8m.errors import InputError
from yt8m.files import check_destination
from yt8m.inference import SEGMENT_CLASSES_FILE, Scorer, choose_paths, load_run, open_data
from yt8m.metrics import top_k_predictions
from yt8m.submission import SegmentRanking, VideoSubmissionWriter, read_segment_class_ids


@dataclass(frozen=True)
class Prediction:
    """What `predict` wrote."""

    path: str
    task: Literal["video", "segment"]
    num_videos: int
    """Videos that were scored."""
    num_segments: int | None = None
    """Segments that were scored; None in the video task."""
    segment_classes: str | None = None
    """The file that said which classes to rank, None for all of the vocabulary."""


def _predict_videos(scorer, source, config, out, top_k, progress) -> int:
    count = 0
    with VideoSubmissionWriter(out) as writer:
        for batch in scorer.scores(source, config):
            classes, scores = top_k_predictions(batch.scores, top_k)
            writer.write(batch.ids, classes, scores)
            count += len(batch.ids)
            progress(len(batch.ids))
    return count


def _predict_segments(scorer, source, config: RunConfig, out, class_ids, max_segments, progress) -> tuple[int, int]:
    """The numbers of videos and of segments."""
    ranking, videos = SegmentRanking(class_ids, max_segments), set()
    for batch in scorer.scores(source, config, segments="all"):
        ranking.update(batch.ids, batch.segment_starts, batch.scores[:, ranking.class_ids])
        videos.update(batch.ids)
        progress(len(batch.ids))
    if not ranking.num_segments:
        raise InputError(f"{source.files[0]}: no video has a whole segment of five seconds; nothing to rank")
    ranking.write(out)
    return len(videos), ranking.num_segments


def predict(
    run: str | os.PathLike,
    data: Sequence[str] = (),
    out: str | os.PathLike = "submission.csv",
    *,
    task: Literal["video", "segment"] | None = None,
    top_k: int = 20,
    max_segments: int = 100_000,
    segment_classes: str | os.PathLike | None = None,
    progress: Callable[[int], None] = lambda count: None,
    tell: Callable[[str], None] = lambda text: None,
) -> Prediction:
    """Writes a submission of a run's best model.

    Args:
        run: the run directory.
        data: files, directories or globs; none = the run's test split.
        out: the CSV file; it appears when it is complete.
        task: None = `segment` for records with rated segments, else `video`.
        top_k: predictions a video, 1 to 20.
        max_segments: segments a class, at most.
        segment_classes: a `segment_label_ids.csv`, whose classes are ranked; None = the one at the root of the data
            set, and where there is none, all classes of the vocabulary.
        progress: called with the number of videos, or segments, after each batch.
        tell: gets a line on the broken records that are left out, if the run was told to skip them.

    Raises:
        InputError, RecordError: no such run, no such files, a record that cannot be used, a place that cannot be
            written to, an argument out of range.
    """
    if not 1 <= top_k <= 20:
        raise InputError(f"--top-k is {top_k}; the video task takes 1 to 20 predictions a video")
    if max_segments < 1:
        raise InputError(f"--max-segments is {max_segments}; it must be at least 1")
    config = runs.load_config(run)
    paths = choose_paths(run, config, data, "test")
    check_destination(out)
    if task == "segment" and config.model.level != "frame":
        raise InputError(f"{run}: {config.model.name} reads whole videos; the segment task needs a model of frames")
    source = open_data(config, paths, None if task is None else task == "segment", tell)
    scorer = Scorer(load_run(run))
    if source.level != "segment":
        return Prediction(str(out), "video", _predict_videos(scorer, source, config, out, top_k, progress))
    classes_file = segment_classes or find_at_root(expand_paths(paths)[0], SEGMENT_CLASSES_FILE)
    class_ids = read_segment_class_ids(classes_file) if classes_file else range(config.data.num_classes)
    unknown = [class_id for class_id in class_ids if class_id >= config.data.num_classes]
    if unknown:
        raise InputError(f"{classes_file}: class {unknown[0]} is unknown to {run}, which has {config.data.num_classes}")
    counts = _predict_segments(scorer, source, config, out, class_ids, max_segments, progress)
    return Prediction(str(out), "segment", *counts, str(classes_file) if classes_file else None)
