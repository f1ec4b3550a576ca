"""What a training takes, told from its graph, against what it was measured to take, and against sums by hand."""

import ctypes
import dataclasses
import gc

import pytest
import tensorflow as tf
from small_runs import Watcher, configure

from yt8m import machine
from yt8m.diagnosing import sanity
from yt8m.models import make_architecture
from yt8m.recipes import make_config
from yt8m.runs.model import build_for_training
from yt8m.training import memory
from yt8m.training.liveness import peak_bytes
from yt8m.training.loop import train
from yt8m.training.memory import MemoryEstimate, batch_shapes, estimate
from yt8m.training.objective import Objective
from yt8m.training.optimizers import make_optimizer
from yt8m.training.preparation import resolve

GB = 10**9
FACTOR = 2.5
"""That an estimate of activations and gradients may be wrong by."""


def graph_of(function, *shapes):
    return tf.function(function).get_concrete_function(*(tf.TensorSpec(shape, tf.float32) for shape in shapes)).graph


@pytest.mark.parametrize(
    ("function", "floats"),
    [
        (lambda x: tf.sin(x), 1000),
        (lambda x: tf.nn.relu(tf.sin(x)), 1000),  # in place
        (lambda x: tf.sin(x) + tf.cos(x), 2000),  # both, into one of them
        (lambda x: tf.reduce_sum(tf.cumsum(tf.sin(x), axis=0)), 2000),  # not in place, and then a number
        (lambda x: tf.cumsum(tf.reshape(tf.sin(x), [1000]), axis=0), 2000),  # a new shape is no new value
        (lambda x: tf.concat([tf.sin(x), x], axis=0), 3000),
    ],
)
def test_the_peak_of_a_graph_by_hand(function, floats):
    assert peak_bytes(graph_of(function, [10, 100])) == pytest.approx(4 * floats, rel=0.01)


def test_what_is_inside_a_loop_counts_once():
    def loop(x):
        return tf.while_loop(lambda i, _: i < 7, lambda i, y: (i + 1, tf.concat([y, y], 0)[:10] + tf.cos(y)), [0, x])[1]

    assert 3000 <= peak_bytes(graph_of(loop, [10, 100])) / 4 <= 6000


def configuration(name, batch_size, **hyperparameters):
    config = make_config(name)
    data = dataclasses.replace(config.data, num_classes=50, features=("rgb", "audio"))
    training = dataclasses.replace(config.training, batch_size=batch_size).counted(9_000)
    return dataclasses.replace(config, model=make_architecture(name, **hyperparameters), data=data, training=training)


def parts(config):
    built = build_for_training(config)
    variables = [variable.value for variable in built.predicting.trainable_variables]
    return Objective(built, config, None), make_optimizer(variables, config.training)


