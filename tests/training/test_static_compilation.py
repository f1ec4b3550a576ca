"""What a TPU asks of the steps of training and prediction, proven on a CPU: docs/tpu.md."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import tensorflow as tf
from small_models import NUM_CLASSES, SMALL, make_batch, make_labels, randomise, without_dropout
from small_runs import configure

from yt8m import runs
from yt8m.config import DistillConfig, LossConfig, to_dict
from yt8m.data.identity import read_ids
from yt8m.data.source import Source
from yt8m.distribution.devices import Devices
from yt8m.distribution.strategies import open_devices
from yt8m.models import build_for_training, build_model, list_models, make_architecture
from yt8m.runs.model import build
from yt8m.runs.weights import save_weights
from yt8m.scoring.scorer import BATCH_SIZE, Scorer
from yt8m.training import loop
from yt8m.training.loop import train
from yt8m.training.preparation import resolve
from yt8m.training.trainer import Trainer

QUICK = "dbof"
"""The others are compiled with the tests that take long."""
every_model = pytest.mark.parametrize(
    "name", [name if name == QUICK else pytest.param(name, marks=pytest.mark.slow) for name in list_models()]
)

TPU_TYPES = {
    *(tf.float32, tf.bfloat16, tf.int32, tf.int64, tf.uint8, tf.uint32, tf.uint64, tf.bool),
    *(tf.resource, tf.variant),  # a variable, a list of tensors in a loop
}
"""What is needed here of the types that TensorFlow's tpu_defs.h lists; float64, which is slow there, is not."""

HOST_OPERATIONS = ("PyFunc", "Print", "Assert", "Summary", "String", "Table", "Iterator", "Dataset", "Host", "feed")
"""Parts of the names of operations that call back to the host, or work on what is kept there."""


def nodes_of(function) -> Iterator[tf.compat.v1.NodeDef]:
    """Every operation of a traced function and of those that it calls: loops, branches, compiled functions."""
    graph = function.graph.as_graph_def(add_shapes=True)
    yield from graph.node
    for called in graph.library.function:
        yield from called.node_def


def types_in(node) -> set[tf.DType]:
    """The types of an operation's inputs and outputs."""
    numbers = [number for value in node.attr.values() for number in (value.type, *value.list.type)]
    return {tf.as_dtype(number) for number in numbers if number}


def what_no_tpu_can_do(function) -> list[str]:
    """The operations of a traced function that call the host, have types that a TPU has not, or shapes that are not known."""
    found = []
    for node in nodes_of(function):
        if any(word in node.op for word in HOST_OPERATIONS):
            found.append(f"{node.op} {node.name} is the host's")
        found += [f"{node.op} {node.name} has {dtype.name}" for dtype in types_in(node) - TPU_TYPES]
        for shape in map(tf.TensorShape, node.attr["_output_shapes"].list.shape):
            if not shape.is_fully_defined():
                found.append(f"{node.op} {node.name} has shape {shape}")
    return found


def printing(x):
    tf.print(x)
    return x


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (lambda x: tf.numpy_function(np.abs, [x], tf.float32), "is the host's"),
        (lambda x: tf.py_function(lambda value: value, [x], tf.float32), "is the host's"),
        (printing, "PrintV2 PrintV2 is the host's"),
        (lambda x: tf.strings.length(tf.strings.as_string(x)), "AsString AsString is the host's"),
        (lambda x: tf.size(tf.constant(["a"])), "has string"),
        (lambda x: tf.cast(x, tf.float64), "has float64"),
        (lambda x: tf.unique(x).y, "has shape (None,)"),
        (lambda x: tf.boolean_mask(x, x > 0), "has shape (None,)"),
        (lambda x: tf.map_fn(lambda row: tf.unique(row[None])[0][0], x), "has shape (None,)"),
        (tf.function(lambda x: tf.unique(x).y, jit_compile=True), "has shape (None,)"),
    ],
)
def test_the_check_finds_what_it_looks_for(body, problem):
    found = what_no_tpu_can_do(tf.function(body).get_concrete_function(tf.TensorSpec([4])))
    assert any(problem in line for line in found), found


