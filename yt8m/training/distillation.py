"""Teachers: another model's scores to learn from beside the labels (arXiv 1503.02531).

C = classes, B = videos, k = predictions kept of a video.
"""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from yt8m import runs
from yt8m.config import DistillConfig, RunConfig
from yt8m.data.overlap import some_ids
from yt8m.data.pipeline import Source
from yt8m.errors import InputError, quantity
from yt8m.runs.model import load_run
from yt8m.submission.reading import read_video_submission
from yt8m.submission.video import MAX_PAIRS

_SMALLEST_PROBABILITY = 1e-6
"""Of a stored score: the file rounds to six places, and no logit is infinite."""
_UNKNOWN_VIDEO = "no stored predictions for video"


class Teacher(ABC):
    """Someone who knows better."""

    def attach(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Adds to every batch what `logits` needs of it; the batch still has its ids here."""
        return dataset

    @abstractmethod
    def logits(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """What the teacher says of a batch: float32 [B, C]."""


class RunTeacher(Teacher):
    """A trained run. It sees the very frames the student sees. Make it in the strategy's scope.

    Args:
        run: its directory.
        student: the configuration of the run that learns, complete.

    Raises:
        InputError: there is no such run, or it reads other records or features, or has other classes.
    """

    def __init__(self, run: str, student: RunConfig):
        config = runs.load_config(run)
        if config.model.level != student.model.level:
            raise InputError(
                f"--distill.teacher {run}: reads {config.model.level}-level records, this run {student.model.level}-level "
                "ones; write its predictions to a CSV with `yt8m predict` and name that"
            )
        if config.data.num_classes != student.data.num_classes:
            raise InputError(
                f"--distill.teacher {run}: knows {quantity(config.data.num_classes, 'class')}, this run has "
                f"{student.data.num_classes}"
            )
        missing = [name for name in config.data.features if name not in student.data.features]
        if missing:
            raise InputError(
                f"--distill.teacher {run}: needs {', '.join(missing)}; add it to --data.features of this run"
            )
        self._model = load_run(run)
        self._model.trainable = False

    def logits(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """The run's logits; its dropout is off and its statistics rest."""
        return tf.stop_gradient(self._model({key: batch[key] for key in self._model.input}, training=False))


class FileTeacher(Teacher):
    """Stored predictions, in the format of a submission to the video task; a class that is not listed has no chance.

    Args:
        path: the CSV file: a row for every video of the training records.
        num_classes: C.

    Raises:
        InputError, LineError: the file cannot be read or used.
    """

    def __init__(self, path: str, num_classes: int):
        ids, classes, scores = [], [], []
        for row in read_video_submission(path, num_classes):
            padding = MAX_PAIRS - len(row.classes)
            ids.append(row.video_id)
            classes.append(np.pad(np.array(row.classes, np.int32), (0, padding), constant_values=num_classes))
            scores.append(np.pad(np.array(row.scores, np.float32), (0, padding)))
        if not ids:
            raise InputError(f"{path}: holds no predictions to learn from")
        self._num_classes, self._path = num_classes, path
        # With a row of nothing at the end, for what is checked right after it was looked up.
        self._classes = tf.constant(np.stack([*classes, np.full(MAX_PAIRS, num_classes, np.int32)]))
        self._scores = tf.constant(np.stack([*scores, np.zeros(MAX_PAIRS, np.float32)]))
        rows = tf.lookup.KeyValueTensorInitializer(tf.constant(ids), tf.range(len(ids), dtype=tf.int64))
        self._rows = tf.lookup.StaticHashTable(rows, default_value=-1)

    def require(self, files: Sequence[str]) -> None:
        """Looks some videos up, all of few, so that what is missing is found before the first step rather than the last.

        Raises:
            InputError: the file has no predictions for one of them.
        """
        ids = [video for _, video in some_ids(files)]
        rows = self._rows.lookup(tf.constant(ids, tf.string)).numpy()
        missing = next((video for video, row in zip(ids, rows, strict=True) if row < 0), None)
        if missing is not None:
            raise InputError(_lacks(self._path, missing.decode(errors="replace")))

    def attach(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Looks the videos up; one that is not in the file is an error, which `teacher_errors` words."""

        def look_up(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            rows = self._rows.lookup(batch["id"])
            unknown = tf.boolean_mask(batch["id"], rows < 0)
            check = tf.debugging.Assert(tf.equal(tf.size(unknown), 0), [_UNKNOWN_VIDEO, unknown[:1]], summarize=1)
            with tf.control_dependencies([check]):
                rows = tf.identity(rows)
            found = {
                "teacher_classes": tf.gather(self._classes, rows),
                "teacher_scores": tf.gather(self._scores, rows),
            }
            return batch | found

        return dataset.map(look_up)

    def logits(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """The stored scores as logits."""
        classes, scores = batch["teacher_classes"], batch["teacher_scores"]
        videos = tf.broadcast_to(tf.range(tf.shape(classes)[0])[:, None], tf.shape(classes))
        places = tf.stack([videos, classes], axis=-1)
        # The column past the last class takes the padding, and is cut off again.
        probabilities = tf.scatter_nd(places, scores, [tf.shape(classes)[0], self._num_classes + 1])[:, :-1]
        probabilities = tf.clip_by_value(probabilities, _SMALLEST_PROBABILITY, 1.0 - _SMALLEST_PROBABILITY)
        return tf.math.log(probabilities) - tf.math.log1p(-probabilities)


def make_teacher(config: RunConfig, source: Source) -> Teacher | None:
    """The teacher that `--distill.teacher` names, a run directory or a file; None without. In the strategy's scope.

    Raises:
        InputError, LineError: it cannot be used.
    """
    path = config.distill.teacher
    if not path:
        if config.distill != DistillConfig():
            raise InputError(
                "--distill.weight and --distill.temperature are of a teacher; name one with --distill.teacher"
            )
        return None
    if not os.path.exists(path):
        raise InputError(f"--distill.teacher {path}: there is neither a run directory nor a file of predictions")
    if os.path.isdir(path):
        return RunTeacher(path, config)
    if source.level == "segment":
        raise InputError(
            f"--distill.teacher {path}: has predictions of whole videos, training is on segments; name a run"
        )
    teacher = FileTeacher(path, config.data.num_classes)
    if not source.fold:  # whose videos are not all of these
        teacher.require(source.files)
    return teacher


def distillation_losses(student: tf.Tensor, teacher: tf.Tensor, config: DistillConfig) -> tf.Tensor:
    """``T ** 2`` times the cross-entropy of the classes' probabilities, both sides' logits divided by T: float32 [B].

    Classes are independent here, so the softmax of arXiv 1503.02531 becomes a sigmoid for each; the factor keeps the
    gradient's size whatever T is.

    Args:
        student: logits float32 [B, C].
        teacher: logits float32 [B, C].
        config: T.
    """
    wanted = tf.sigmoid(tf.stop_gradient(teacher) / config.temperature)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(wanted, student / config.temperature)
    return config.temperature**2 * tf.reduce_sum(losses, axis=-1)


@contextmanager
def teacher_errors(config: DistillConfig) -> Iterator[None]:
    """Turns the error for a video that a `FileTeacher` lacks into an `InputError` that names both."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = re.search(re.escape(_UNKNOWN_VIDEO) + r"\] \[(.*?)\]", str(error))
        if not found:
            raise
        raise InputError(_lacks(config.teacher, found.group(1))) from error


def _lacks(path: str, video_id: str) -> str:
    return (
        f"{path}: has no predictions for video {video_id!r} of the training records; predict them all "
        "with `yt8m predict --run TEACHER --data TRAINING-RECORDS --out FILE`"
    )
