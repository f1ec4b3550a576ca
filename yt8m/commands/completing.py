"""The command `completion`, which makes shells complete the other commands."""

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

    For zsh, save it as _yt8m in a directory of $fpath; for fish, as ~/.config/fish/completions/yt8m.fish.
    The script works without starting Python. Print it again after an update of yt8m.

    Args:
        shell: The shell to write the script for.
    """
    try:
        import shtab
    except ImportError as error:
        raise not_installed("shell completion", "shtab", "completion", error) from None
    show(shtab.complete(_parser(), shell))
    return OK


def list_arguments() -> dict[str, list[argparse.Action]]:
    """Returns the arguments of each command, without `--help` and those of all commands; those of all recipes together."""
    (commands,) = [action for action in _parser()._actions if action.choices]
    left_out = {"--help", *SWITCHES}
    return {
        name: [action for action in parser._actions if not left_out & {*action.option_strings}]
        for name, parser in commands.choices.items()
    }


def _parser() -> argparse.ArgumentParser:
    """Builds a parser that only lists what can be typed; it does not parse."""
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
    """Adds a command's arguments to its parser.

    A command that takes a recipe gets the flags of all recipes, so that the script lists them once, not two dozen times.

    Args:
        parser: the parser to add to.
        name: the name of the command.
        command: the command, from `COMMANDS`.
        known: tyro's arguments of the configurations seen so far, by shape (`_shape`).
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
    """Returns the dataclasses that a configuration consists of. Configurations of one shape have the same flags."""
    if not dataclasses.is_dataclass(value):
        return ()
    return (type(value), *(_shape(getattr(value, field.name)) for field in dataclasses.fields(value)))


def _add(parser: argparse.ArgumentParser, actions: list[argparse.Action], is_of_recipes: bool) -> None:
    """Adds one argument to a parser.

    Args:
        parser: the parser to add to.
        actions: the argument, from one or several parsers.
        is_of_recipes: whether its default depends on the recipe.
    """
    action = actions[0]
    shown = action.metavar or ""
    meaning = _escaped(re.sub(r" \(default: .*", "", action.help or "") if is_of_recipes else action.help or "")
    if action.nargs == 0:
        parser.add_argument(*action.option_strings, dest=action.dest, action="store_true", help=meaning)
        return
    choices = sorted({str(choice) for each in actions for choice in each.choices or ()} - {"None"}) or _names(shown)
    names = action.option_strings or [action.dest]
    # Only the first of several values is completed: otherwise bash would take the next flag for a value.
    nargs = action.nargs if action.nargs == "*" and not action.option_strings else None
    metavar = re.sub(r"\W+", " ", shown).strip()  # zsh would cut the text at a colon
    added = parser.add_argument(*names, metavar=metavar, choices=choices or None, nargs=nargs, help=meaning)
    if place := _place(shown):
        added.complete = place  # type: ignore[attr-defined]


def _names(shown: str) -> list[str]:
    """Returns the choices that a metavar lists; none if it lists no choices."""
    from yt8m.download.layout import PARTITIONS
    from yt8m.models import list_models

    return {"[MODEL]": list_models(), "PARTITION": sorted(PARTITIONS)}.get(shown, [])


def _place(shown: str) -> Any:
    """Returns the completion of files or directories that a metavar asks for; None if it asks for neither."""
    import shtab

    words = set(re.findall("[A-Z]+", shown))
    if words & {"PATH", "FILE"}:
        return shtab.FILE
    return shtab.DIRECTORY if words & {"DIR", "RUN"} else None


def _escaped(text: str) -> str:
    """Escapes percent signs, which argparse would expand."""
    return text.replace("%", "%%")