def test_the_check_finds_nothing_in_what_a_tpu_can_do():
    def body(x):
        return tf.scan(lambda total, row: total + row, x), tf.where(x > 0, x, 0.0)

    assert not what_no_tpu_can_do(tf.function(body).get_concrete_function(tf.TensorSpec([4])))


@dataclass(frozen=True)
class Case:
    """A run of a small model, of which a step is compiled; fields of the configuration are those that differ."""

    name: str
    records: str = ""
    """Below the sample; empty = those of the model's level."""
    teacher: Literal["", "run", "file"] = ""
    class_weights: bool = False
    hyperparameters: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)
    loss: dict = field(default_factory=dict)
    training: dict = field(default_factory=dict)

    def __str__(self) -> str:
        changes = self.hyperparameters | self.data | self.loss | self.training
        flags = [self.records.replace("/", " "), self.teacher, "class_weights" if self.class_weights else ""]
        return ",".join([self.name, *filter(None, flags), *(f"{key}={value}" for key, value in changes.items())])


RATED, FRAMES = "3/frame/validate", "2/frame/train"


@pytest.fixture(scope="module")
def files(sample, tmp_path_factory) -> Path:
    """As teachers a run of a model of each level, with its first weights, and predictions for the training records; weights."""
    directory = tmp_path_factory.mktemp("files")
    for name in ("logistic", "frame_logistic"):
        config = configure(directory / name, sample, name)
        save_weights(build(config), runs.open_run(config).best_weights)
    ids = read_ids(sorted(map(str, (sample / "2/video/train").iterdir())))
    rows = "".join(f"{video.decode()},3 0.900000 0 0.250000\n" for video in ids)
    (directory / "predictions.csv").write_text(f"VideoId,LabelConfidencePairs\n{rows}")
    (directory / "weights.csv").write_text("Index,Weight\n3,2.5\n")
    return directory


def trainer_of(sample, files, case: Case) -> tuple[Trainer, Source]:
    """A trainer whose model has random weights, and the records it would read."""
    data = {"max_frames": 6, "context_num_frames": 4} | case.data
    if case.records:
        data["train"] = (str(sample / case.records),)
    teacher = {"": "", "run": files / case.name, "file": files / "predictions.csv"}[case.teacher]
    weights = {"class_weights": str(files / "weights.csv")} if case.class_weights else {}
    config = configure("unused", sample, case.name, SMALL[case.name] | case.hyperparameters, data, **case.training)
    loss, distill = LossConfig(**case.loss, **weights), DistillConfig(teacher=str(teacher))
    config, source, _ = resolve(dataclasses.replace(config, loss=loss, distill=distill))
    trainer = Trainer(config, open_devices(), source)
    randomise(trainer.model)
    return trainer, source


def state_of(trainer) -> dict[str, tf.Variable]:
    """All that a step may change."""
    slots = tf.nest.flatten([trainer.optimizer.slots, trainer.optimizer.averages])
    variables = [*(variable.value for variable in trainer.model.variables), *slots, trainer.step]
    return {f"{place} {variable.name}": variable for place, variable in enumerate(variables)}


def do_step(trainer, batch, compiled: bool) -> dict[str, np.ndarray]:
    """The loss, the norm and the state after one step, which is undone again."""

    def run(batch):
        return trainer.strategy.run(step, args=(batch,))

    step = trainer._replica_step
    if compiled:
        # Loss, gradients, their sum over the replicas and the update in one function, as on a TPU.
        step = tf.function(step, jit_compile=True, autograph=False)
        run = tf.function(run, autograph=False)
        assert not what_no_tpu_can_do(run.get_concrete_function(batch))
    state = state_of(trainer)
    before = {name: variable.numpy() for name, variable in state.items()}
    loss, norm = run(batch)
    after = {name: variable.numpy() for name, variable in state.items()}
    for name, variable in state.items():
        variable.assign(before[name])
    assert any(np.any(after[name] != before[name]) for name in before)
    return {"loss": loss.numpy(), "norm": norm.numpy()} | after


