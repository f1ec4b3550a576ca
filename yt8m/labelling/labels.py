"""Labels by name, from scores: of the whole video and over time. C = classes, W = windows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from yt8m.data.tables.timed_labels import TimedLabel
from yt8m.data.tables.vocabulary import class_name
from yt8m.labelling.windows import Scores


@dataclass(frozen=True)
class Label:
    """A class that a run gives."""

    class_id: int
    name: str
    probability: float


@dataclass(frozen=True)
class Window:
    """A part of a video with its labels."""

    start: float
    """Seconds from the video's own start."""
    end: float
    labels: tuple[Label, ...]
    """The most probable first; empty if none reaches the threshold."""


@dataclass(frozen=True)
class LabelledVideo:
    """A video with its labels."""

    video_id: str
    """Bytes that are not UTF-8 are surrogates (`os.fsdecode`)."""
    path: str
    """The video file; empty if it is unknown."""
    source: str
    """Where its features are from: `FILE, record 3`, or the video file."""
    seconds: float | None
    """None for video-level records, which have no time."""
    labels: tuple[Label, ...]
    """Labels of the whole video, the most probable first. For a model of segments with context, those of its surest windows."""
    windows: tuple[Window, ...]

    def rows(self) -> Iterator[TimedLabel]:
        """The labels as rows of a table: first those of the whole video, then those of each window."""
        for start, end, labels in [
            (None, None, self.labels),
            *((each.start, each.end, each.labels) for each in self.windows),
        ]:
            for label in labels:
                yield TimedLabel(self.video_id, start, end, label.class_id, label.name, label.probability)


@dataclass(frozen=True)
class Chapter:
    """A part of a video with one best label."""

    start: float
    end: float
    label: Label
    """The best label of its windows, with the highest probability of any."""


def surest_labels(
    probabilities: np.ndarray, names: Mapping[int, str], top_k: int, threshold: float
) -> tuple[Label, ...]:
    """The most probable classes.

    Args:
        probabilities: float [C].
        names: names by class.
        top_k: most labels.
        threshold: least probability.

    Returns:
        The labels, the most probable first; equal ones by class.
    """
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    return tuple(
        Label(int(each), class_name(int(each), names), float(probabilities[each]))
        for each in order
        if probabilities[each] >= threshold
    )


def windows_with_labels(
    scores: Scores, seconds: float, names: Mapping[int, str], top_k: int, threshold: float
) -> tuple[Window, ...]:
    """The windows of a video with their labels. Other arguments: see `surest_labels`.

    Args:
        scores: the scores of the video.
        seconds: the length of the video, at which the last window ends.
    """
    return tuple(
        Window(float(start), float(min(start + scores.window, seconds)), surest_labels(row, names, top_k, threshold))
        for start, row in zip(scores.starts.tolist(), scores.windows, strict=True)
    )


def chapters_of(windows: Sequence[Window]) -> list[Chapter]:
    """Merges adjacent windows with the same best label. Chapters do not overlap; windows without a label have none.

    Args:
        windows: in the order of time. Of windows that overlap, each counts up to the beginning of the next.
    """
    chapters: list[Chapter] = []
    for place, window in enumerate(windows):
        following = windows[place + 1].start if place + 1 < len(windows) else window.end
        end = min(window.end, following)
        if not window.labels:
            continue
        best, last = window.labels[0], chapters[-1] if chapters else None
        if last and last.end == window.start and last.label.class_id == best.class_id:
            chapters[-1] = Chapter(last.start, end, max(last.label, best, key=lambda label: label.probability))
        else:
            chapters.append(Chapter(window.start, end, best))
    return chapters
