"""Named, complete configurations. Every model has a recipe of the same name. Some published settings have recipes too.

A recipe is a function without arguments that returns a `RunConfig`. Its docstring says what it is for; `yt8m recipes` shows
the first line. Flags change single fields: `yt8m train moe --training.num-steps 500`. The modules have the names of those in
`yt8m.models`.
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