def assert_compiles_to_the_same(trainer, batch) -> None:
    """Loss, weights, running statistics and what the optimizer keeps of the gradients."""
    plain, compiled = (do_step(trainer, batch, compiled) for compiled in (False, True))
    for name, expected in plain.items():
        np.testing.assert_allclose(compiled[name], expected, atol=1e-4, rtol=1e-4, err_msg=name)


@pytest.mark.thorough
@every_model
def test_a_step_compiled_by_xla_is_the_plain_one(sample, files, name):
    """With velocities, which are the gradients after the first step. XLA draws other random numbers, so nothing is dropped."""
    case = Case(name, hyperparameters=without_dropout(name), training={"optimizer": "sgd", "clip_norm": 0.0})
    trainer, source = trainer_of(sample, files, case)
    assert_compiles_to_the_same(trainer, next(trainer.batches(source)))


@pytest.mark.thorough
@every_model
def test_a_step_in_low_precision_compiles(sample, files, name):
    case = Case(name, hyperparameters=without_dropout(name), training={"precision": "mixed_bfloat16"})
    trainer, source = trainer_of(sample, files, case)
    batch = next(trainer.batches(source))
    plain, compiled = (do_step(trainer, batch, compiled) for compiled in (False, True))
    assert compiled["loss"] == pytest.approx(plain["loss"], rel=0.02)
    assert all(np.isfinite(value).all() for value in compiled.values())


FINE = {"epsilon": 1e-3}
"""Or a gradient that is rounding alone would move its weight at full rate."""
AVERAGED = {"optimizer": "adamw", "weight_decay": 0.1, "ema_decay": 0.9, "schedule": "cosine", "warmup_steps": 2}
CONTEXT = {"segment_context": "video"}
CASES = [
    Case("moe", class_weights=True, loss={"kind": "focal", "label_smoothing": 0.1}, training=FINE | AVERAGED),
    Case("frame_logistic", RATED, data={"segment_context": 2}, loss={"mined_negatives": 3}, training=FINE),
    Case("logistic", teacher="file", training=FINE),
]
SLOW_CASES = [
    Case("moe", training={"optimizer": "adafactor", "gradient_accumulation": 2}, hyperparameters={"l2": 0.1}),
    Case("logistic", teacher="run", training=FINE),
    Case("moe", training={"optimizer": "sgd", "momentum": 0.0, "learning_rate_smooth_decay": True}),
    Case("dbof", training=FINE | {"synchronised_batch_normalisation": True}),
    Case("moe_chain", training=FINE | {"gradient_accumulation": 4, "ema_decay": 0.5}),
    Case("logistic", loss={"kind": "asymmetric", "positive_weight": 2.0}, training=FINE),
    Case("logistic", loss={"kind": "asymmetric", "asymmetric_margin": 0.0}, training=FINE),
    Case("dbof", RATED, data=CONTEXT, training=FINE | {"gradient_accumulation": 2}),
    Case("logistic", RATED, data=CONTEXT, loss={"mined_negatives": 3}, training=FINE),
    Case("frame_logistic", RATED, teacher="run", training=FINE),
    Case("frame_logistic", teacher="file", training=FINE | {"gradient_accumulation": 2}),
    Case("frame_logistic", data={"num_frames": 3}, hyperparameters={"l2": 0.1}, training=FINE),
    Case("logistic", FRAMES, training=FINE),
]


def slow(cases: list) -> list:
    return [pytest.param(case, marks=pytest.mark.slow) for case in cases]


@pytest.mark.thorough
@pytest.mark.parametrize("case", [*CASES, *slow(SLOW_CASES)], ids=str)
def test_what_changes_a_step_compiles_too(sample, files, case):
    trainer, source = trainer_of(sample, files, case)
    assert_compiles_to_the_same(trainer, next(trainer.batches(source)))


@pytest.mark.thorough
def test_a_step_with_dropout_compiles(sample, files):
    trainer, source = trainer_of(sample, files, Case("logistic", hyperparameters={"dropout": 0.5}))
    assert np.isfinite(do_step(trainer, next(trainer.batches(source)), compiled=True)["loss"])


