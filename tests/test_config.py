"""A run's configuration: to JSON and back, and what it refuses."""

import copy
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from yt8m.config import DataConfig, DistillConfig, LossConfig, RunConfig, TrainingConfig, from_dict, to_dict
from yt8m.errors import InputError
from yt8m.models import ARCHITECTURES, list_models, make_architecture
from yt8m.recipes import list_recipes, make_config

DEFAULT = to_dict(RunConfig(model=make_architecture("netvlad")))


def with_value(path: str, value) -> dict:
    values = copy.deepcopy(DEFAULT)
    *groups, key = path.split(".")
    group = values
    for name in groups:
        group = group[name]
    group[key] = value
    return values


@pytest.mark.parametrize("name", list_recipes())
def test_recipes_go_through_json_unchanged(name):
    config = dataclasses.replace(make_config(name), run="some/run")
    values = to_dict(config)
    assert json.loads(json.dumps(values)) == values
    assert from_dict(values, ARCHITECTURES) == config


def test_every_value_goes_through_json_unchanged():
    config = RunConfig(
        recipe="some",
        run="run",
        model=make_architecture("dbof", num_clusters=7, pooling="mean", context_gating=True, l2=1e-5),
        data=DataConfig(root="r", train=("a", "b"), test=("c",), features=("audio",), num_frames=3, on_corrupt="skip"),
        training=TrainingConfig(num_steps=5, learning_rate=0.5, precision="mixed_bfloat16", xla=True),
    )
    assert from_dict(json.loads(json.dumps(to_dict(config))), ARCHITECTURES) == config


def test_the_model_s_name_stands_beside_its_hyperparameters():
    assert DEFAULT["model"]["name"] == "netvlad"
    assert DEFAULT["model"]["num_clusters"] == 256


@pytest.mark.parametrize("name", list_models())
def test_fields_left_out_take_their_defaults(name):
    assert from_dict({"model": {"name": name}}, ARCHITECTURES) == RunConfig(model=make_architecture(name))


MISTAKES = {
    "unknown": ("unknown", 1, "unknown"),
    "unknown in data": ("data.nothing", 1, r"nothing.* config\.data"),
    "unknown in training": ("training.num_step", 1, r"num_step.* config\.training"),
    "unknown hyper-parameter": ("model.num_cluster", 1, r"num_cluster.* config\.model"),
    "text for a number": ("training.num_steps", "many", r"training\.num_steps"),
    "nothing for a number": ("training.batch_size", None, r"training\.batch_size"),
    "number for a group": ("training", 5, r"config\.training"),
    "unknown choice": ("training.precision", "float16", r"float16.*training\.precision"),
    "unknown choice of the model": ("model.head", "linear", r"linear.*model\.head"),
    "unknown feature": ("data.features", ["smell"], r"data\.features has 'smell'.* config\.data$"),
    "no such model": ("model.name", "netvald", r"config\.model"),
    "no model": ("model", None, r"config\.model"),
    "out of range": ("training.num_steps", 0, r"config\.training"),
}


