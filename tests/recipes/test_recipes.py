"""Recipes by name."""

import pytest

import yt8m
from yt8m.config import RunConfig
from yt8m.errors import InputError
from yt8m.models import list_models
from yt8m.recipes import RECIPES, describe, list_recipes, make_config


def test_every_model_has_a_recipe_of_its_name():
    assert set(list_models()) <= set(list_recipes())
    for name in list_models():
        assert make_config(name).model.name == name


@pytest.mark.parametrize("name", list_recipes())
def test_a_recipe_is_complete_and_knows_its_name(name):
    config = make_config(name)
    assert isinstance(config, RunConfig)
    assert config.recipe == name
    assert config.run == "", "where a run lies is the user's to say"
    assert not any((config.data.root, config.data.train, config.data.validate, config.data.test))


@pytest.mark.parametrize("name", list_recipes())
def test_a_recipe_says_what_it_is_for_in_one_line(name):
    assert 20 <= len(describe(name)) <= 120
    assert describe(name) == RECIPES[name].__doc__.strip().splitlines()[0]
    assert describe(name).endswith(".")


@pytest.mark.parametrize("name", list_recipes())
def test_a_recipe_is_the_same_every_time(name):
    assert make_config(name) == make_config(name)


def test_the_published_netvlad():
    """arXiv 1706.06905: batch 80, learning rate 2e-4, times 0.8 every 4 million examples, 300 sampled frames."""
    config = make_config("netvlad")
    assert (config.training.batch_size, config.training.learning_rate) == (80, 2e-4)
    assert (config.training.learning_rate_decay, config.training.learning_rate_decay_examples) == (0.8, 4_000_000)
    assert (config.model.num_clusters, config.model.hidden_size, config.model.num_mixtures) == (256, 1024, 2)
    assert config.model.context_gating
    assert config.model.probability_gating
    assert config.data.num_frames == 300


def test_unknown_recipes_are_an_error_that_lists_the_known():
    with pytest.raises(InputError, match="unknown recipe 'mo'") as caught:
        make_config("mo")
    assert all(name in str(caught.value) for name in list_recipes())
    assert "\n" not in str(caught.value)


def test_recipes_are_public():
    assert yt8m.list_recipes() == list_recipes()
    assert yt8m.make_config("moe") == make_config("moe")
