"""Frozen layers, and learning rates of their own."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from small_runs import Watcher, assert_same_state, configure, rows, saved_state

from yt8m import runs
from yt8m.config import TrainingConfig
from yt8m.diagnosing.sanity import check
from yt8m.errors import InputError
from yt8m.models import build_for_training, build_model, layers_of, make_architecture
from yt8m.runs.model import build, load_run
from yt8m.training.averaging import average
from yt8m.training.layer_groups import factors_of, freeze, group_remarks
from yt8m.training.loop import train
from yt8m.training.optimizers import make_optimizer

SMALL = {"num_clusters": 16, "hidden_size": 12, "pooling": "mean"}
FROZEN = ("projection*", "hidden")


def run_of(path, sample, model="dbof", **training):
    hyperparameters = SMALL if model == "dbof" else {}
    config = configure(path, sample, model, hyperparameters, num_steps=3, **training)
    watcher = Watcher()
    train(config, watcher)
    return config, watcher


def weights_of(model, name):
    return model.get_layer(name).get_weights()


@pytest.fixture(scope="module")
def frozen(sample, tmp_path_factory):
    """A run of which only the head and the normalisation before it are trained, with moving averages."""
    return run_of(tmp_path_factory.mktemp("frozen") / "run", sample, freeze=FROZEN, ema_decay=0.5)


@pytest.fixture(scope="module")
def initial(frozen):
    """The weights that it began with: those of the seed."""
    tf.keras.utils.set_random_seed(frozen[0].training.seed)
    return build(runs.load_config(frozen[0].run))


@pytest.mark.thorough
def test_frozen_layers_are_bit_equal_after_training_and_others_are_not(frozen, initial):
    trained = load_run(frozen[0].run)
    for name in ("projection", "projection_bn", "hidden"):
        for before, after in zip(weights_of(initial, name), weights_of(trained, name), strict=True):
            np.testing.assert_array_equal(before, after, err_msg=name)  # with the statistics of batch normalisation
    for name in ("hidden_bn", "head"):
        for before, after in zip(weights_of(initial, name), weights_of(trained, name), strict=True):
            assert np.any(before != after), name


def test_frozen_weights_have_no_state_of_the_optimizer_and_no_average(frozen):
    names = [name for name in saved_state(frozen[0].run) if name.startswith(("first_moments/", "averages/"))]
    trained = load_run(frozen[0].run)
    learned = sum(len(trained.get_layer(name).trainable_variables) for name in ("hidden_bn", "head"))
    assert len(names) == 2 * learned


def test_how_much_remains_is_told(frozen):
    config, watcher = frozen
    (line,) = [message for message in watcher.messages if message.startswith("frozen")]
    # Audio has 128 values: kernel and input normalisation, normalisation of 16 clusters, 16 x 12 of the hidden layer.
    assert line.startswith(
        f"frozen: {128 * 16 + 2 * 128 + 2 * 16 + 16 * 12:,} weights of projection, projection_bn, hidden;"
    )
    head = sum(variable.shape.num_elements() for variable in load_run(config.run).get_layer("head").weights)
    assert line.endswith(f"{head + 2 * 12:,} weights remain to train, of hidden_bn, head")
    assert runs.load_config(config.run).training.freeze == FROZEN


@pytest.mark.thorough
def test_a_factor_of_0_is_as_good_as_frozen(frozen, sample, tmp_path):
    config, _ = run_of(tmp_path / "run", sample, learning_rates=("projection*=0,hidden=0",), ema_decay=0.5)
    assert_same_state(config.run, frozen[0].run)
    assert rows(config.run, "train")[-1]["gradient_norm"] == rows(frozen[0].run, "train")[-1]["gradient_norm"]


@pytest.mark.thorough
def test_a_stopped_run_goes_on_frozen(frozen, sample, tmp_path):
    config = dataclasses.replace(frozen[0], run=str(tmp_path / "run"))
    train(dataclasses.replace(config, training=dataclasses.replace(config.training, num_steps=1)))
    train(config)
    assert_same_state(config.run, frozen[0].run)
    other = dataclasses.replace(config.training, freeze=("hidden",))
    with pytest.raises(InputError, match=r"training\.freeze \['projection\*', 'hidden'\] there, \['hidden'\] here"):
        train(dataclasses.replace(config, training=other))


@pytest.mark.slow
def test_averages_of_checkpoints_keep_frozen_layers(sample, tmp_path, initial):
    training = {"freeze": FROZEN, "ema_decay": 0.5, "checkpoint_every_steps": 1, "keep_checkpoints": 3}
    config, _ = run_of(tmp_path / "run", sample, **training)
    averaged = load_run(average([config.run], tmp_path / "out", last=3).run)
    for name in ("projection", "projection_bn", "hidden"):
        for before, after in zip(weights_of(initial, name), weights_of(averaged, name), strict=True):
            np.testing.assert_array_equal(before, after, err_msg=name)


@pytest.mark.slow
def test_frozen_layers_in_other_ways_of_computing(initial, sample, tmp_path):
    changes = {"precision": "mixed_bfloat16", "xla": True, "optimizer": "adafactor"}
    config, _ = run_of(tmp_path / "run", sample, freeze=FROZEN, **changes)
    trained = load_run(config.run)
    np.testing.assert_array_equal(weights_of(initial, "hidden")[0], weights_of(trained, "hidden")[0])
    assert np.any(weights_of(initial, "head")[0] != weights_of(trained, "head")[0])


def test_rates_by_hand():
    """Two steps of gradient descent with momentum: ``v = .9 v + g; w = w - factor * rate * v``."""
    factors, gradients = [1.0, 0.5], [np.array([1.0, -2.0], np.float32), np.array([0.5, 4.0], np.float32)]
    variables = [tf.Variable([1.0, 1.0]) for _ in factors]
    config = TrainingConfig(optimizer="sgd", momentum=0.9, learning_rate=0.1, schedule="constant", clip_norm=0.0)
    optimizer = make_optimizer(variables, config, factors)
    for step, gradient in enumerate(gradients):
        optimizer.apply([tf.constant(gradient)] * 2, tf.constant(step, tf.int64))
    for variable, factor in zip(variables, factors, strict=True):
        expected = 1.0 - factor * 0.1 * (gradients[0] + (0.9 * gradients[0] + gradients[1]))
        np.testing.assert_allclose(variable, expected, rtol=1e-6)


@pytest.mark.parametrize("optimizer", ["adamw", "adafactor"])
def test_a_first_step_is_as_long_as_its_factor(optimizer):
    """With weight decay, which goes with the rate."""
    config = TrainingConfig(
        optimizer=optimizer, learning_rate=0.01, weight_decay=0.1, clip_norm=0.0, schedule="constant"
    )
    start = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    variables = [tf.Variable(start) for _ in range(2)]
    make_optimizer(variables, config, [1.0, 0.25]).apply([tf.constant(start)] * 2, tf.constant(0, tf.int64))
    whole, quarter = (variable.numpy() - start for variable in variables)
    if optimizer == "adamw":
        np.testing.assert_allclose(quarter, whole / 4, rtol=1e-3, atol=1e-7)
    assert 0.2 < np.abs(quarter).mean() / np.abs(whole).mean() < 0.3


@pytest.fixture(scope="module")
def model():
    return build_model("dbof", 5, features=("audio",), **SMALL)


def test_the_last_pattern_that_fits_counts_and_freezing_counts_more(model):
    training = TrainingConfig(learning_rates=("*=0.1 h*=2", "head=3"), freeze=("projection",))
    assert factors_of(model, training) == {
        "projection": 0.0,
        "projection_bn": 0.1,
        "hidden": 2.0,
        "hidden_bn": 2.0,
        "head": 3.0,
    }
    frozen, *rates = group_remarks(model, training)
    assert frozen.startswith("frozen: 2,304 weights of projection;")
    assert [line.partition(":")[0] for line in rates] == [f"learning rate times {each}" for each in ("0.1", "2", "3")]
    assert group_remarks(model, TrainingConfig()) == []


def test_both_streams_of_a_model_with_context_are_meant():
    built = build_for_training(make_architecture("dbof", **SMALL), 5, ("audio",), with_context=True)
    factors = factors_of(built.predicting, TrainingConfig(freeze=("projection", "video/hidden")))
    assert [name for name, factor in factors.items() if not factor] == [
        *("segment/projection", "video/projection", "video/hidden")
    ]
    freeze(built.predicting, TrainingConfig(freeze=("projection", "video/hidden")))
    assert len(built.training.trainable_variables) == len(built.predicting.trainable_variables)
    layers = layers_of(built.predicting)
    assert layers["segment/hidden"].trainable
    assert not layers["video/hidden"].trainable


@pytest.mark.parametrize("flag", ["freeze", "learning_rates"])
def test_a_name_that_no_layer_has_lists_those_there_are(model, flag):
    training = TrainingConfig(**{flag: ("pool*=2",) if flag == "learning_rates" else ("pool*",)})
    message = (
        rf"--training\.{flag.replace('_', '-')} pool\*: no layer that learns has such a name; those that do are "
        "projection, .*, head$"
    )
    with pytest.raises(InputError, match=message):
        factors_of(model, training)


def test_something_must_be_left(model):
    with pytest.raises(
        InputError, match=r"^--training\.freeze leaves no layer to train; let one learn of projection, .*, head$"
    ):
        factors_of(model, TrainingConfig(freeze=("*",)))
    with pytest.raises(InputError, match=r"^--training\.learning-rates leaves no layer to train"):
        factors_of(model, TrainingConfig(learning_rates=("*=0",)))
    with pytest.raises(InputError, match=r"^--training\.freeze and --training\.learning-rates leave no layer to train"):
        factors_of(model, TrainingConfig(freeze=("head",), learning_rates=("*=0",)))


EXPLAINED = {"normalise": "explained"}
"""Scales each value, by weights that are set before the first step."""


@pytest.fixture(scope="module")
def scaled():
    return build_model("logistic", 5, features=("audio",), **EXPLAINED)


def test_layers_that_are_set_before_the_first_step_do_not_learn(scaled):
    assert list(layers_of(scaled)) == ["scaled", "head"]
    with pytest.raises(InputError, match=r"scaled: no layer that learns has such a name; those that do are head$"):
        factors_of(scaled, TrainingConfig(learning_rates=("scaled=3",)))
    for training in (TrainingConfig(freeze=("head",)), TrainingConfig(learning_rates=("head=0",))):
        with pytest.raises(InputError, match=r"leaves no layer to train; let one learn of head$"):
            factors_of(scaled, training)
    (line,) = group_remarks(scaled, TrainingConfig(learning_rates=("*=2",)))
    assert line == f"learning rate times 2: {128 * 5 + 5} weights of head"


def test_check_refuses_what_training_refuses(sample, tmp_path):
    config = configure(tmp_path / "run", sample, "logistic", EXPLAINED, freeze=("head",))
    with pytest.raises(InputError, match="leaves no layer to train"):
        list(check(config))


@pytest.mark.parametrize("field", ["freeze", "learning_rates"])
@pytest.mark.parametrize("names", [("",), (" ", ",")])
def test_an_empty_name_is_refused(field, names):
    """As of a shell variable that is not set."""
    name = field.replace("_", "-")
    with pytest.raises(InputError, match=rf"^--training\.{name} names no layer; name one, or leave the flag out$"):
        TrainingConfig(**{field: names})


def test_a_rate_that_float32_cannot_hold_is_refused():
    with pytest.raises(
        InputError, match=r"^--training\.learning-rates makes the learning rate of \* 1e\+297; it must be below"
    ):
        TrainingConfig(learning_rate=1e-3, learning_rates=("*=1e300",))


@pytest.mark.parametrize("text", ["head", "head=", "=2", "head=-1", "head=nan", "head=inf", "head=much"])
def test_factors_that_are_none(text):
    with pytest.raises(InputError, match=r"--training\.learning-rates has '.*'; write LAYER=FACTOR"):
        TrainingConfig(learning_rates=(text,))


def test_check_shows_what_is_frozen(sample):
    config = configure("", sample, "dbof", SMALL, freeze=FROZEN, learning_rates=("head=2",))
    findings = (finding.value for finding in check(config) if finding.name == "layers")
    assert [next(findings).partition(":")[0] for _ in range(2)] == ["frozen", "learning rate times 2"]
