"""Gradients that are computed from blocks computed twice."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from yt8m.config import DataConfig, PretrainConfig, RunConfig, TrainingConfig
from yt8m.errors import InputError
from yt8m.models import make_architecture
from yt8m.runs.model import build_for_training
from yt8m.training.forecasting import ForecastObjective
from yt8m.training.liveness import peak_bytes
from yt8m.training.objective import Objective

SMALL = {
    "transformer": {"num_layers": 2, "num_units": 16, "num_heads": 2, "hidden_size": 24, "dropout": 0.3},
    "tcn": {"num_layers": 2, "num_units": 8, "dropout": 0.3},
    "lstm": {"num_layers": 2, "num_units": 8},
    "gru": {"num_layers": 2, "num_units": 8, "bidirectional": True},
}


def configure(name, pretrain=None, **training):
    return RunConfig(
        model=make_architecture(name, **SMALL.get(name, {})),
        data=DataConfig(num_classes=5, features=("audio",)),
        training=TrainingConfig(num_steps=1, batch_size=4, **training),
        pretrain=pretrain,
    )


def batch_of(length):
    random = np.random.default_rng(0)
    batch = {
        "audio": random.integers(0, 256, (4, length, 128), np.uint8),
        "num_frames": np.array([length, length - 3, 2, 0], np.int32),
        "labels": np.array([[0], [3], [4], [-1]], np.int32),
    }
    return {key: tf.constant(value) for key, value in batch.items()}


def objective_of(config):
    """With the weights and the seeds of dropout of a seed."""
    keras.utils.set_random_seed(1)
    built = build_for_training(config)
    if config.pretrain:
        return ForecastObjective(built.training, config)
    return Objective(built, config, None)


def step_of(config, length=9):
    """Loss, gradients and changed state of two steps, in TensorFlow's graph."""
    objective, batch = objective_of(config), batch_of(length)
    step = tf.function(lambda: objective.loss_and_gradients(batch, 4, 1, 1), autograph=False)
    found = [step() for _ in range(2)]
    state = [variable.numpy() for variable in objective.model.non_trainable_variables]
    return [float(loss) for loss, _ in found], [gradient.numpy() for gradient in found[1][1]], state


@pytest.mark.parametrize(
    ("name", "pretrain"),
    [
        ("lstm", None),
        pytest.param("transformer", None, marks=pytest.mark.slow),
        pytest.param("tcn", None, marks=pytest.mark.slow),
        pytest.param("transformer", PretrainConfig(task="masked"), marks=pytest.mark.slow),
    ],
)
def test_losses_gradients_and_dropout_are_those_of_a_usual_step(name, pretrain):
    usual, twice = (step_of(configure(name, pretrain, rematerialise=each)) for each in (False, True))
    np.testing.assert_allclose(usual[0], twice[0], rtol=1e-6)
    for one, other in zip(usual[1], twice[1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6 * max(1.0, np.abs(one).max()))
    for one, other in zip(usual[2], twice[2], strict=True):
        np.testing.assert_array_equal(one, other)
    assert usual[0][0] != usual[0][1] or name == "lstm", "dropout must differ from step to step"


def peak_of(rematerialise):
    config = configure("transformer", rematerialise=rematerialise)
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, num_layers=6))
    objective, batch = objective_of(config), batch_of(64)
    step = tf.function(lambda: objective.loss_and_gradients(batch, 4, 1, 1)[1], autograph=False)
    return peak_bytes(step.get_concrete_function().graph)


@pytest.mark.slow
def test_blocks_hold_less_memory():
    assert peak_of(True) < 0.6 * peak_of(False)


def test_a_model_without_blocks_is_refused():
    with pytest.raises(InputError, match="is for lstm, gru, tcn and transformer, not for netvlad"):
        objective_of(configure("netvlad", rematerialise=True))
