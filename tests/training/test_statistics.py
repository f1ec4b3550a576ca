"""Statistics of batch normalisation taken anew, against NumPy."""

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import SIZES
from small_runs import GATED, configure, losses, rows, saved_state

from yt8m.data.features import KNOWN
from yt8m.data.pipeline import read_records
from yt8m.distribution.devices import Stopped
from yt8m.errors import InputError
from yt8m.layers.normalisation import BatchNormalisation, Pool, normalisations_of
from yt8m.models import build_model, hyperparameters_of, list_models
from yt8m.runs.model import build, load_run
from yt8m.scoring.evaluation import evaluate
from yt8m.training import statistics
from yt8m.training.averaging import average
from yt8m.training.loop import train
from yt8m.training.preparation import resolve
from yt8m.training.statistics import StatisticsPass

NUM_CLASSES = 5
SMALL = {**SIZES, "probability_gating": True}


def small(name):
    return build_model(name, NUM_CLASSES, **{key: SMALL[key] for key in hyperparameters_of(name) if key in SMALL})


def make_batches(seed=0, sizes=(6, 6, 3)):
    """Batches of frames and of their means, not all of one size; videos of 1 to 5 frames."""
    random, batches = np.random.default_rng(seed), []
    for size in sizes:
        frames = {"rgb": random.integers(0, 256, (size, 5, 1024)), "audio": random.integers(0, 256, (size, 5, 128))}
        batch = {name: tf.constant(values.astype(np.uint8)) for name, values in frames.items()}
        batch |= {f"mean_{name}": tf.constant(each.mean(1) / 64 - 2, tf.float32) for name, each in frames.items()}
        batches.append(batch | {"num_frames": tf.constant(random.integers(1, 6, size), tf.int32)})
    return batches


class NumPyBags:
    """A small `dbof` by hand, in float64, as it computes in training: with the statistics of each batch.

    Attributes:
        seen: what each layer of batch normalisation was given, by batches.
    """

    def __init__(self, model):
        self._model, self.seen = model, {}

    def _weight(self, layer, name="kernel"):
        return np.asarray(getattr(self._model.get_layer(layer), name), np.float64)

    def _normalise(self, key, layer, vectors):
        self.seen.setdefault(key, []).append(vectors)
        gamma, beta = (np.asarray(each, np.float64) for each in (layer.gamma, layer.beta))
        return gamma * (vectors - vectors.mean(0)) / np.sqrt(vectors.var(0) + 1e-3) + beta

    def __call__(self, batch):
        stored = np.concatenate([batch["rgb"], batch["audio"]], axis=-1).astype(np.float64)
        frames = stored * KNOWN["audio"].scale + KNOWN["audio"].offset
        frames /= np.linalg.norm(frames, axis=-1, keepdims=True)
        mask = np.arange(5) < batch["num_frames"].numpy()[:, None]
        real, get = frames[mask], self._model.get_layer
        real = self._normalise("frames", get("projection").normalisation, real) @ self._weight("projection")
        real = 1 / (1 + np.exp(-self._normalise("clusters", get("projection_bn"), real)))
        video = np.repeat(np.arange(len(mask)), mask.sum(1))
        means = np.stack([real[video == each].mean(0) for each in range(len(mask))])
        hidden = self._normalise("hidden", get("hidden_bn"), means @ self._weight("hidden"))
        hidden = 1 / (1 + np.exp(-hidden))
        gates = self._normalise("gates", get("context_gating").normalisation, hidden @ self._weight("context_gating"))
        return hidden / (1 + np.exp(-gates))

    def expected(self):
        """Mean and variance of all that each layer was given, in the order of the layers."""
        pooled = [np.concatenate(each) for each in self.seen.values()]
        return [(each.mean(0), each.var(0)) for each in pooled]


def bags():
    return build_model(
        "dbof",
        NUM_CLASSES,
        num_clusters=8,
        hidden_size=6,
        pooling="mean",
        activation="sigmoid",
        head="logistic",
        context_gating=True,
    )


