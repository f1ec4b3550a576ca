"""Submissions for the video task of 2017 and 2018: one line per video, ``id,class score class score ...``, best first."""

import os
from collections.abc import Sequence
from types import TracebackType

import numpy as np

from yt8m.data.ids import check_submittable
from yt8m.errors import InputError
from yt8m.files import NewFile
from yt8m.metrics.inputs import as_float32, check_finite, check_ids, id_text
from yt8m.submission.files import HEADERS

MAX_PAIRS = 20
"""Largest number of predictions per video in a submission."""


class VideoSubmissionWriter:
    """Writes a submission for the video task, batch by batch.

    It is a context manager. The file appears when the block ends well. Scores have 9 significant digits, which restore every
    float32 exactly. With fewer digits, different scores would tie, and the file would score differently from the model.

    Args:
        path: the CSV file. Entering the block raises InputError if it cannot be written.
    """

    def __init__(self, path: str | os.PathLike):
        self._file = NewFile(path)
        self._ids: set[str] = set()

    def __enter__(self) -> "VideoSubmissionWriter":
        self._file.__enter__()
        self._file.write(f"{HEADERS['video']}\n".encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, traceback)

    def write(self, ids: Sequence[str | bytes], classes: np.ndarray, scores: np.ndarray) -> None:
        """Adds videos, from `yt8m.metrics.top_k_predictions`.

        Args:
            ids: the videos' ids, [N].
            classes: int [N, k], k <= 20.
            scores: float [N, k], descending in every row. They are written as float32.

        Raises:
            InputError: a video was written before, its id is not allowed in a submission, or a score is NaN or infinite.
            ValueError: the shapes do not fit together, k > 20, or scores ascend.
        """
        classes, scores = np.asarray(classes), as_float32(scores)
        if classes.ndim != 2 or classes.shape != scores.shape or classes.shape[1] > MAX_PAIRS:
            raise ValueError(
                f"classes {classes.shape} and scores {scores.shape} must be [videos, {MAX_PAIRS} or fewer]"
            )
        check_ids(ids, len(classes))
        check_finite(scores, ids, classes)
        if (scores[:, 1:] > scores[:, :-1]).any():
            raise ValueError("scores must descend in every row; sort them with top_k_predictions")
        num_pairs = classes.shape[1]
        line = "%s," + " ".join(["%d %.9g"] * num_pairs) + "\n"
        values: list[str | int | float] = [""] * (2 * num_pairs + 1)
        lines = []
        for video_id, row_classes, row_scores in zip(ids, classes.tolist(), scores.tolist(), strict=True):
            values[0] = self._new_id(video_id)
            values[1::2] = row_classes
            values[2::2] = row_scores
            lines.append(line % tuple(values))
        self._file.write("".join(lines).encode())

    def _new_id(self, video_id: str | bytes) -> str:
        text = id_text(video_id)
        if text in self._ids:
            raise InputError(f"video {text!r} occurs twice in the data; a submission may list it once")
        check_submittable([text])
        self._ids.add(text)
        return text
