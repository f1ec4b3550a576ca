"""Scores whole videos, and windows of their frames, by a run. C = classes, W = windows, T = frames, D = values of a feature."""

import dataclasses
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from yt8m import runs
from yt8m.data.engine.sampling import uniform_rows
from yt8m.data.features import names_of, parse_features
from yt8m.data.records import frame_level_record, framed, video_level_record
from yt8m.data.schema import SEGMENT_FRAMES
from yt8m.runs.records import open_data

_MOST_RECORDS_A_STEP = 64


@dataclass(frozen=True)
class Content:
    """What a model sees of a video: its frames, or only their means."""

    streams: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Frames by feature, [T, D], as stored."""
    means: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Means by feature, float32 [D], if there are no frames."""

    @property
    def num_frames(self) -> int:
        """Frames, and so seconds, that all features have."""
        return min(map(len, self.streams.values()), default=0)

    @property
    def features(self) -> tuple[str, ...]:
        """The names of its features."""
        return tuple(self.streams or self.means)


@dataclass(frozen=True)
class Scores:
    """A run's scores of a video."""

    run: str
    video: np.ndarray | None
    """Probabilities for the whole video, float32 [C]; None for models of segments with context."""
    starts: np.ndarray
    """First seconds of the windows, int [W]; empty at video level."""
    window: int
    """Seconds per window, at most the video's. The last window may be shorter."""
    windows: np.ndarray
    """Probabilities for the windows, float32 [W, C]."""

    @property
    def ranking(self) -> np.ndarray:
        """The scores to rank classes by, float32 [C]: those of the whole video, or the highest of any window."""
        return self.windows.max(axis=0) if self.video is None else self.video


