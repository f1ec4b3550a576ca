"""Makes a configuration from `RECIPE [flags]` on the command line."""

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from yt8m.commands import COMMANDS
from yt8m.commands.arguments import parse
from yt8m.commands.flags import Json
from yt8m.commands.streams import show
from yt8m.config import RunConfig
from yt8m.config.fields import flag
from yt8m.config.training import LENGTHS
from yt8m.errors import InputError, unknown_name


@dataclass(frozen=True)
class JsonFlags:
    """The flags of `check`, `train` and `submit` beside a configuration."""

    config: Annotated[RunConfig, tyro.conf.arg(name="")]
    json: Json = False
    """Print one JSON object."""


def example(command: str, recipe: str, directory: str) -> str:
    """Returns a command line to type, with records in a directory."""
    run = f" --run runs/{recipe}" if command in ("pretrain", "train", "submit") else ""
    if command == "pretrain":
        run = f" --run runs/{recipe}-pretrained"
    if command == "tune":
        run = f" --space space.json --trials 30 --run runs/{recipe}-tuned"
    return f"yt8m {command} {recipe} --data.root {directory}{run}"


def _introduce(command: str) -> None:
    """Prints the help of a command without a recipe, with a list of all recipes."""
    from yt8m import recipes

    names = "\n".join(f"  {name:<20} {recipes.describe(name)}" for name in recipes.list_recipes())
    show(
        f"usage: yt8m {command} RECIPE [flags]\n\n{inspect.getdoc(COMMANDS[command])}\n\n"
        f"Example: {example(command, 'sample', 'data/sample')}\n\nRecipes:\n{names}\n\n"
        f"`yt8m {command} RECIPE --help` lists the flags and their values in that recipe."
    )


def _refuse_model_flag(flags: list[str], command: str) -> None:
    """Raises InputError for a flag that names a model: the recipe chooses the model."""
    from yt8m.models import list_models

    for place, each in enumerate(flags):
        name, _, value = each.partition("=")
        if name in ("--model", "--model.name"):
            value = value or next(iter(flags[place + 1 :]), "")
            if value not in list_models():
                raise InputError(unknown_name("model", value, list_models()))
            raise InputError(f"{name} is no flag, as the recipe chooses the model: yt8m {command} {value}")


def _leave_room(config: RunConfig, flags: list[str]) -> RunConfig:
    """Takes the recipe's steps or epochs away where the other one is typed, because they exclude each other."""
    typed = {each.partition("=")[0].replace("_", "-") for each in flags}
    given = [field for field in LENGTHS if flag("training", field) in typed]
    return dataclasses.replace(config, training=config.training.in_place_of(**dict.fromkeys(given, 1)))


def configure(command: str, arguments: list[str], add_flags: Callable[[RunConfig], Any] = lambda config: config) -> Any:
    """Returns the configuration that `RECIPE [flags]` describes; None if help was asked for.

    Args:
        command: the name of the command.
        arguments: its arguments as typed.
        add_flags: adds the command's own flags to the configuration.
    """
    from yt8m import recipes

    if not arguments:
        raise InputError(f"no recipe; write yt8m {command} RECIPE [flags] (see yt8m recipes)")
    if arguments[0] in ("-h", "--help"):
        _introduce(command)
        return None
    name, *flags = arguments
    if name.startswith("-"):
        raise InputError(f"{name} comes before the recipe; write yt8m {command} RECIPE {name} ... (see yt8m recipes)")
    if name not in recipes.list_recipes():
        raise InputError(unknown_name("recipe", name, recipes.list_recipes()))
    _refuse_model_flag(flags, command)
    defaults = add_flags(_leave_room(recipes.make_config(name), flags))
    about = inspect.cleandoc(recipes.RECIPES[name].__doc__ or "")
    description = f"{about}\n\nExample: {example(command, name, 'DIR')}"
    return parse(type(defaults), flags, f"yt8m {command} {name}", default=defaults, description=description)
