"""Turns a configuration into the flags that a person would type."""

import dataclasses
import shlex
from collections.abc import Iterator
from typing import Any

from yt8m.config import RunConfig

SECTIONS = ("model", "data", "training", "loss", "distill")
"""The parts of a configuration that describe what is learned and how."""


def flags_of(config: RunConfig, recipe: RunConfig) -> list[str]:
    """The flags that turn a recipe's configuration into another one, without `--run` and without what follows from them.

    Args:
        config: the wanted configuration.
        recipe: the configuration of its recipe.
    """
    flags: list[str] = []
    for section in (*SECTIONS, "distribute"):
        here, there = getattr(config, section), getattr(recipe, section)
        derived = config.training.derived if section == "training" else ()
        for field in dataclasses.fields(here):
            value = getattr(here, field.name)
            # None leaves room for another flag.
            if field.name not in derived and value is not None and value != getattr(there, field.name):
                flags += _flag(section, field.name, value)
    return flags


def _flag(section: str, field: str, value: Any) -> Iterator[str]:
    name = field.replace("_", "-")
    if isinstance(value, bool):
        yield f"--{section}.{name}" if value else f"--{section}.no-{name}"
    elif isinstance(value, tuple):
        yield f"--{section}.{name}"
        yield from map(str, value)
    elif str(value).startswith("-"):  # otherwise it would look like a flag
        yield f"--{section}.{name}={value}"
    else:
        yield f"--{section}.{name}"
        yield str(value)


def train_command(config: RunConfig, recipe: RunConfig, run: str) -> list[str]:
    """The words after `yt8m` of the command that trains a configuration in a run directory."""
    log = ["--log", *config.log] if config.log else []
    return ["train", config.recipe, *flags_of(config, recipe), *log, "--run", run]


def in_shell(words: list[str]) -> str:
    """Words as typed in a shell."""
    return shlex.join(words)
