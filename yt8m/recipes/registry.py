"""The registry of recipes."""

import dataclasses
from collections.abc import Callable

from yt8m.config import RunConfig
from yt8m.errors import InputError, unknown_name

RECIPES: dict[str, Callable[[], RunConfig]] = {}


def recipe(function: Callable[[], RunConfig]) -> Callable[[], RunConfig]:
    """Decorator: registers a recipe under the function's name, and writes that name into its configuration."""
    RECIPES[function.__name__] = function
    return function


def list_recipes() -> list[str]:
    """The names that `make_config` knows, ordered by level and family of models."""
    return list(RECIPES)


def describe(name: str) -> str:
    """The first line of a recipe's docstring."""
    return (RECIPES[name].__doc__ or "").strip().splitlines()[0]


def make_config(name: str) -> RunConfig:
    """The complete configuration of a recipe.

    Raises: InputError: no such recipe; the message lists them.
    """
    if name not in RECIPES:
        raise InputError(unknown_name("recipe", name, list(RECIPES)))
    return dataclasses.replace(RECIPES[name](), recipe=name)
