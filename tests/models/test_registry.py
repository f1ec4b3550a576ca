"""Models by name."""

import dataclasses
import subprocess
import sys

import pytest

import yt8m
from yt8m.config import Architecture
from yt8m.errors import InputError
from yt8m.models import ARCHITECTURES, build_model, hyperparameters_of, list_models, make_architecture


def test_models_are_listed_sorted():
    assert list_models() == sorted(ARCHITECTURES)
    assert yt8m.list_models() == list_models()
    assert {"logistic", "moe", "frame_logistic", "dbof", "netvlad"} <= set(list_models())


@pytest.mark.parametrize("call", [build_model, make_architecture, hyperparameters_of])
def test_an_unknown_model_is_an_error_that_lists_the_known(call):
    with pytest.raises(InputError, match="unknown model 'netvald'") as caught:
        call("netvald")
    assert all(name in str(caught.value) for name in list_models())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", list_models())
def test_an_unknown_hyperparameter_is_an_error_that_lists_the_known(name):
    with pytest.raises(InputError, match="'num_cluster'") as caught:
        build_model(name, 5, num_cluster=3)
    assert name in str(caught.value)
    assert all(known in str(caught.value) for known in hyperparameters_of(name))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build_model("netvald"), "unknown model 'netvald'; did you mean netvlad? Known: "),
        (lambda: build_model(["netvlad"]), "name is ['netvlad']; it must be text"),
        (
            lambda: build_model("netvlad", num_cluster=8),
            "unknown hyper-parameter of netvlad 'num_cluster'; did you mean num_clusters? Known: ",
        ),
        (lambda: build_model("netvlad", num_classes=0), "num_classes is 0; it must be at least 1"),
        (lambda: build_model("netvlad", num_classes=6.5), "num_classes is 6.5; it must be a whole number"),
        (lambda: build_model("netvlad", num_clusters="8"), "num_clusters is '8'; it must be a whole number"),
        (lambda: build_model("netvlad", num_clusters=0), "num_clusters is 0; it must be at least 1"),
        (lambda: build_model("netvlad", dropout="a"), "dropout is 'a'; it must be a finite number"),
        (lambda: build_model("netvlad", dropout=2.0), "dropout is 2.0; it must be at least 0 and below 1"),
        (lambda: build_model("netvlad", context_gating=1), "context_gating is 1; it must be true or false"),
        (lambda: build_model("logistic", initial_bias=None), "initial_bias is None; it must be a finite number"),
        (lambda: build_model("netvlad", features="rgb"), "features is 'rgb'; it must be a list"),
        (
            lambda: build_model("netvlad", features=["smell"]),
            "features has 'smell'; it must be rgb or audio, or one of your own as NAME:SIZE",
        ),
        (lambda: build_model("netvlad", features=()), "features are empty; give one or more of rgb, audio"),
    ],
)
def test_what_a_caller_gets_wrong_is_one_line(call, message):
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", list_models())
def test_architectures_are_frozen_and_documented(name):
    architecture = make_architecture(name)
    assert isinstance(architecture, Architecture)
    assert (architecture.name, architecture.level in ("frame", "video")) == (name, True)
    assert type(architecture).__doc__.strip()
    assert "(" not in type(architecture).__doc__.splitlines()[0].split()[0], "the docstring is the generated one"
    for field in dataclasses.fields(architecture):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(architecture, field.name, getattr(architecture, field.name))


def test_hyperparameters_reach_the_architecture():
    architecture = make_architecture("netvlad", num_clusters=7, head="logistic")
    assert (architecture.num_clusters, architecture.head, architecture.hidden_size) == (7, "logistic", 1024)


def test_listing_models_does_not_load_keras():
    code = "import sys, yt8m.models as m; m.list_models(); print(*({'keras', 'tensorflow'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("netvlad", {"num_clusters": 0}),
        ("netvlad", {"hidden_size": -1}),
        ("netvlad", {"dropout": 1.5}),
        ("netvlad", {"head": "linear"}),
        ("netvlad", {"l2": -1.0}),
        ("moe", {"num_mixtures": 0}),
        ("dbof", {"activation": "foo"}),
        ("dbof", {"pooling": "foo"}),
        ("nextvlad", {"num_groups": 3}),
        ("nextvlad", {"num_groups": 1024}),
        ("nextvlad", {"expansion": 0}),
        ("nextvlad", {"gating_reduction": 0}),
        ("mix_nextvlad", {"num_branches": 1}),
        ("mix_nextvlad", {"temperature": -1.0}),
    ],
)
def test_hyperparameters_out_of_range(name, values):
    (hyperparameter,) = values
    with pytest.raises(InputError, match=hyperparameter.replace("_", "[-_]")):
        build_model(name, 5, **{"num_clusters": 4, "hidden_size": 4} | values if name != "moe" else values)


def test_unknown_features():
    for features in ((), ("smell",)):
        with pytest.raises(InputError):
            build_model("logistic", 5, features=features)
