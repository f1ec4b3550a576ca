"""The command that makes shells complete the others: `completion`."""

import argparse
import dataclasses
import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

import tyro

from yt8m.commands import COMMANDS, RECIPE_COMMANDS, TAKE_WORDS
from yt8m.commands.arguments import actions_of, deferred, described
from yt8m.commands.flags import SWITCHES
from yt8m.commands.streams import show
from yt8m.errors import OK, not_installed


def completion(shell: Annotated[Literal["bash", "zsh", "fish"], tyro.conf.Positional]) -> int:
    """Print a script that completes commands, recipes, flags, choices and files.

    Example: yt8m completion bash > ~/.local/share/bash-completion/completions/yt8m

    For zsh, a file named _yt8m in a directory of $fpath; for fish, ~/.config/fish/completions/yt8m.fish. The script answers by
    itself: it does not start Python. Print it again after an update of yt8m.

    Args:
        shell: The one that reads the script.
    """
    try:
        import shtab
    except ImportError as error:
        raise not_installed("shell completion", "shtab", "completion", error) from None
    show(shtab.complete(_parser(), shell))
    return OK


def _parser() -> argparse.ArgumentParser:
    """A parser that knows what there is to type, and is not for parsing."""
    parser = argparse.ArgumentParser("yt8m")
    parser.add_argument("--version", action="store_true", help="Print the version.")
    _add_switches(parser)
    commands = parser.add_subparsers()
    known: dict[Any, list[argparse.Action]] = {}
    for name, command in COMMANDS.items():
        summary = _escaped((inspect.getdoc(command) or "").splitlines()[0])
        _add_arguments(commands.add_parser(name, help=summary, description=summary), name, command, known)
    return parser


def _add_arguments(
    parser: argparse.ArgumentParser, name: str, command: Callable[..., int], known: dict[Any, list[argparse.Action]]
) -> None:
    """Gives a command's parser its arguments.

    The flags of a command that takes a recipe are those of all recipes, so that the script has them once, not two dozen times.

    Args:
        parser: what they are added to.
        name: the command's.
        command: as in `COMMANDS`.
        known: what tyro makes of the configurations seen so far, by their shapes.
    """
    from yt8m.recipes import list_recipes

    _add_switches(parser)
    if name in RECIPE_COMMANDS:
        recipes = list_recipes()
        parser.add_argument("recipe", choices=recipes, help="A complete configuration.")
        targets = [each for recipe in recipes for each in described(lambda recipe=recipe: command([recipe]))]
    elif name in TAKE_WORDS:
        targets = described(lambda: command([]))
    else:
        targets = [(deferred(command), {})]
    merged: dict[str, list[argparse.Action]] = {}
    for target, options in targets:
        shape = (target, _shape(options.get("default")))
        if shape not in known:
            known[shape] = actions_of(target, options)
        for action in known[shape]:
            merged.setdefault(action.dest, []).append(action)
    for actions in merged.values():
        _add(parser, actions, is_of_recipes=name in RECIPE_COMMANDS)


def _add_switches(parser: argparse.ArgumentParser) -> None:
    for switch, meaning in SWITCHES.items():
        parser.add_argument(switch, action="store_true", help=meaning)


def _shape(value: Any) -> tuple:
    """Which dataclasses a configuration is made of; two of one shape have the same flags."""
    if not dataclasses.is_dataclass(value):
        return ()
    return (type(value), *(_shape(getattr(value, field.name)) for field in dataclasses.fields(value)))


def _add(parser: argparse.ArgumentParser, actions: list[argparse.Action], is_of_recipes: bool) -> None:
    """Adds one argument to a parser.

    Args:
        parser: what it is added to.
        actions: the argument, as it is in one or several parsers.
        is_of_recipes: whether its default is another in every recipe.
    """
    action = actions[0]
    shown = action.metavar or ""
    meaning = _escaped(re.sub(r" \(default: .*", "", action.help or "") if is_of_recipes else action.help or "")
    if action.nargs == 0:
        parser.add_argument(*action.option_strings, dest=action.dest, action="store_true", help=meaning)
        return
    choices = sorted({str(choice) for each in actions for choice in each.choices or ()} - {"None"}) or _names(shown)
    names = action.option_strings or [action.dest]
    # Of a flag with several values one is completed: bash would else take the next flag for another value.
    nargs = action.nargs if action.nargs == "*" and not action.option_strings else None
    metavar = re.sub(r"\W+", " ", shown).strip()  # a colon would end what zsh shows
    added = parser.add_argument(*names, metavar=metavar, choices=choices or None, nargs=nargs, help=meaning)
    if place := _place(shown):
        added.complete = place  # type: ignore[attr-defined]


def _names(shown: str) -> list[str]:
    """What can be typed where help shows this, if that is known."""
    from yt8m.download.layout import PARTITIONS
    from yt8m.models import list_models

    return {"[MODEL]": list_models(), "PARTITION": sorted(PARTITIONS)}.get(shown, [])


def _place(shown: str) -> Any:
    """Whether files or directories are taken where help shows this; None if neither."""
    import shtab

    words = set(re.findall("[A-Z]+", shown))
    if words & {"PATH", "FILE"}:
        return shtab.FILE
    return shtab.DIRECTORY if words & {"DIR", "RUN"} else None


def _escaped(text: str) -> str:
    """For argparse, which fills in what follows a percent sign."""
    return text.replace("%", "%%")
