"""A process that trains or scores one model after another does not keep their weights.

TensorFlow keeps every graph with a hand-written gradient, and what it captured, unless the gradient is forgotten.
"""

import pytest
import tensorflow as tf
from small_runs import configure, graphs_that_hold_weights

from yt8m.scoring.evaluation import evaluate
from yt8m.traced_gradients import owned_gradients
from yt8m.training.averaging import average
from yt8m.training.loop import train

BAGS = {"num_clusters": 8, "hidden_size": 8}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ("moe", {}),
        ("dbof", BAGS),  # a product with a gradient of its own
        ("lstm", {"num_units": 4, "num_layers": 1}),  # a loop with one
    ],
    ids=["moe", "dbof", "lstm"],
)
def test_trained_and_scored_models_are_freed(model, changes, sample, tmp_path):
    before = {id(each) for each in graphs_that_hold_weights()}
    config = configure(tmp_path / "run", sample, model, changes, validate=True, num_steps=2, ema_decay=0.5)
    train(config)
    evaluate(tmp_path / "run")
    if model == "dbof":
        average([tmp_path / "run"], tmp_path / "average")
    assert [each.name for each in graphs_that_hold_weights() if id(each) not in before] == []


@tf.custom_gradient
def doubled(values):
    return 2.0 * values, lambda upstream: 7.0 * upstream


def slope(function) -> float:
    """The gradient, taken of the traced function from outside, which looks it up in what TensorFlow has registered."""
    at = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = function(at)
    return float(tape.gradient(value, at))


def test_a_gradient_is_there_as_long_as_its_owner():
    class Owner:
        """A model, say."""

    owner = Owner()

    @tf.function(autograph=False)
    def owned(at):
        with owned_gradients(owner):
            return doubled(at)

    owned(tf.constant(1.0))
    assert slope(owned) == 7.0


def test_gradients_of_other_functions_stay():
    @tf.function(autograph=False)
    def others(at):
        return doubled(at)

    others(tf.constant(1.0))
    with owned_gradients():

        @tf.function(autograph=False)
        def forgotten(at):
            return doubled(at)

        forgotten(tf.constant(1.0))
    assert slope(others) == 7.0
    with pytest.raises(LookupError):
        slope(forgotten)