def windows_of(length: int, window: int, stride: int) -> list[int]:
    """First seconds of the windows of a video. As with segments, the last one is shorter if the frames end before it does.

    Args:
        length: frames of the video.
        window: seconds of a window.
        stride: seconds from one window to the next.

    Returns:
        Multiples of `stride`, up to the first window that reaches the end; none for a video without frames.
    """
    if not length:
        return []
    last = -(-max(length - window, 0) // stride)
    return [start for start in range(0, last * stride + 1, stride) if start < length]


class WindowScorer:
    """Scores whole videos and windows by a run. Make one for each run, so its model is loaded and traced once.

    As a whole, a video with more frames than the run's `--data.max-frames` is scored by that many of them, the middles of equal
    parts.

    Args:
        run: the run directory.
        window: seconds of a window. A model of segments with context scores segments instead.
        stride: seconds from one window to the next.

    Attributes:
        run, window, stride: as given, or as the model needs them.
        config: the run's configuration.
        with_context: whether the model is one of segments with context.

    Raises:
        InputError: the run does not exist or has no weights.
    """

    def __init__(self, run: str | os.PathLike, window: int, stride: int):
        self.run, self.config = os.fspath(run), runs.load_config(run)
        from yt8m.runs.model import load_run  # both load TensorFlow, which a mistyped run need not wait for
        from yt8m.scoring.scorer import Scorer

        self.with_context = bool(self.config.data.segment_context)
        self.window = SEGMENT_FRAMES if self.with_context else window
        self.stride = SEGMENT_FRAMES if self.with_context else stride
        self._scorer = Scorer(load_run(run))

    def why_not(self, content: Content) -> str | None:
        """Says why the run cannot score a video, as a clause; None if it can."""
        if not content.streams and (self.config.model.level == "frame" or self.with_context):
            what = "is a video-level record" if content.means else "has no frames"
            return f"{what}, and {self.run} reads frames; name other records or another run"
        if not content.features:
            return f"has no frames, so {self.run} has nothing to score; name other records or no run"
        if content.streams and not content.num_frames:
            return f"has no frame that all its features have, so {self.run} has nothing to score"
        wanted = names_of(parse_features(self.config.data.features))
        if set(wanted).isdisjoint(content.features):
            return f"has {', '.join(content.features)}, and {self.run} reads {', '.join(wanted)}"
        return None

    def scores(self, contents: Sequence[Content]) -> list[Scores]:
        """Scores videos of one level, each as a whole and by windows.

        Args:
            contents: the videos. `why_not` has nothing against any.

        Raises:
            InputError, RecordError: the features are not as the run reads them, or there is too little memory.
        """
        if not contents:
            return []
        if self.with_context:
            return self._segments(contents)
        wholes = self._scored([self._whole(each) for each in contents])[0]
        lengths = [each.num_frames for each in contents]
        windows = [min(self.window, length) for length in lengths]
        starts = [windows_of(length, self.window, self.stride) for length in lengths]
        parts = [
            frame_level_record("video", None, _cut(content.streams, start, start + window))
            for content, window, begins in zip(contents, windows, starts, strict=True)
            for start in begins
        ]
        rows = self._scored(parts, max(windows))[0] if parts else np.zeros((0, wholes.shape[1]), np.float32)
        of_each = np.split(rows, np.cumsum([len(each) for each in starts])[:-1])
        return [
            Scores(self.run, *each)
            for each in zip(wholes, [np.array(each, int) for each in starts], windows, of_each, strict=True)
        ]

    def _whole(self, content: Content) -> bytes:
        if content.means and not content.streams:
            return video_level_record("video", None, content.means)
        rows = uniform_rows(content.num_frames, self.config.data.max_frames)
        return frame_level_record("video", None, {name: frames[rows] for name, frames in content.streams.items()})

    def _segments(self, contents: Sequence[Content]) -> list[Scores]:
        """Scores the segments of videos with their context."""
        records = [frame_level_record(str(number), None, each.streams) for number, each in enumerate(contents)]
        rows, starts, ids = self._scored(records, max(each.num_frames for each in contents), segments=True)
        found = []
        for number, each in enumerate(contents):
            own = ids == number
            found.append(Scores(self.run, None, starts[own], min(SEGMENT_FRAMES, each.num_frames), rows[own]))
        return found

    def _scored(
        self, records: Sequence[bytes], max_frames: int | None = None, segments: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scores records, or all segments of records.

        The records go through a file, so that the same code as in prediction prepares them.

        Returns:
            Probabilities, float32 [W, C]; and for segments their starts and the numbers that are their videos' ids, int [W].
        """
        from yt8m.data.failures import record_errors  # loads TensorFlow

        changes: dict[str, Any] = {"on_corrupt": "stop"}  # these records were read before
        if max_frames is not None:
            changes |= {"max_frames": max_frames} | ({} if segments else {"prediction_num_frames": 0})
        config = dataclasses.replace(self.config, data=dataclasses.replace(self.config.data, **changes))
        with tempfile.TemporaryDirectory(prefix="yt8m-windows-") as place:
            path = Path(place) / "videos.tfrecord"
            with path.open("wb") as file:
                file.writelines(map(framed, records))
            source = open_data(config, str(path), segments, counted=None)
            with record_errors(source):
                parts = list(self._scorer.scores(source, config, segments="all", batch_size=_batch_size(len(records))))
        rows = np.concatenate([part.scores for part in parts])
        if not segments:
            return rows, np.zeros(0, int), np.zeros(0, int)
        ids = np.array([int(each) for part in parts for each in part.ids])
        return rows, np.concatenate([part.segment_starts for part in parts]), ids


def _batch_size(num_records: int) -> int:
    """A power of two, so that the model is compiled for few sizes, and a single video is not padded to a large batch."""
    return min(_MOST_RECORDS_A_STEP, 1 << (num_records - 1).bit_length())


def _cut(streams: Mapping[str, np.ndarray], start: int, stop: int) -> dict[str, np.ndarray]:
    return {name: frames[start:stop] for name, frames in streams.items()}
