"""Runs whose loss is more than the labels' cross-entropy, or is computed in pieces."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_runs import configure, losses, rows, saved_state

from yt8m.config import DistillConfig, LossConfig
from yt8m.errors import InputError
from yt8m.models import ARCHITECTURES, build_for_training
from yt8m.predicting.prediction import predict
from yt8m.runs.model import load_run
from yt8m.training.distillation import RunTeacher, distillation_losses
from yt8m.training.loop import train
from yt8m.training.losses import TrainingLoss, divergence
from yt8m.training.objective import Objective


@pytest.fixture(scope="module")
def teacher(sample, tmp_path_factory):
    """A trained run, and its predictions for the training records."""
    directory = tmp_path_factory.mktemp("teacher")
    config = configure(directory / "run", sample, "logistic", num_steps=20, validate=True)
    train(config)
    predict(config.run, list(config.data.train), directory / "predictions.csv")
    return directory


@pytest.mark.thorough
def test_a_batch_in_pieces_gives_the_same_run(sample, tmp_path):
    """A model without batch normalisation, whose statistics would be those of a piece; with a penalty, counted once."""
    runs = [
        configure(tmp_path / str(pieces), sample, "logistic", {"l2": 0.01}, epsilon=1e-3, gradient_accumulation=pieces)
        for pieces in (1, 4)
    ]
    for run in runs:
        train(run)
    np.testing.assert_allclose(losses(runs[1].run), losses(runs[0].run), rtol=1e-5)
    whole, pieces = (saved_state(run.run) for run in runs)
    for name in whole:
        np.testing.assert_allclose(pieces[name], whole[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_pieces_must_be_equal(sample, tmp_path):
    with pytest.raises(InputError, match="equal pieces"):
        configure(tmp_path / "run", sample, gradient_accumulation=3)


def objective_of(name, config, teacher=None, **hyperparameters):
    built = build_for_training(ARCHITECTURES[name](**hyperparameters), config.data.num_classes, ("audio",))
    return Objective(built, config, teacher), built


def make_batch():
    random = np.random.default_rng(0)
    return {
        "mean_audio": tf.constant(random.normal(size=(4, 128)), tf.float32),
        "labels": tf.constant([[0, 3], [1, -1], [-1, -1], [11, 2]]),
    }


def test_the_loss_of_a_model_with_stages_has_all_of_them(sample, tmp_path):
    config = configure(tmp_path / "run", sample, "moe_chain")
    objective, built = objective_of("moe_chain", config, num_layers=2, hidden_size=8)
    batch, loss = make_batch(), TrainingLoss(LossConfig(), 12)
    features = {"mean_audio": batch["mean_audio"]}
    final, *stages = built.training(features)
    assert len(stages) == 1
    np.testing.assert_array_equal(final, built.predicting(features))
    expected = loss(final, batch) + sum(loss(stage, batch) for stage in stages)
    np.testing.assert_allclose(objective.losses(batch), expected, rtol=1e-5)


def test_penalties_are_what_keras_says_they_are_and_so_are_their_gradients(sample, tmp_path):
    """Squared norms, which the objective adds itself, beside a penalty of another kind on another weight."""
    config = configure(tmp_path / "run", sample, "moe")
    objective, built = objective_of("moe", config, l2=0.3)
    (bias,) = [each for each in built.training.trainable_variables if each.path.endswith("expert_bias")]
    bias.assign(tf.random.stateless_normal(bias.shape, [0, 1]))
    bias.regularizer = keras.regularizers.L1(0.2)
    objective = Objective(built, config, teacher=None)
    batch = make_batch()
    weights = [variable.value for variable in built.training.trainable_variables]
    with tf.GradientTape() as tape:
        expected = tf.reduce_sum(objective.losses(batch)) / 4 + tf.add_n(built.training.losses)
    found, gradients = objective.loss_and_gradients(batch, batch_size=4, replicas=1, pieces=2)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for ours, theirs in zip(gradients, tape.gradient(expected, weights), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    halves = [objective.loss_and_gradients(batch, batch_size=8, replicas=2, pieces=1)[0] for _ in range(2)]
    np.testing.assert_allclose(sum(halves), expected, rtol=1e-5)


@pytest.mark.thorough
def test_the_loss_of_a_student_blends_labels_and_teacher(sample, tmp_path, teacher):
    config = configure(tmp_path / "run", sample, "moe")
    distill = DistillConfig(teacher=str(teacher / "run"), weight=0.3, temperature=2.0)
    config = dataclasses.replace(config, distill=distill)
    objective, built = objective_of("moe", config, RunTeacher(distill.teacher, config))
    batch = make_batch()
    features = {"mean_audio": batch["mean_audio"]}
    student, taught = built.predicting(features), load_run(teacher / "run")(features)
    expected = 0.7 * TrainingLoss(LossConfig(), 12)(student, batch) + 0.3 * distillation_losses(
        student, taught, distill
    )
    np.testing.assert_allclose(objective.losses(batch), expected, rtol=1e-5)
    assert len(objective.model.trainable_variables) == len(built.predicting.trainable_variables)


def divergence_from(reference, run, sample, **distill) -> float:
    """How far a run of 60 steps ends from another run."""
    config = configure(run, sample, "logistic", num_steps=60, log_every_steps=60, seed=5)
    train(dataclasses.replace(config, distill=DistillConfig(**distill)))
    batch = {"mean_audio": make_batch()["mean_audio"]}
    student, taught = (load_run(each)(batch) for each in (run, reference / "run"))
    return float(tf.reduce_mean(divergence(taught, student, 1.0)))


@pytest.fixture(scope="module")
def untaught(sample, teacher, tmp_path_factory) -> float:
    """How far a run without a teacher ends from it."""
    return divergence_from(teacher, tmp_path_factory.mktemp("untaught") / "run", sample)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["run", "predictions.csv"])
def test_a_student_comes_close_to_its_teacher(sample, tmp_path, teacher, untaught, kind):
    """Taught alone, at weight 1: the divergence from the teacher falls; without, it is higher."""
    taught = divergence_from(teacher, tmp_path / "run", sample, teacher=str(teacher / kind), weight=1.0)
    assert taught < 0.5 * untaught


@pytest.mark.thorough
@pytest.mark.parametrize("changes", [{"kind": "focal"}, {"kind": "asymmetric"}, {"label_smoothing": 0.1}])
def test_a_run_learns_with_every_loss(sample, tmp_path, changes):
    config = configure(tmp_path / "run", sample, "logistic", num_steps=30, validate=True)
    train(dataclasses.replace(config, loss=LossConfig(**changes)))
    found = losses(config.run)
    assert found[-1] < found[0]
    assert rows(config.run, "validation")[-1]["loss"] != pytest.approx(found[-1]), (
        "validation reports the cross-entropy"
    )


@pytest.mark.slow
def test_a_run_of_stages_trains_and_goes_on(sample, tmp_path):
    config = configure(tmp_path / "run", sample, "moe_chain", {"num_layers": 2, "hidden_size": 8}, num_steps=4)
    train(config)
    longer = dataclasses.replace(config, training=dataclasses.replace(config.training, num_steps=20))
    assert train(longer).step == 20
    assert losses(config.run)[-1] < losses(config.run)[0]


@pytest.mark.slow
def test_frames_are_sampled_as_configured(sample, tmp_path):
    for sampling in ("random", "uniform", "consecutive", "random_without_replacement"):
        data = {"num_frames": 4, "max_frames": 60, "sampling": sampling}
        data |= {"prediction_num_frames": 8, "prediction_sampling": "uniform"}
        config = configure(tmp_path / sampling, sample, "frame_logistic", data=data, validate=True, num_steps=2)
        train(config)
    firsts = {losses(tmp_path / sampling)[0] for sampling in ("random", "uniform", "consecutive")}
    assert len(firsts) == 3


def test_a_teacher_that_cannot_teach(sample, tmp_path, teacher):
    def attempt(name, model="moe", data=None):
        config = configure(tmp_path / "run", sample, model, data=data)
        train(dataclasses.replace(config, distill=DistillConfig(teacher=str(name))))

    with pytest.raises(InputError, match="reads video-level records, this run frame-level"):
        attempt(teacher / "run", "frame_logistic")
    with pytest.raises(InputError, match="knows 12 classes, this run has 13"):
        attempt(teacher / "run", data={"num_classes": 13})
    with pytest.raises(InputError, match="needs audio"):
        attempt(teacher / "run", data={"features": ("rgb",)})
    with pytest.raises(InputError, match=r"nothing\.csv"):
        attempt(tmp_path / "nothing.csv")
    text = (teacher / "predictions.csv").read_text().splitlines(keepends=True)
    (tmp_path / "few.csv").write_text("".join(text[:10]))
    assert not (tmp_path / "run").exists(), "a mistake leaves no run directory"
    with pytest.raises(InputError, match=r"few\.csv: has no predictions for video"):
        attempt(tmp_path / "few.csv")


def test_what_is_said_of_a_teacher_needs_one(sample, tmp_path):
    config = configure(tmp_path / "run", sample, "logistic")
    with pytest.raises(InputError, match=r"are of a teacher; name one with --distill\.teacher"):
        train(dataclasses.replace(config, distill=DistillConfig(weight=0.3)))
    assert not (tmp_path / "run").exists()
