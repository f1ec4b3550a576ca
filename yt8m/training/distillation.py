"""Teachers, whose scores a model learns from beside the labels (arXiv 1503.02531).

C = classes, B = videos, k = predictions kept for a video.
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
from yt8m.data.source import Source
from yt8m.errors import InputError, quantity
from yt8m.runs.model import load_run
from yt8m.submission.reading import read_video_submission
from yt8m.submission.video import MAX_PAIRS

_SMALLEST_PROBABILITY = 1e-6
"""The lowest probability of a stored score: the file rounds to six places, and no logit may be infinite."""
_UNKNOWN_VIDEO = "no stored predictions for video"


class Teacher(ABC):
    """A source of logits to learn from."""

    def attach(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Adds the features that `logits` needs to every batch. The batches still have their ids here."""
        return dataset

    @abstractmethod
    def logits(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns the teacher's logits for a batch, float32 [B, C]."""


class RunTeacher(Teacher):
    """A trained run, which sees the same frames as the student. Create it in the strategy's scope.

    Args:
        run: the directory of the trained run.
        student: the complete configuration of the run that learns.

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
        """Returns the run's logits, without dropout and without updating its statistics."""
        return tf.stop_gradient(self._model({key: batch[key] for key in self._model.input}, training=False))


class FileTeacher(Teacher):
    """Stored predictions in the format of a submission to the video task. Classes that are not listed count as absent.

    Args:
        path: the CSV file, with a row for every video of the training records.
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
        # The empty last row serves lookups of unknown videos, which are refused right after.
        self._classes = tf.constant(np.stack([*classes, np.full(MAX_PAIRS, num_classes, np.int32)]))
        self._scores = tf.constant(np.stack([*scores, np.zeros(MAX_PAIRS, np.float32)]))
        rows = tf.lookup.KeyValueTensorInitializer(tf.constant(ids), tf.range(len(ids), dtype=tf.int64))
        self._rows = tf.lookup.StaticHashTable(rows, default_value=-1)

    def require(self, files: Sequence[str]) -> None:
        """Looks up some videos, or all if there are few, so that missing ones are found before the first step.

        Raises:
            InputError: the file has no predictions for one of these videos.
        """
        ids = [video for _, video in some_ids(files)]
        rows = self._rows.lookup(tf.constant(ids, tf.string)).numpy()
        missing = next((video for video, row in zip(ids, rows, strict=True) if row < 0), None)
        if missing is not None:
            raise InputError(_lacks(self._path, missing.decode(errors="replace")))

    def attach(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Looks up the videos. `teacher_errors` words the error for a video that the file lacks."""

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
        """Returns the stored scores as logits, float32 [B, C]."""
        classes, scores = batch["teacher_classes"], batch["teacher_scores"]
        videos = tf.broadcast_to(tf.range(tf.shape(classes)[0])[:, None], tf.shape(classes))
        places = tf.stack([videos, classes], axis=-1)
        # An extra last column takes the padding and is cut off.
        probabilities = tf.scatter_nd(places, scores, [tf.shape(classes)[0], self._num_classes + 1])[:, :-1]
        probabilities = tf.clip_by_value(probabilities, _SMALLEST_PROBABILITY, 1.0 - _SMALLEST_PROBABILITY)
        return tf.math.log(probabilities) - tf.math.log1p(-probabilities)


def make_teacher(config: RunConfig, source: Source) -> Teacher | None:
    """Makes the teacher that `--distill.teacher` names: a run directory or a file. Call it in the strategy's scope.

    Returns:
        The teacher; None if none is named.

    Raises:
        InputError, LineError: the teacher cannot be used.
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
    if not source.fold:  # a fold leaves out some of these videos
        teacher.require(source.files)
    return teacher


def distillation_losses(student: tf.Tensor, teacher: tf.Tensor, config: DistillConfig) -> tf.Tensor:
    """Returns ``T ** 2`` times the cross-entropy of student and teacher, with all logits divided by T: float32 [B].

    Classes are independent here, so a sigmoid for each replaces the softmax of arXiv 1503.02531. The factor keeps the size of
    the gradient the same for any T.

    Args:
        student: logits float32 [B, C].
        teacher: logits float32 [B, C].
        config: the temperature T.
    """
    wanted = tf.sigmoid(tf.stop_gradient(teacher) / config.temperature)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(wanted, student / config.temperature)
    return config.temperature**2 * tf.reduce_sum(losses, axis=-1)


@contextmanager
def teacher_errors(config: DistillConfig) -> Iterator[None]:
    """Turns the error for a video that a `FileTeacher` lacks into an `InputError` that names the video and the file."""
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
