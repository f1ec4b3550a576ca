"""The loss against a version that looks at every class of every video."""

from typing import get_args

import numpy as np
import pytest
import tensorflow as tf

from yt8m.config import LossConfig, LossKind
from yt8m.errors import InputError
from yt8m.scoring.cross_entropy import targets_and_weights, video_losses
from yt8m.training.losses import CLASS_LOSSES, TrainingLoss, divergence, minimises, staged_losses

NUM_CLASSES = 6
LABELS = np.array([[0, 3, -1, -1], [5, -1, -1, -1], [-1, -1, -1, -1], [2, 2, 2, 4]], np.int32)
LOGITS = np.random.default_rng(0).normal(0, 3, (4, NUM_CLASSES)).astype(np.float32)


def slow_loss(logits, labels, scores=None):
    """Cross-entropy of one video; with `scores`, over its rated classes alone."""
    total = 0.0
    for class_id, logit in enumerate(logits.astype(np.float64)):
        columns = [column for column, label in enumerate(labels) if label == class_id]
        if scores is None:
            present = bool(columns)
        elif not columns:
            continue
        else:
            present = any(scores[column] > 0.5 for column in columns)
        total += np.log1p(np.exp(-logit if present else logit))
    return total


def test_loss_is_the_cross_entropy_summed_over_classes():
    expected = [slow_loss(logits, labels) for logits, labels in zip(LOGITS, LABELS, strict=True)]
    np.testing.assert_allclose(video_losses(LOGITS, {"labels": LABELS}), expected, rtol=1e-5)


def test_targets_are_multi_hot_and_duplicates_count_once():
    targets, weights = targets_and_weights({"labels": LABELS}, NUM_CLASSES)
    expected = [[1, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 1, 0]]
    np.testing.assert_array_equal(targets, expected)
    assert targets.dtype == tf.float32
    assert weights is None


RATED = {
    "labels": np.array([[0, 3, -1], [1, -1, -1], [-1, -1, -1], [2, 4, 2]], np.int32),
    "label_scores": np.array([[1, 0, -1], [0, -1, -1], [-1, -1, -1], [0, 1, 1]], np.float32),
}


def test_only_rated_classes_of_a_segment_count():
    targets, weights = targets_and_weights(RATED, NUM_CLASSES)
    np.testing.assert_array_equal(
        targets, [[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 1, 0]]
    )
    np.testing.assert_array_equal(
        weights, [[1, 0, 0, 1, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 1, 0]]
    )


def test_loss_of_rated_segments_ignores_the_unrated():
    expected = [slow_loss(*row) for row in zip(LOGITS, RATED["labels"], RATED["label_scores"], strict=True)]
    assert expected[2] == 0.0
    np.testing.assert_allclose(video_losses(LOGITS, RATED), expected, rtol=1e-5)
    logits = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(video_losses(logits, RATED))
    gradient = tape.gradient(loss, logits).numpy()
    _, weights = targets_and_weights(RATED, NUM_CLASSES)
    np.testing.assert_array_equal(gradient != 0, weights.numpy() != 0)


def test_extreme_logits_have_finite_losses():
    logits = np.array([[1e4, -1e4, 80, -80, 0, 0]] * 4, np.float32)
    losses = video_losses(logits, {"labels": LABELS}).numpy()
    assert np.isfinite(losses).all()
    assert losses[1] == pytest.approx(1e4 + 80 + 2 * np.log(2), rel=1e-6)  # class 0 is wrong, 2 too, 4 and 5 undecided