def taken_by(work) -> int:
    """The most bytes that some work has at once, beside what is there already."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # or what was taken before would be used again, unseen
    assert sanity._forget_peak()
    before = sanity._peak_memory()
    work()
    return sanity._peak_memory() - before


@pytest.mark.usefixtures("_optimised_graphs")
@pytest.mark.parametrize(
    ("name", "batch_size", "hyperparameters"),
    [
        ("frame_logistic", 100, {}),
        ("moe", 4096, {"num_mixtures": 8}),
        pytest.param("dbof", 256, {"num_clusters": 2048}, marks=pytest.mark.slow),
        pytest.param("netvlad", 64, {"num_clusters": 64, "hidden_size": 64}, marks=pytest.mark.slow),
        pytest.param("lstm", 24, {"num_units": 256}, marks=pytest.mark.slow),
        pytest.param("transformer", 12, {"num_layers": 1}, marks=pytest.mark.slow),
    ],
)
def test_the_estimate_is_near_the_measured_peak(name, batch_size, hyperparameters):
    config = configuration(name, batch_size, **hyperparameters)
    objective, optimizer = parts(config)
    shapes = sanity._random_shapes(config)
    found = estimate(config, objective, optimizer, shapes)
    size = 4 * objective.model.count_params()
    assert found.weights == pytest.approx(size, rel=0.01)
    assert found.optimizer == pytest.approx(2 * size, rel=0.02)
    batch = sanity._random_batch(config, shapes)
    counter = tf.Variable(0, dtype=tf.int64)

    @tf.function
    def step():
        loss, gradients = objective.loss_and_gradients(batch, batch_size, 1, 1)
        optimizer.apply(gradients, counter)
        return loss

    # What threads of earlier tests give back meanwhile makes a figure too small.
    taken = max(taken_by(step) for _ in range(3))
    assert taken / FACTOR <= found.step <= taken * FACTOR, f"{found.step / 1e6:.0f} MB, measured {taken / 1e6:.0f} MB"


@pytest.mark.thorough
def test_pieces_take_less():
    config = configuration("frame_logistic", 64)
    pieces = dataclasses.replace(config, training=dataclasses.replace(config.training, gradient_accumulation=8))
    whole, parted = (estimate(each, *parts(each), sanity._random_shapes(each)).step for each in (config, pieces))
    assert parted < 0.5 * whole


@pytest.mark.parametrize(
    ("on_gpu", "free", "gpu", "verdict"),
    [
        (False, 20 * GB, None, "ok"),
        (False, 10 * GB, None, "look"),
        (False, 8 * GB, None, "bad"),
        (False, None, None, "ok"),
        (True, 20 * GB, 20 * GB, "ok"),
        (True, 20 * GB, 7 * GB, "look"),
        (True, 20 * GB, 6 * GB, "bad"),
        (True, 2 * GB, 20 * GB, "bad"),
        (True, 20 * GB, None, "ok"),
    ],
)
def test_what_is_there_decides(on_gpu, free, gpu, verdict):
    found = MemoryEstimate(GB, 2 * GB, 3 * GB, 3 * GB, on_gpu, free, gpu)
    assert found.verdict == verdict
    assert ("6.0 GB of a GPU" in str(found)) == on_gpu
    assert ("about 9.0 GB of" in str(found)) != on_gpu
    assert "\n" not in str(found)


def test_a_check_stops_before_it_takes_more_than_there_is(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(sanity, "_first_batch", lambda *_: pytest.fail("a batch was read"))
    for config in (
        configure(tmp_path / "run", sample, "frame_logistic", batch_size=10_000_000),
        configure("", sample, "frame_logistic", data={"train": ()}, batch_size=10_000_000),
    ):
        *_, last = sanity.check(config)
        assert (last.name, last.verdict) == ("memory", "bad")
        assert "lower --training.batch-size (now 10000000), --data.num-frames, or compute it in pieces" in last.value


@pytest.mark.thorough
def test_training_says_so_and_a_small_one_need_not_be_looked_at(sample, tmp_path, monkeypatch):
    config, watcher = configure(tmp_path / "run", sample, num_steps=1), Watcher()
    monkeypatch.setattr(memory, "peak_bytes", lambda graph: pytest.fail("looked at"))
    train(config, watcher)
    assert watcher.messages == []
    monkeypatch.setattr(memory, "peak_bytes", lambda graph: 3000)
    monkeypatch.setattr(memory, "count_free_bytes", lambda: 5000)
    train(configure(tmp_path / "other", sample, num_steps=1), watcher)
    (remark,) = watcher.messages
    assert remark.startswith("training takes more than there is: about ")
    assert (
        "of 5.0 kB free (weights 6.2 kB, optimizer 12.4 kB, activations and gradients 3.0 kB, input buffers" in remark
    )


def test_the_shapes_are_those_of_the_batches(sample, tmp_path):
    for model, train_path in (("moe", "2/video/train"), ("frame_logistic", "3/frame/validate")):
        config, source, _ = resolve(configure("run", sample, model, data={"train": (str(sample / train_path),)}))
        shapes, batch = batch_shapes(config, source), sanity._first_batch(config, source)
        assert {key: (each.shape, each.dtype) for key, each in shapes.items()} == {
            key: (each.shape, each.dtype) for key, each in batch.items()
        }


def test_free_memory_of_a_container_leaves_out_what_it_has_read(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "_CONTROL_GROUP", tmp_path)
    assert machine.count_free_bytes() is None
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    5000 kB\n")
    assert machine.count_free_bytes() == 5000 * 1024
    for name, text in (("max", "3000\n"), ("current", "2500\n"), ("stat", "anon 1\ninactive_file 2000\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert machine.count_free_bytes() == 2500
    (tmp_path / "memory.max").write_text("max\n")
    assert machine.count_free_bytes() == 5000 * 1024
