"""Parameter counts at full size: published ones, and some worked out by hand."""

import re
from dataclasses import asdict

import pytest
from small_models import parameters_of

from yt8m.models import build_model
from yt8m.recipes import RECIPES, list_recipes, make_config

# The formulas are checked against small models in test_every_model.py, so that nothing of this size must be built.


@pytest.mark.parametrize(
    ("name", "published", "size"),
    [
        ("netvlad", 297e6, {"num_clusters": 128, "hidden_size": 2048, "head": "logistic", "probability_gating": False}),
        ("nextvlad", 89e6, {"num_clusters": 128, "hidden_size": 2048, "num_groups": 8}),
        ("nextvlad", 79e6, {"num_clusters": 112, "hidden_size": 2048, "num_groups": 8}),
    ],
)
def test_published_sizes(name, published, size):
    assert parameters_of(name, 3862, **size) == pytest.approx(published, rel=0.01)


@pytest.mark.parametrize("name", [name for name in list_recipes() if not name.endswith(("sample", "_reference"))])
def test_a_recipe_s_docstring_has_its_command_its_parameters_and_the_time_of_a_step(name):
    model, text = make_config(name).model, " ".join(RECIPES[name].__doc__.split())
    count = parameters_of(model.name, 3862, **asdict(model)) / 1e6
    stated = [float(number) for number in re.findall(r"(\d+\.\d) million parameters", text)]
    assert stated[0] == pytest.approx(count, abs=0.051)
    assert f"`yt8m train {name} --data.root DATA --run runs/{name}" in text
    assert re.search(r"A step takes \d+(\.\d+)? s on 2 cores\.", text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("netvlad", 321_541_224),
        ("netvlad_128", 297_614_358),
        ("netrvlad", 321_262_696),
        ("netfv", 321_401_192),
        ("nextvlad", 88_972_322),
        ("nextvlad_112", 79_241_122),
        ("mix_nextvlad", 236_157_033),
    ],
)
def test_recipes_have_the_parameters_they_say(name, expected):
    model = make_config(name).model
    assert parameters_of(model.name, 3862, **asdict(model)) == expected
    assert f"{expected / 1e6:.1f} million parameters" in " ".join(RECIPES[name].__doc__.split())


def test_deep_bag_of_frames_has_94_million():
    size = {"num_clusters": 3000, "hidden_size": 2000, "num_mixtures": 5}
    assert parameters_of("dbof", 3862, **size) == pytest.approx(94.46e6, abs=0.01e6)


LOGISTIC = (1024 + 128) * 3862 + 3862
MIXTURE = (1024 + 128) * 3862 * (3 + 2) + 3862 * 2


@pytest.mark.parametrize(
    ("name", "expected"), [("logistic", 4_452_886), ("frame_logistic", 4_452_886), ("moe", 22_252_844)]
)
def test_linear_models_at_full_size(name, expected):
    assert expected == {"moe": MIXTURE}.get(name, LOGISTIC)
    assert parameters_of(name, 3862) == expected
    assert build_model(name).count_params() == expected