def test_cross_entropies_are_tensorflows_and_so_are_their_gradients():
    random = np.random.default_rng(5)
    logits = tf.constant(np.append(random.normal(0, 10, 997), [0.0, 200.0, -200.0]).astype(np.float32)[:, None])
    targets = tf.constant(random.choice([0.0, 1.0, 0.3], (1000, 1)).astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([logits, targets])
        found = CLASS_LOSSES["bce"](logits, targets, LossConfig())
        theirs = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
    np.testing.assert_array_equal(found, theirs)
    for of_ours, of_theirs in zip(*(tape.gradient(each, [logits, targets]) for each in (found, theirs)), strict=True):
        np.testing.assert_allclose(of_ours, of_theirs, rtol=1e-6, atol=1e-7)


def test_losses_compile():
    compiled = tf.function(video_losses, jit_compile=True)
    for batch in ({"labels": LABELS}, RATED):
        np.testing.assert_allclose(compiled(tf.constant(LOGITS), batch), video_losses(LOGITS, batch), rtol=1e-5)


def slow_training_loss(logits, labels, config, class_weights=None):
    """The training loss of one video, class by class, with probabilities instead of logits."""
    present = set(labels[labels >= 0].tolist())
    total = 0.0
    for class_id, logit in enumerate(logits.astype(np.float64)):
        probability = 1 / (1 + np.exp(-logit))
        target = (1 - config.label_smoothing) * (class_id in present)
        target += config.label_smoothing * len(present) / NUM_CLASSES
        if config.kind == "bce":
            positive, negative = -np.log(probability), -np.log(1 - probability)
        elif config.kind == "focal":
            positive = -((1 - probability) ** config.focal_gamma) * np.log(probability)
            negative = -(probability**config.focal_gamma) * np.log(1 - probability)
        else:
            lowered = max(probability - config.asymmetric_margin, 0)
            positive = -((1 - probability) ** config.asymmetric_gamma_positive) * np.log(probability)
            negative = -(lowered**config.asymmetric_gamma_negative) * np.log(1 - lowered)
        weight = 1.0 if class_weights is None else class_weights[class_id]
        total += weight * (target * positive + (1 - target) * negative)
    return total


LOSSES = {
    "bce": {},
    "smooth": {"label_smoothing": 0.2},
    "focal": {"kind": "focal", "focal_gamma": 1.5},
    "focal, smooth": {"kind": "focal", "label_smoothing": 0.1},
    "asymmetric": {"kind": "asymmetric", "asymmetric_gamma_positive": 1.0, "asymmetric_gamma_negative": 3.0},
    "asymmetric without margin": {"kind": "asymmetric", "asymmetric_margin": 0.0},
}


@pytest.mark.parametrize("changes", LOSSES.values(), ids=LOSSES)
def test_training_losses_by_hand(changes):
    config = LossConfig(**changes)
    found = TrainingLoss(config, NUM_CLASSES)(tf.constant(LOGITS), {"labels": tf.constant(LABELS)})
    expected = [slow_training_loss(*row, config) for row in zip(LOGITS, LABELS, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_every_kind_has_a_function_and_every_function_a_kind():
    assert [*CLASS_LOSSES] == [*get_args(LossKind)]
    with pytest.raises(ValueError, match=r"'hinge' is no LossKind; add it in yt8m/config/training\.py"):
        minimises("hinge")


def test_focal_without_focus_and_asymmetric_without_asymmetry_are_cross_entropy():
    plain = video_losses(LOGITS, {"labels": LABELS})
    for config in (
        LossConfig(kind="focal", focal_gamma=0.0),
        LossConfig(kind="asymmetric", asymmetric_gamma_negative=0.0, asymmetric_margin=0.0),
    ):
        np.testing.assert_allclose(TrainingLoss(config, NUM_CLASSES)(LOGITS, {"labels": LABELS}), plain, rtol=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 4.0])
@pytest.mark.parametrize("kind", ["focal", "asymmetric"])
def test_extreme_logits_have_finite_gradients(kind, gamma):
    config = LossConfig(kind=kind, focal_gamma=gamma, asymmetric_gamma_negative=gamma)
    logits = tf.Variable([[-500.0, -30.0, -3.0, 0.0, 30.0, 500.0]])
    for labels in ([[0, 1, 2]], [[3, 4, 5]]):
        with tf.GradientTape() as tape:
            loss = TrainingLoss(config, NUM_CLASSES)(logits, {"labels": tf.constant(labels)})
        assert np.isfinite(loss).all()
        assert np.isfinite(tape.gradient(loss, logits)).all()


def test_class_weights_come_from_a_file(tmp_path):
    path = tmp_path / "weights.csv"
    path.write_text("Weight,Name,Index\n0.5,cat,0\n4,dog,3\n")
    config = LossConfig(class_weights=str(path))
    expected = [slow_training_loss(*row, config, [0.5, 1, 1, 4, 1, 1]) for row in zip(LOGITS, LABELS, strict=True)]
    np.testing.assert_allclose(TrainingLoss(config, NUM_CLASSES)(LOGITS, {"labels": LABELS}), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "reason"),
    {
        "no column": ("Class,Weight\n1,1\n", "columns Index and Weight"),
        "no number": ("Index,Weight\n1,1\n2,much\n", "line 3"),
        "outside": ("Index,Weight\n6,1\n", "class 6 is not in 0 to 5"),
        "negative": ("Index,Weight\n5,-1\n", "weight -1.0"),
        "empty": ("", "columns Index and Weight"),
        "short": ("Index,Weight\n5\n", "line 2"),
    }.values(),
)
def test_class_weights_that_cannot_be_used(tmp_path, text, reason):
    path = tmp_path / "weights.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=reason) as caught:
        TrainingLoss(LossConfig(class_weights=str(path)), NUM_CLASSES)
    assert str(path) in str(caught.value)


def test_class_weights_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match=r"missing\.csv: the class weights cannot be read"):
        TrainingLoss(LossConfig(class_weights=str(tmp_path / "missing.csv")), NUM_CLASSES)


def test_only_rated_classes_count_in_every_loss():
    for changes in LOSSES.values():
        loss = TrainingLoss(LossConfig(**changes), NUM_CLASSES)
        changed = LOGITS.copy()
        changed[0, [1, 2, 4, 5]] += 3.0  # unrated there
        np.testing.assert_array_equal(loss(LOGITS, RATED)[0], loss(changed, RATED)[0])
        changed[0, 3] += 3.0
        assert loss(LOGITS, RATED)[0] != loss(changed, RATED)[0]