LEVELS = [
    *(Case("logistic", teacher=teacher) for teacher in ("", "run", "file")),
    *(Case("frame_logistic", teacher=teacher) for teacher in ("", "file")),
    Case("frame_logistic", RATED, teacher="run", data=CONTEXT),
]
OTHER_LEVELS = [
    *(Case("frame_logistic", teacher=teacher, data={"num_frames": 3}) for teacher in ("", "run", "file")),
    *(Case("logistic", FRAMES, teacher=teacher) for teacher in ("", "run", "file")),
    *(Case("frame_logistic", RATED, teacher=teacher, data={"segment_context": 2}) for teacher in ("", "run")),
    *(Case("logistic", RATED, teacher=teacher, data=CONTEXT) for teacher in ("", "run")),
]


@pytest.mark.parametrize("case", [*LEVELS, *slow(OTHER_LEVELS)], ids=str)
def test_batches_have_one_shape_and_no_strings(sample, files, case):
    trainer, source = trainer_of(sample, files, case)
    specs = trainer.batches(source).element_spec
    assert {"labels", *trainer.model.input} <= specs.keys()
    assert all(spec.shape.is_fully_defined() for spec in specs.values()), specs
    assert not {spec.dtype for spec in specs.values()} - TPU_TYPES, specs


def assert_prediction_compiles(model, batch) -> None:
    step = Scorer(model, Devices(tf.distribute.get_strategy(), static_shapes=True))._step
    compiled = tf.function(lambda batch: step(batch), jit_compile=True)
    inputs = {key: tf.constant(value) for key, value in (batch | {"labels": make_labels()}).items()}
    assert not what_no_tpu_can_do(compiled.get_concrete_function(inputs))
    for found, expected in zip(compiled(inputs), step(inputs), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


@every_model
def test_prediction_compiled_by_xla_is_the_plain_one(name):
    model = build_model(name, NUM_CLASSES, features=("audio",), **SMALL[name])
    randomise(model)
    assert_prediction_compiles(model, make_batch(name, features=("audio",)))


# With the whole video, two streams of a model are computed and mixed. Each model alone compiles, as the test above shows.
@pytest.mark.thorough
@pytest.mark.parametrize("name", ["dbof", *slow(["logistic", "gru", "mix_nextvlad"])])
def test_prediction_with_the_whole_video_as_context_compiles(name):
    architecture = make_architecture(name, **SMALL[name])
    model = build_for_training(architecture, NUM_CLASSES, ("audio",), with_context=True).predicting
    randomise(model)
    own = make_batch(name, features=("audio",))
    assert_prediction_compiles(model, own | {f"context_{key}": value[::-1] for key, value in own.items()})


UNEVEN = {"num_steps": 7, "validate_every_steps": 2, "log_every_steps": 3, "checkpoint_every_steps": 5}
"""One or two steps a call, four validations; of 13 videos, in batches of 5."""


@pytest.mark.thorough
def test_a_run_traces_each_step_once(sample, tmp_path, monkeypatch):
    made = []

    def make_trainer(*arguments):
        made.append(Trainer(*arguments))
        return made[0]

    monkeypatch.setattr(loop, "Trainer", make_trainer)
    monkeypatch.setitem(BATCH_SIZE, "video", 5)
    train(configure(tmp_path / "run", sample, validate=True, **UNEVEN))
    assert made[0].run_steps.experimental_get_tracing_count() == 1
    assert made[0].scorer._step.experimental_get_tracing_count() == 1


@pytest.mark.slow
@pytest.mark.usefixtures("_preloaded")
def test_xla_compiles_each_step_once_in_a_run(sample, tmp_path):
    """As counted by XLA itself, which writes a file of each program that it compiles."""
    config, programs = configure(tmp_path / "run", sample, validate=True, xla=True, **UNEVEN), tmp_path / "programs"
    (tmp_path / "config.json").write_text(json.dumps(to_dict(config)))
    command = [sys.executable, "-W", "ignore", Path(__file__).with_name("compiled_run.py"), tmp_path / "config.json"]
    environment = os.environ | {"XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_dump_to={programs}"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {"run_steps": 1, "compute": 1, "prediction": 1}
    compiled = [path.name for path in programs.glob("*.before_optimizations.txt")]
    assert len(compiled) == 2, compiled
    assert sum("_compute_" in name for name in compiled) == 1, "the other is of prediction"
