"""What a space file may say, and how it is told what is wrong with it."""

import json
from pathlib import Path

import pytest

from yt8m.errors import InputError
from yt8m.recipes import make_config
from yt8m.tuning.space import Dimension, read_space, with_values
from yt8m.tuning.study import Study

NETVLAD = make_config("netvlad")


def read(tmp_path, content, config=NETVLAD):
    path = tmp_path / "space.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_space(str(path), config)


def test_flags_of_every_section_as_choices_and_ranges(tmp_path):
    content = {
        "training.learning-rate": {"low": 1e-4, "high": 1, "log": True},
        "--model.num_clusters": {"low": 16, "high": 64, "step": 16},
        "model.head": ["moe", "logistic"],
        "model.context-gating": [True, False],
        "data.segment-context": [0, 5, "video"],
        "loss.label-smoothing": {"low": 0, "high": 0.2, "step": 0.05},
        "distill.weight": [0.5, 1],
    }
    assert read(tmp_path, content) == [
        Dimension("training", "learning_rate", low=1e-4, high=1.0, log=True),
        Dimension("model", "num_clusters", low=16, high=64, step=16, integer=True),
        Dimension("model", "head", choices=("moe", "logistic")),
        Dimension("model", "context_gating", choices=(True, False)),
        Dimension("data", "segment_context", choices=(0, 5, "video")),
        Dimension("loss", "label_smoothing", low=0.0, high=0.2, step=0.05),
        Dimension("distill", "weight", choices=(0.5, 1.0)),
    ]
    assert read(tmp_path, {"data.num_frames": [8]})[0].name == "data.num-frames"


SPACES = sorted((Path(__file__).resolve().parents[2] / "benchmarks" / "spaces").glob("*.json"))