@pytest.mark.thorough
def test_the_statistics_are_those_of_all_vectors_of_the_batches():
    model, batches = bags(), make_batches()
    random = np.random.default_rng(1)
    for variable in model.variables:
        variable.assign(random.uniform(0.1, 0.5, variable.shape))
    before = [weight.numpy() for weight in model.trainable_variables]
    for _ in range(2):  # a second pass forgets the first
        assert StatisticsPass(model).pool(batches) == 3
    by_hand = NumPyBags(model)
    for batch in batches:
        by_hand(batch)
    layers = normalisations_of(model)
    assert [layer.moving_mean.shape[0] for layer in layers] == [1152, 8, 6, 6]
    for layer, (mean, variance) in zip(layers, by_hand.expected(), strict=True):
        np.testing.assert_allclose(layer.moving_mean, mean, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(layer.moving_variance, variance, rtol=1e-3, atol=1e-7)
    assert all(np.array_equal(old, new) for old, new in zip(before, model.trainable_variables, strict=True))


@pytest.mark.parametrize("name", list_models())
def test_every_model_s_layers_get_the_statistics_of_what_they_are_given(name, monkeypatch):
    """What the layers are given is looked at on the way; what becomes of it is computed in NumPy."""
    model, seen = small(name), {}
    layers = normalisations_of(model)
    of_batch = BatchNormalisation._statistics

    def look(layer, inputs, mask):
        vectors = np.asarray(inputs, np.float64)
        vectors = vectors.reshape(-1, vectors.shape[-1]) if mask is None else vectors[np.asarray(mask)]
        seen.setdefault(id(layer), []).append(vectors)
        return of_batch(layer, inputs, mask)

    monkeypatch.setattr(BatchNormalisation, "_statistics", look)
    before = [np.asarray(variable) for variable in model.variables]
    tf.config.run_functions_eagerly(True)
    try:
        StatisticsPass(model).pool(make_batches())
    finally:
        tf.config.run_functions_eagerly(False)
    assert seen.keys() == {id(layer) for layer in layers}
    for layer in layers:
        vectors = np.concatenate(seen[id(layer)])
        np.testing.assert_allclose(layer.moving_mean, vectors.mean(0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(layer.moving_variance, vectors.var(0), rtol=2e-3, atol=1e-6)
    moving = {id(each) for layer in layers for each in (layer.moving_mean, layer.moving_variance)}
    for variable, old in zip(model.variables, before, strict=True):
        if id(variable) not in moving and "seed_generator" not in variable.path:
            np.testing.assert_array_equal(variable, old, err_msg=variable.path)


@pytest.mark.thorough
def test_statistics_are_exact_where_the_mean_is_far_above_the_spread():
    """Sums of squares would have no digits left."""
    layer = BatchNormalisation()
    model = keras.Sequential([keras.Input((3,)), layer])
    values = np.random.default_rng(0).normal(40.0, 0.5, (200, 7, 3)).astype(np.float32)
    layer.pool = Pool()
    for batch in values:
        model(batch, training=True)
    assert float(layer.pool.count) == 1400
    np.testing.assert_allclose(layer.moving_mean, values.reshape(-1, 3).astype(np.float64).mean(0), rtol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, values.reshape(-1, 3).astype(np.float64).var(0), rtol=0.01)


FRAMES = {"num_steps": 6, "checkpoint_every_steps": 2, "keep_checkpoints": 3}
BAGS = {"num_clusters": 8, "hidden_size": 8}


def first_statistics(sample):
    """Mean and variance of the frames, of length 1, of the training records' audio: what a `dbof` normalises first."""
    vectors = []
    for batch in read_records(str(sample / "2" / "frame" / "train"), 8, features=("audio",)):
        stored = batch["audio"].numpy() * KNOWN["audio"].scale + KNOWN["audio"].offset
        frames = stored / np.linalg.norm(stored, axis=-1, keepdims=True)
        vectors.append(frames[np.arange(300) < batch["num_frames"].numpy()[:, None]])
    vectors = np.concatenate(vectors)
    return vectors.mean(0), vectors.var(0)


@pytest.fixture(scope="module")
def bags_run(sample, tmp_path_factory):
    """A run of bags of frames with three checkpoints."""
    run = tmp_path_factory.mktemp("runs") / "bags"
    train(configure(run, sample, "dbof", BAGS, validate=True, **FRAMES))
    return run


def statistics_of(run):
    """The first layer's."""
    layer = normalisations_of(load_run(run))[0]
    return np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)


@pytest.mark.slow
def test_an_average_has_the_statistics_of_a_pass_over_the_training_records(bags_run, sample, tmp_path):
    result = average([bags_run], tmp_path / "out", last=3)
    assert result.num_statistics == 64
    for found, expected in zip(statistics_of(tmp_path / "out"), first_statistics(sample), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
    assert average([bags_run], tmp_path / "few", last=3, statistics_batches=2).num_statistics == 16
    kept = average([bags_run], tmp_path / "kept", last=3, statistics_batches=0)
    assert kept.num_statistics == 0
    sets = [tf.train.load_checkpoint(str(bags_run / "checkpoints" / f"ckpt-{step}")) for step in (2, 4, 6)]
    place = [variable.path for variable in load_run(bags_run).variables].index("projection/input_bn/moving_mean")
    means = [each.get_tensor(f"weights/{place:04d}/.ATTRIBUTES/VARIABLE_VALUE") for each in sets]
    np.testing.assert_allclose(statistics_of(tmp_path / "kept")[0], np.mean(means, axis=0), rtol=1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize("arguments", [{}, {"last": 1}])
def test_one_set_of_weights_gets_new_statistics_and_nothing_else(bags_run, sample, tmp_path, arguments):
    result = average([bags_run], tmp_path / "out", **arguments)
    assert (len(result.averaged), result.num_statistics) == (1, 64)
    for found, expected in zip(statistics_of(tmp_path / "out"), first_statistics(sample), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
    before, after = (load_run(each).trainable_variables for each in (bags_run, tmp_path / "out"))
    if not arguments:  # those of the run are its best ones
        for kept, own in zip(after, before, strict=True):
            np.testing.assert_array_equal(kept, own)
    with pytest.raises(InputError, match="one set of weights has no average"):
        average([bags_run], tmp_path / "none", statistics_batches=0, **arguments)
    assert not (tmp_path / "none").exists()


@pytest.mark.thorough
def test_training_records_that_are_gone_are_named_with_what_to_do(bags_run, sample, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(bags_run, moved)
    config = json.loads((moved / "config.json").read_text())
    for paths, found in (([str(tmp_path / "gone")], "gone"), ([], "does not say where its training records are")):
        config["data"]["train"] = paths
        (moved / "config.json").write_text(json.dumps(config))
        with pytest.raises(
            InputError, match=rf"{found}.*name them with --data, or keep .* with --statistics-batches 0"
        ):
            average([moved], tmp_path / "out", last=2)
    assert not (tmp_path / "out").exists()
    result = average([moved], tmp_path / "out", last=2, data=[str(sample / "2" / "frame" / "train")])
    assert result.num_statistics == 64


@pytest.mark.thorough
def test_models_without_such_layers_read_no_training_records(sample, tmp_path, monkeypatch):
    train(configure(tmp_path / "run", sample, num_steps=4, checkpoint_every_steps=2))
    monkeypatch.setattr(statistics, "training_batches", lambda *_, **__: pytest.fail("read"))
    assert average([tmp_path / "run"], tmp_path / "out", last=2).num_statistics == 0
    train(configure(tmp_path / "ema", sample, num_steps=4, ema_decay=0.9))


@pytest.mark.slow
def test_moving_averages_are_validated_and_kept_with_statistics_of_their_own(sample, tmp_path):
    train(configure(tmp_path / "run", sample, "dbof", BAGS, validate=True, ema_decay=0.9, **FRAMES))
    for found, expected in zip(statistics_of(tmp_path / "run"), first_statistics(sample), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
    assert evaluate(tmp_path / "run")["gap"] == rows(tmp_path / "run", "validation")[0]["gap"]


@pytest.mark.slow
def test_without_validation_the_last_weights_have_them_too(sample, tmp_path):
    config = configure(tmp_path / "run", sample, "moe", {"probability_gating": True}, ema_decay=0.9)
    train(config)
    model = load_run(tmp_path / "run")
    kept = model.get_weights()
    config, source, _ = resolve(config)
    assert StatisticsPass(model).run(config, source, 100) == 64
    for found, expected in zip(kept, model.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_the_steps_go_on_as_if_nothing_had_been_validated(sample, tmp_path):
    """With dropout, whose counters the pass moves, and statistics of the steps' own."""
    for name, interval in (("never", 0), ("often", 1)):
        settings = {"ema_decay": 0.9, "num_steps": 4, "validate_every_steps": interval}
        train(configure(tmp_path / name, sample, "moe", GATED, validate=True, **settings))
    assert losses(tmp_path / "never") == losses(tmp_path / "often")
    first, second = (saved_state(tmp_path / name) for name in ("never", "often"))
    assert all(np.array_equal(first[name], second[name]) for name in first if name.startswith("weights/"))


def test_a_pass_can_be_stopped(sample, tmp_path):
    config, source, _ = resolve(configure(tmp_path / "run", sample, "dbof", BAGS))
    answers = iter([False, False, True])
    with pytest.raises(Stopped):
        StatisticsPass(build(config)).run(config, source, 100, lambda: next(answers))


@pytest.mark.thorough
def test_fewer_records_than_a_batch_are_gone_through_again(sample, tmp_path):
    config, source, _ = resolve(configure(tmp_path / "run", sample, "dbof", BAGS, batch_size=96))
    model = build(config)
    assert StatisticsPass(model).run(config, source, 100) == 96


def test_pieces_are_as_large_as_those_that_training_normalises(sample, tmp_path, monkeypatch):
    sizes, original = [], statistics.training_batches
    monkeypatch.setattr(
        statistics, "training_batches", lambda *given, **options: sizes.append(given[2]) or original(*given, **options)
    )
    config, source, _ = resolve(configure(tmp_path / "run", sample, "dbof", BAGS, gradient_accumulation=4))
    assert StatisticsPass(build(config)).run(config, source, 3) == 24
    assert sizes == [2]
