"""Flags made from a configuration are read back as that configuration."""

import dataclasses
import shlex

import pytest

from yt8m.commands.configuring import configure
from yt8m.recipes import list_recipes, make_config
from yt8m.recipes.command_line import flags_of, in_shell, train_command

CHANGES = {
    "data": {
        "train": ("a b.tfrecord", "c*.tfrecord"),
        "features": ("audio",),
        "deterministic": False,
        "segment_context": "video",
        "fold": "0/5",
    },
    "training": {"learning_rate": 1.25e-7, "xla": True, "num_steps": 12, "schedule": "cosine", "initial_run": "-odd"},
    "loss": {"kind": "focal", "label_smoothing": 0.1},
    "distill": {"teacher": "run's", "weight": 1.0},
    "distribute": {"strategy": "one"},
}


@pytest.mark.parametrize("name", ["moe", "netvlad", "transformer", "mix_nextvlad"])
def test_flags_say_what_differs_from_the_recipe(name):
    recipe = make_config(name)
    # A recipe may have epochs, which make room for steps.
    free = dataclasses.replace(recipe, training=recipe.training.in_place_of(num_steps=1))
    sections = {section: dataclasses.replace(getattr(free, section), **fields) for section, fields in CHANGES.items()}
    changed = dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, l2=0.125), **sections)
    words = train_command(changed, recipe, "my run")
    assert words[:2] == ["train", name]
    assert configure("train", words[1:]) == dataclasses.replace(changed, run="my run")
    assert shlex.split(in_shell(words)) == words


@pytest.mark.parametrize("name", ["moe", "netvlad"])
@pytest.mark.parametrize(
    "lengths",
    [
        {"num_epochs": 2.5},
        {"num_steps": 7},
        {"validate_every_epochs": 0.25},
        {"validate_every_minutes": 10.0},
        {"num_epochs": 3.0, "validate_every_minutes": 0.5},
        {"num_steps": 7, "validate_every_steps": 3},
    ],
)
def test_steps_that_follow_from_epochs_or_minutes_are_no_flags(name, lengths):
    recipe = make_config(name)
    wanted = dataclasses.replace(recipe, training=recipe.training.in_place_of(**lengths))
    counted = dataclasses.replace(wanted, training=wanted.training.counted(1000))
    words = train_command(counted, recipe, "run")
    assert {each for each in words if "every" in each or "num-steps" in each or "num-epochs" in each} == {
        f"--training.{field.replace('_', '-')}" for field in lengths
    }
    assert configure("train", words[1:]) == dataclasses.replace(wanted, run="run")


def test_what_does_not_differ_is_left_out():
    assert all(flags_of(make_config(name), make_config(name)) == [] for name in list_recipes())