@pytest.mark.parametrize("path", SPACES, ids=[path.stem for path in SPACES])
def test_spaces_that_documents_name_are_of_their_recipe(path):
    dimensions = read_space(str(path), make_config(path.stem))
    assert {each.name for each in dimensions} == set(json.loads(path.read_text()))
    for each in dimensions:  # the recipe's own value is among those that a search may try
        own = getattr(getattr(make_config(path.stem), each.section), each.field)
        assert own in each.choices if each.choices else each.low <= own <= each.high


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1", "is not JSON"),
        ([], "must be an object from flags to values"),
        ({}, "must be an object from flags to values"),
        ({"model.num-cluster": [8]}, "unknown flag of netvlad 'model.num-cluster'; did you mean model.num-clusters?"),
        (
            {"learning-rate": [1]},
            "learning-rate is not a flag of a recipe that can be searched over; did you mean training.learning-rate? Sections: ",
        ),
        ({"nonsense": [1]}, "nonsense is not a flag of a recipe that can be searched over; sections: model, data"),
        ({"training.lr": [1]}, "unknown flag of netvlad 'training.lr'; did you mean training.learning-rate? Known: "),
        ({"run": ["a"]}, "run is not a flag of a recipe that can be searched over"),
        ({"data.validate": ["a"]}, "data.validate cannot be searched over; give it as a flag, --data.validate"),
        ({"data.features": [["rgb"]]}, "data.features cannot be searched over"),
        ({"model.num-clusters": 8}, "model.num-clusters is 8; it must be a list of choices, or a range"),
        ({"model.num-clusters": []}, "model.num-clusters has no choices"),
        ({"model.num-clusters": [8, 0]}, "model.num-clusters is 0; it must be at least 1"),
        ({"model.num-clusters": [8.5]}, "model.num-clusters is 8.5; it must be a whole number"),
        ({"model.num-clusters": [8, 8]}, "model.num-clusters has a choice twice"),
        ({"model.head": ["mow"]}, "model.head is 'mow'; it must be one of 'moe', 'logistic'"),
        ({"model.head": {"low": 1, "high": 2}}, "model.head is not a number, so it has no range"),
        ({"model.dropout": {"low": 0, "high": 1}}, "model.dropout, high, is 1.0; it must be at least 0 and below 1"),
        ({"model.dropout": {"low": 0}}, "model.dropout has no high"),
        ({"model.dropout": {"low": 0, "hihg": 0.5}}, "model.dropout: unknown key 'hihg'; did you mean high?"),
        ({"model.dropout": {"low": 0.5, "high": 0.1}}, "model.dropout goes from 0.5 to 0.1; low must be below high"),
        ({"model.dropout": {"low": 0.1, "high": 0.1}}, "model.dropout goes from 0.1 to 0.1; low must be below high"),
        ({"model.dropout": {"low": 0, "high": 0.1, "log": True}}, "low must be above 0"),
        ({"model.dropout": {"low": 0, "high": 0.1, "log": 1}}, "model.dropout, log, is 1; it must be true or false"),
        ({"model.dropout": {"low": 0, "high": 0.1, "step": 0}}, "model.dropout has step 0.0; it must be above 0"),
        (
            {"training.batch-size": {"low": 32, "high": 100, "step": 32}},
            "training.batch-size goes from 32 to 100, which steps of 32 do not reach; make high 96 or 128",
        ),
        (
            {"model.dropout": {"low": 0.1, "high": 0.55, "step": 0.2}},
            "model.dropout goes from 0.1 to 0.55, which steps of 0.2 do not reach; make high 0.5 or 0.7",
        ),
        (  # 1 is no dropout
            {"model.dropout": {"low": 0, "high": 0.75, "step": 0.5}},
            "model.dropout goes from 0.0 to 0.75, which steps of 0.5 do not reach; make high 0.5",
        ),
        ({"model.dropout": [0.1], "--model.dropout": [0.2]}, "names model.dropout twice"),
        (
            {"training.validate-every-minutes": [1, 2], "model.dropout": [0.1], "training.validate-every-steps": [5]},
            "names training.validate-every-minutes and training.validate-every-steps, which exclude each other; leave one out",
        ),
        ('{"model.dropout": [0.1], "model.dropout": [0.2]}', "names model.dropout twice; leave one out"),
        (
            '{"model.dropout": {"low": 0, "high": 0.5, "low": 0.1}}',
            "model.dropout: names low twice; leave one out",
        ),
    ],
)
def test_mistakes_name_the_file_and_the_flag(tmp_path, content, message):
    with pytest.raises(InputError) as raised:
        read(tmp_path, content)
    assert str(raised.value).startswith(f"{tmp_path / 'space.json'}: ")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.thorough
def test_steps_that_reach_the_end_are_all_tried_and_nothing_is_warned_of(tmp_path, recwarn):
    values = {
        "training.batch-size": [32, 64, 96],
        "model.dropout": [0.1, 0.2, 0.3, 0.4, 0.5],
        "loss.label-smoothing": [0.1, 0.2, 3 * 0.1],  # 0.30000000000000004
        "training.learning-rate": [1e-5, 2e-5, 3e-5],
        "training.weight-decay": [0, 1 / 3, 2 / 3, 1],
    }
    steps = {flag: dict(low=few[0], high=few[-1], step=few[1] - few[0]) for flag, few in values.items()}
    tried = {flag: set() for flag in values}
    with Study(tmp_path / "study.db", read(tmp_path, steps), 0) as study:
        for number in range(25):
            for flag, value in study.ask().values.items():
                tried[flag].add(value)
            study.end(number, "failed")
    for flag, few in values.items():
        assert sorted(tried[flag]) == pytest.approx(few), flag
    assert not [each for each in recwarn if "step" in str(each.message)]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_space(str(tmp_path / "none.json"), NETVLAD)


def test_values_take_their_places(tmp_path):
    dimensions = read(tmp_path, {"model.num-clusters": [8], "model.head": ["moe"], "training.batch-size": [3]})
    changed = with_values(
        NETVLAD, dimensions, {"model.num-clusters": 8, "model.head": "logistic", "training.batch-size": 3}
    )
    assert (changed.model.num_clusters, changed.model.head, changed.training.batch_size) == (8, "logistic", 3)
    assert changed.data == NETVLAD.data
    assert changed.model.hidden_size == NETVLAD.model.hidden_size