def test_positives_and_rated_negatives_have_factors():
    """Of segment 0, class 0 is there and class 3 is not; of video 1, class 5 is there and five are not."""
    config = LossConfig(positive_weight=3.0, negative_weight=0.5)
    loss = TrainingLoss(config, NUM_CLASSES)
    logits = LOGITS.astype(np.float64)
    expected = 3.0 * np.log1p(np.exp(-logits[0, 0])) + 0.5 * np.log1p(np.exp(logits[0, 3]))
    np.testing.assert_allclose(loss(LOGITS, RATED)[0], expected, rtol=1e-5)
    expected = 3.0 * np.log1p(np.exp(-logits[1, 5])) + 0.5 * np.log1p(np.exp(logits[1, :5])).sum()
    np.testing.assert_allclose(loss(LOGITS, {"labels": LABELS})[1], expected, rtol=1e-5)


MINED = RATED | {"video_labels": np.array([[0, 4, -1], [-1, -1, -1], [2, -1, -1], [0, 1, 3]], np.int32)}
"""Neither rated nor of the video: classes 1, 2, 5; all but 1; all but 2; 5 alone."""


def test_the_surest_of_the_classes_that_a_video_does_not_have_count_as_negatives():
    plain = TrainingLoss(LossConfig(), NUM_CLASSES)(LOGITS, MINED).numpy()
    loss = TrainingLoss(LossConfig(mined_negatives=2, mined_negative_weight=0.3, negative_weight=7.0), NUM_CLASSES)
    without = TrainingLoss(LossConfig(negative_weight=7.0), NUM_CLASSES)(LOGITS, MINED).numpy()
    assert without[0] != plain[0]
    for row, candidates in enumerate([[1, 2, 5], [0, 2, 3, 4, 5], [0, 1, 3, 4, 5], [5]]):
        surest = sorted(candidates, key=lambda class_id: -LOGITS[row, class_id])[:2]
        mined = 0.3 * np.log1p(np.exp(LOGITS[row, surest].astype(np.float64))).sum()
        np.testing.assert_allclose(loss(LOGITS, MINED)[row], without[row] + mined, rtol=1e-5)


def test_negatives_are_mined_among_the_ranked_classes():
    config = LossConfig(mined_negatives=6, mined_negative_weight=1.0)
    logits = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(TrainingLoss(config, NUM_CLASSES, ranked_classes=[1, 2, 3])(logits, MINED))
    moved = tape.gradient(loss, logits).numpy() != 0
    expected = [[1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 0, 0], [0, 1, 0, 1, 0, 0], [0, 0, 1, 0, 1, 0]]
    np.testing.assert_array_equal(moved, np.array(expected, bool))


def test_mining_compiles():
    loss = TrainingLoss(LossConfig(mined_negatives=2), NUM_CLASSES)
    compiled = tf.function(loss, jit_compile=True)
    batch = {key: tf.constant(value) for key, value in MINED.items()}
    np.testing.assert_allclose(compiled(tf.constant(LOGITS), batch), loss(LOGITS, MINED), rtol=1e-5)


def test_divergence_by_hand():
    """softmax((ln 8, 0) / 3) = (2, 1) / 3 and softmax((0, 0) / 3) = (1, 1) / 2."""
    teacher, student = tf.constant([[np.log(8.0), 0.0]], tf.float32), tf.constant([[0.0, 0.0]])
    expected = 9 * (2 / 3 * np.log(4 / 3) + 1 / 3 * np.log(2 / 3))
    np.testing.assert_allclose(divergence(teacher, student, 3.0), [expected], rtol=1e-5)
    np.testing.assert_allclose(divergence(teacher, teacher, 3.0), [0.0], atol=1e-6)


def test_the_teacher_learns_nothing_from_its_student():
    teacher, student = tf.Variable([[1.0, 0.0]]), tf.Variable([[0.0, 0.5]])
    with tf.GradientTape() as tape:
        loss = divergence(teacher, student, 2.0)
    of_teacher, of_student = tape.gradient(loss, [teacher, student])
    assert of_teacher is None
    assert np.any(of_student)


def test_stages_add_their_losses():
    batch, loss = {"labels": LABELS}, TrainingLoss(LossConfig(), NUM_CLASSES)
    final, stages = tf.constant(LOGITS), [tf.constant(LOGITS[::-1]), tf.constant(LOGITS / 2)]
    alone = [loss(logits, batch).numpy() for logits in (final, *stages)]
    np.testing.assert_allclose(staged_losses(loss, final, stages, 0.0, batch), sum(alone), rtol=1e-6)
    distilled = sum(alone) + sum(divergence(final, stage, 3.0).numpy() for stage in stages)
    np.testing.assert_allclose(staged_losses(loss, final, stages, 3.0, batch), distilled, rtol=1e-6)
