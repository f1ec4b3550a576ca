"""The optimizers against NumPy."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf

from yt8m.config import TrainingConfig
from yt8m.errors import InputError
from yt8m.training.optimizers import Adafactor, Adam, Momentum, make_optimizer

SHAPES = [(3, 4), (4,), (2, 3, 2), ()]
NUM_STEPS = 12


def initial_weights():
    random = np.random.default_rng(0)
    return [random.normal(size=shape).astype(np.float32) for shape in SHAPES]


def gradients_of(step):
    random = np.random.default_rng([1, step])
    # Some steps are to be clipped at norm 1 and some are not.
    return [(random.normal(size=shape) * 10.0 ** (step % 4 - 2)).astype(np.float32) for shape in SHAPES]


def clipped(step, norm):
    """The gradients of a step, not longer than `norm`; 0 = as they are."""
    gradients = [gradient.astype(np.float64) for gradient in gradients_of(step)]
    length = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
    return [gradient * min(1.0, (norm or np.inf) / length) for gradient in gradients]


def slow_learning_rate(config, step):
    decays = step * config.batch_size / config.learning_rate_decay_examples
    rate = config.learning_rate * config.learning_rate_decay ** (
        decays if config.learning_rate_smooth_decay else np.floor(decays)
    )
    return rate * min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else rate


def slow_adam(config, num_steps):
    """Weights and their averages after some steps, as arXiv 1412.6980 and 1711.05101 have it."""
    weights = [weight.astype(np.float64) for weight in initial_weights()]
    averages = [weight.copy() for weight in weights]
    first, second = ([np.zeros(shape) for shape in SHAPES] for _ in range(2))
    for step in range(num_steps):
        gradients = clipped(step, config.clip_norm)
        rate, update = slow_learning_rate(config, step), step + 1
        for index, gradient in enumerate(gradients):
            first[index] = 0.9 * first[index] + 0.1 * gradient
            second[index] = 0.999 * second[index] + 0.001 * gradient**2
            direction = (first[index] / (1 - 0.9**update)) / (np.sqrt(second[index] / (1 - 0.999**update)) + 1e-8)
            decay = config.weight_decay if len(SHAPES[index]) > 1 else 0.0
            weights[index] = weights[index] - rate * (direction + decay * weights[index])
            kept = min(config.ema_decay, (1 + update) / (10 + update))
            averages[index] = kept * averages[index] + (1 - kept) * weights[index]
    return weights, averages


CONFIGS = {
    "plain": {"clip_norm": 0.0},
    "clipping": {"clip_norm": 1.0},
    "weight decay": {"optimizer": "adamw", "weight_decay": 0.5},
    "moving average": {"ema_decay": 0.5},
    "slow moving average": {"ema_decay": 0.999},
    "stairs": {"learning_rate_decay": 0.5, "learning_rate_decay_examples": 32},
    "smooth": {"learning_rate_decay": 0.5, "learning_rate_decay_examples": 32, "learning_rate_smooth_decay": True},
    "all": {
        "clip_norm": 0.3,
        "optimizer": "adamw",
        "weight_decay": 0.2,
        "ema_decay": 0.9,
        "warmup_steps": 5,
        "learning_rate_decay": 0.8,
        "learning_rate_decay_examples": 24,
    },
}


@pytest.mark.parametrize("changes", CONFIGS.values(), ids=CONFIGS)
def test_adam_follows_the_papers(changes):
    config = TrainingConfig(**{"batch_size": 8, "learning_rate": 1e-3} | changes)
    variables = [tf.Variable(weight) for weight in initial_weights()]
    optimizer = make_optimizer(variables, config)
    assert type(optimizer) is Adam
    apply = tf.function(optimizer.apply)
    for step in range(NUM_STEPS):
        gradients = gradients_of(step)
        norm = apply([tf.constant(gradient) for gradient in gradients], tf.constant(step, tf.int64))
        squares = sum((gradient.astype(np.float64) ** 2).sum() for gradient in gradients)
        assert float(norm) == pytest.approx(np.sqrt(squares), rel=1e-5), "the norm before clipping"
    weights, averages = slow_adam(config, NUM_STEPS)
    for variable, weight, initial in zip(variables, weights, initial_weights(), strict=True):
        np.testing.assert_allclose(variable, weight, atol=1e-5)
        assert np.abs(weight - initial).max() > 1e-3, "the tolerance must be small beside what was learned"
    if config.ema_decay:
        for average, expected in zip(optimizer.averages, averages, strict=True):
            np.testing.assert_allclose(average, expected, atol=1e-5)
    else:
        assert optimizer.averages == []


def test_weight_decay_leaves_vectors_alone():
    variables = [tf.Variable(weight) for weight in initial_weights()]
    optimizer = Adam(variables, TrainingConfig(optimizer="adamw", learning_rate=0.1, weight_decay=0.5))
    optimizer.apply([tf.zeros(shape) for shape in SHAPES], tf.constant(0, tf.int64))
    for variable, initial in zip(variables, initial_weights(), strict=True):
        expected = initial * 0.95 if initial.ndim > 1 else initial
        np.testing.assert_allclose(variable, expected, rtol=1e-6)


def test_the_averages_stand_in_for_the_weights_within_the_context():
    variables = [tf.Variable(weight) for weight in initial_weights()]
    optimizer = Adam(variables, TrainingConfig(learning_rate=0.1, ema_decay=0.9))
    optimizer.apply([tf.constant(gradient) for gradient in gradients_of(0)], tf.constant(0, tf.int64))
    trained = [variable.numpy() for variable in variables]
    with contextlib.suppress(KeyError), optimizer.averaged_weights():
        for variable, average, weight in zip(variables, optimizer.averages, trained, strict=True):
            np.testing.assert_array_equal(variable, average)
            assert np.any(variable.numpy() != weight)
        raise KeyError("the weights must come back after an error too")
    for variable, weight in zip(variables, trained, strict=True):
        np.testing.assert_array_equal(variable, weight)


def test_without_averages_the_context_changes_nothing():
    variables = [tf.Variable(weight) for weight in initial_weights()]
    with Adam(variables, TrainingConfig()).averaged_weights():
        for variable, weight in zip(variables, initial_weights(), strict=True):
            np.testing.assert_array_equal(variable, weight)


def run_steps(changes):
    """Weights after some steps, and the optimizer. Without a norm of its own, nothing is clipped."""
    variables = [tf.Variable(weight) for weight in initial_weights()]
    optimizer = make_optimizer(variables, TrainingConfig(**{"clip_norm": 0.0} | changes))
    apply = tf.function(optimizer.apply)
    for step in range(NUM_STEPS):
        apply([tf.constant(gradient) for gradient in gradients_of(step)], tf.constant(step, tf.int64))
    return [variable.numpy() for variable in variables], optimizer


@pytest.mark.parametrize("clip_norm", [0.0, 0.3])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_gradient_descent_by_hand(momentum, clip_norm):
    changes = {"learning_rate": 0.01, "momentum": momentum, "clip_norm": clip_norm}
    found, optimizer = run_steps({"optimizer": "sgd"} | changes)
    assert type(optimizer) is Momentum
    assert len(optimizer.slots["velocities"]) == (len(SHAPES) if momentum else 0)
    for index, weight in enumerate(initial_weights()):
        weight, velocity = weight.astype(np.float64), 0.0
        for step in range(NUM_STEPS):
            velocity = momentum * velocity + clipped(step, clip_norm)[index]
            weight = weight - 0.01 * velocity
        np.testing.assert_allclose(found[index], weight, atol=1e-4)


def slow_adafactor(weight, gradients, learning_rate):
    """arXiv 1804.04235, algorithm 4 for matrices (the outer product of the factors written out) and 5 for vectors."""
    weight = weight.astype(np.float64)
    factored = weight.ndim > 1
    row = column = whole = 0.0
    for update, gradient in enumerate(gradients, 1):
        decay, squares = 1 - update**-0.8, gradient.astype(np.float64) ** 2 + 1e-30
        if factored:
            row = decay * row + (1 - decay) * squares.sum(axis=-1)
            column = decay * column + (1 - decay) * squares.sum(axis=-2)
            whole = row[..., :, None] * column[..., None, :] / row.sum(axis=-1)[..., None, None]
        else:
            whole = decay * whole + (1 - decay) * squares
        direction = gradient / np.sqrt(whole)
        direction = direction / max(1.0, np.sqrt((direction**2).mean()))
        weight = weight - learning_rate * max(1e-3, np.sqrt((weight**2).mean())) * direction
    return weight


@pytest.mark.parametrize("clip_norm", [0.0, 0.3])
def test_adafactor_follows_the_paper(clip_norm):
    found, optimizer = run_steps({"optimizer": "adafactor", "learning_rate": 0.01, "clip_norm": clip_norm})
    assert type(optimizer) is Adafactor
    for index, weight in enumerate(initial_weights()):
        gradients = [clipped(step, clip_norm)[index] for step in range(NUM_STEPS)]
        np.testing.assert_allclose(found[index], slow_adafactor(weight, gradients, 0.01), atol=1e-5)
        assert np.abs(found[index] - weight).max() > 1e-3


def test_adafactor_remembers_rows_and_columns_only():
    optimizer = make_optimizer([tf.Variable(tf.zeros([50, 70]))], TrainingConfig(optimizer="adafactor"))
    assert sum(int(tf.size(slot)) for slots in optimizer.slots.values() for slot in slots) == 50 + 70


def test_weight_decay_asks_for_the_optimizer_that_has_it():
    with pytest.raises(InputError, match="adamw"):
        TrainingConfig(weight_decay=0.1)