@pytest.mark.parametrize(("path", "value", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_json_is_one_line_with_its_place(path, value, expected):
    with pytest.raises(InputError, match=expected) as caught:
        from_dict(with_value(path, value), ARCHITECTURES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [[1], None, "text", 3])
def test_json_that_is_no_object_is_an_error(values):
    with pytest.raises(InputError):
        from_dict(values, ARCHITECTURES)


NAN = float("nan")
OUT_OF_RANGE = [
    (DataConfig, {"num_classes": -1}),
    (DataConfig, {"num_frames": -1}),
    (DataConfig, {"max_frames": 0}),
    (DataConfig, {"max_labels": 0}),
    (DataConfig, {"shuffle_buffer": 0}),
    (DataConfig, {"parallel_files": 0}),
    (DataConfig, {"features": ("smell",)}),
    (TrainingConfig, {"num_steps": 0}),
    (TrainingConfig, {"batch_size": 0}),
    (TrainingConfig, {"learning_rate": 0.0}),
    (TrainingConfig, {"learning_rate": NAN}),
    (TrainingConfig, {"learning_rate_decay": 0.0}),
    (TrainingConfig, {"learning_rate_decay": 1.5}),
    (TrainingConfig, {"learning_rate_decay_examples": 0}),
    (TrainingConfig, {"ema_decay": 1.0}),
    (TrainingConfig, {"ema_decay": -0.1}),
    (TrainingConfig, {"warmup_steps": -1}),
    (TrainingConfig, {"clip_norm": -1.0}),
    (TrainingConfig, {"clip_norm": NAN}),
    (TrainingConfig, {"weight_decay": -1.0}),
    (TrainingConfig, {"validate_every_steps": -1}),
    (TrainingConfig, {"early_stopping": -1}),
    (TrainingConfig, {"log_every_steps": 0}),
    (TrainingConfig, {"checkpoint_every_steps": 0}),
    (TrainingConfig, {"keep_checkpoints": 0}),
]


@pytest.mark.parametrize(("group", "values"), OUT_OF_RANGE, ids=lambda value: getattr(value, "__name__", str(value)))
def test_values_out_of_range_name_their_flag_and_say_what_is_allowed(group, values):
    ((name, value),) = values.items()
    flag = f"--{group.__name__.removesuffix('Config').lower()}.{name.replace('_', '-')}"
    with pytest.raises(InputError) as caught:
        group(**values)
    shown = value[0] if isinstance(value, tuple) else value
    assert str(caught.value).startswith(flag)
    assert str(shown) in str(caught.value)
    assert "must be" in str(caught.value) or "known:" in str(caught.value)


WRONG_TYPES = [
    (DataConfig, {"num_classes": "60"}),
    (DataConfig, {"num_classes": 60.0}),
    (DataConfig, {"train": "some/path"}),
    (DataConfig, {"deterministic": 1}),
    (DataConfig, {"on_corrupt": "ignore"}),
    (TrainingConfig, {"num_steps": True}),
    (TrainingConfig, {"learning_rate": "0.1"}),
    (TrainingConfig, {"precision": "float16"}),
    (LossConfig, {"kind": "hinge"}),
    (DistillConfig, {"weight": None}),
]


@pytest.mark.parametrize(("group", "values"), WRONG_TYPES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_values_of_the_wrong_type_name_their_flag(group, values):
    ((name, value),) = values.items()
    flag = f"--{group.__name__.removesuffix('Config').lower()}.{name.replace('_', '-')}"
    with pytest.raises(InputError) as caught:
        group(**values)
    assert str(caught.value).startswith(f"{flag} is {value!r}; it must be ")


def test_numbers_of_numpy_and_paths_become_plain_values():
    config = RunConfig(
        run=Path("some") / "run",
        model=make_architecture("netvlad", num_clusters=np.int64(8), dropout=np.float32(0.5)),
        data=DataConfig(train=[Path("a")], num_classes=np.int32(7)),
    )
    assert from_dict(json.loads(json.dumps(to_dict(config))), ARCHITECTURES) == config
    assert (config.run, config.data.train, type(config.data.num_classes)) == (str(Path("some/run")), ("a",), int)


EDGES = [
    (DataConfig, {"num_classes": 1, "num_frames": 0, "max_frames": 1, "shuffle_buffer": 1}),
    (TrainingConfig, {"num_steps": 1, "learning_rate_decay": 1.0, "ema_decay": 0.0, "clip_norm": 0.0}),
]


@pytest.mark.parametrize(("group", "values"), EDGES)
def test_values_at_the_edge_are_allowed(group, values):
    assert all(getattr(group(**values), name) == value for name, value in values.items())


@pytest.mark.parametrize("config", [DataConfig(), TrainingConfig(), RunConfig(model=make_architecture("moe"))])
def test_configurations_are_frozen(config):
    for field in dataclasses.fields(config):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(config, field.name, getattr(config, field.name))


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("training.num_steps", 0, r"--training\.num-steps is 0"),
        ("model.name", "netvald", r"unknown model 'netvald'; did you mean netvlad\? Known: "),
        ("training.num_steps", 1.7, r"training\.num_steps"),
        ("training.num_steps", "5", r"training\.num_steps"),
        ("training.num_steps", True, r"training\.num_steps"),
        ("training.xla", "false", r"training\.xla"),
        ("data.train", "abc", r"data\.train"),
        ("training.precision", "float16", r"^the value is 'float16'; it must be one of 'float32', 'mixed_bfloat16' @ "),
        (
            "data.features",
            ["smell"],
            r"^--data\.features has 'smell'; it must be rgb or audio, or one of your own as NAME:SIZE \(bytes\), "
            r"NAME:SIZE:float32, NAME:SIZE:float16 or NAME:SIZE:uint8:LOW:HIGH @ config\.data$",
        ),
        ("run", 5, "run"),
    ],
)
def test_json_mistakes(path, value, expected):
    values = to_dict(RunConfig(model=make_architecture("netvlad")))
    group = values
    *groups, key = path.split(".")
    for name in groups:
        group = group[name]
    group[key] = value
    with pytest.raises(InputError, match=expected):
        from_dict(values, ARCHITECTURES)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_out_of_range(seed):
    with pytest.raises(InputError, match=r"--training\.seed"):
        TrainingConfig(seed=seed)
