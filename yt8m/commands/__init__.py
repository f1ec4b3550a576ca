"""The commands of `yt8m`, in the order of a project.

Every command imports what it needs when it runs, so that `--help`, `recipes` and `validate` answer within a second.
A command prints its result and returns the exit status.
"""

from collections.abc import Callable

from yt8m.commands.completing import completion
from yt8m.commands.distribution import launch
from yt8m.commands.exports import export, unpack
from yt8m.commands.models import average, models, recipes
from yt8m.commands.predictions import ensemble, predict, weigh
from yt8m.commands.records import convert, download, inspect, show_video, split, synth
from yt8m.commands.scores import evaluate, report, score, upload, validate
from yt8m.commands.serving import data_service
from yt8m.commands.training import RECIPE_COMMANDS

_NAMES = {show_video: "show"}
"""Where the command is not called as its function, whose name another has."""

COMMANDS: dict[str, Callable[..., int]] = {
    _NAMES.get(command, command.__name__.replace("_", "-")): command
    for command in (
        *(download, synth, inspect, show_video, convert, split, recipes, models),
        *(RECIPE_COMMANDS[name] for name in ("check", "profile", "train", "tune")),
        *(average, evaluate, report, predict, ensemble, weigh, validate, score, RECIPE_COMMANDS["submit"], upload),
        *(export, unpack, launch, data_service, completion),
    )
}

TAKE_WORDS = frozenset([*RECIPE_COMMANDS, "launch"])
"""Commands that are given their arguments as they are typed, a list of words; the others get them as parameters."""
