"""Named, complete configurations. Every model has a recipe of the same name; published settings have recipes besides.

A recipe is a function without arguments that returns a `RunConfig`; its docstring says what it is for, and its first
line is what `yt8m recipes` shows. Flags change single fields: `yt8m train moe --training.num-steps 500`. Those of a
family of models are in the module named as that of the models.
"""

from yt8m.recipes import sample, video, frame, vlad, sequence  # noqa: I001, the order in which recipes are listed
from yt8m.recipes.registry import RECIPES, describe, list_recipes, make_config, recipe

__all__ = [
    "RECIPES",
    "describe",
    "frame",
    "list_recipes",
    "make_config",
    "recipe",
    "sample",
    "sequence",
    "video",
    "vlad",
]
