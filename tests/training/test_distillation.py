"""What teachers say, and what a student loses by not agreeing."""

import numpy as np
import pytest
import tensorflow as tf

from yt8m.config import DistillConfig
from yt8m.data.records import framed, video_level_record
from yt8m.errors import InputError
from yt8m.training.distillation import FileTeacher, distillation_losses, teacher_errors

NUM_CLASSES = 5
CSV = "VideoId,LabelConfidencePairs\nabcd,3 0.900000 0 0.250000\nefgh,1 1.000000\nijkl,\n"


@pytest.fixture
def teacher(tmp_path):
    """A file with predictions for three videos."""
    path = tmp_path / "predictions.csv"
    path.write_text(CSV)
    return FileTeacher(str(path), NUM_CLASSES)


def batches_of(*ids):
    return tf.data.Dataset.from_tensors({"id": tf.constant(ids)})


def test_stored_scores_become_the_logits_of_their_videos(teacher):
    (batch,) = teacher.attach(batches_of("efgh", "abcd", "ijkl", "abcd"))
    probabilities = tf.sigmoid(teacher.logits(batch)).numpy()
    abcd = [0.25, 0, 0, 0.9, 0]
    np.testing.assert_allclose(probabilities, [[0, 1, 0, 0, 0], abcd, [0] * 5, abcd], atol=2e-6)


def test_a_video_that_the_file_lacks_is_named(teacher):
    config = DistillConfig(teacher="predictions.csv")
    with (
        pytest.raises(InputError, match=r"predictions\.csv: has no predictions for video 'zzzz'"),
        teacher_errors(config),
    ):
        list(teacher.attach(batches_of("abcd", "zzzz", "yyyy")))


def test_a_video_that_the_file_lacks_is_found_before_the_first_step(teacher, tmp_path):
    def write(name, *ids):
        path = tmp_path / name
        path.write_bytes(b"".join(framed(video_level_record(each, [1], {"audio": np.zeros(128)})) for each in ids))
        return str(path)

    teacher.require([write("a", "efgh"), write("b", "abcd", "ijkl"), "http://127.0.0.1/c"])
    with pytest.raises(
        InputError, match=r"predictions\.csv: has no predictions for video 'zzzz' of the training records"
    ):
        teacher.require([write("a", "efgh"), write("b", "abcd", "zzzz")])


def test_other_errors_are_left_alone():
    with pytest.raises(tf.errors.InvalidArgumentError), teacher_errors(DistillConfig()):
        tf.debugging.Assert(False, ["something else ['a']"])


def test_a_file_without_predictions_teaches_nothing(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text(CSV.splitlines(keepends=True)[0])
    with pytest.raises(InputError, match="no predictions to learn from"):
        FileTeacher(str(path), NUM_CLASSES)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_losses_by_hand(temperature):
    random = np.random.default_rng(0)
    student, teacher = random.normal(0, 3, (2, 4, NUM_CLASSES))

    def sigmoid(values):
        return 1 / (1 + np.exp(-values))

    wanted, given = sigmoid(teacher / temperature), sigmoid(student / temperature)
    expected = temperature**2 * -(wanted * np.log(given) + (1 - wanted) * np.log(1 - given)).sum(axis=1)
    found = distillation_losses(
        tf.constant(student, tf.float32), tf.constant(teacher, tf.float32), DistillConfig(temperature=temperature)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_loss_is_least_where_both_agree():
    teacher = tf.constant([[2.0, -1.0, 0.5]])
    student = tf.Variable(teacher)
    with tf.GradientTape() as tape:
        loss = distillation_losses(student, teacher, DistillConfig(temperature=2.0))
    np.testing.assert_allclose(tape.gradient(loss, student), [[0.0, 0.0, 0.0]], atol=1e-6)
