"""The commands of `yt8m`, in the order of a project.

A command imports its libraries only when it runs. That way `--help`, `recipes` and `validate` answer within a second.
A command prints its result and returns the exit status.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping

_MODULES = {
    "download": "downloading",
    **dict.fromkeys(["synth", "inspect", "show", "convert", "split"], "records"),
    "id": "addresses",
    "search": "searching",
    "extract": "extracting",
    **dict.fromkeys(["recipes", "models"], "models"),
    **dict.fromkeys(["check", "profile"], "diagnosing"),
    "pretrain": "pretraining",
    "train": "training",
    "fit": "fitting",
    "tune": "tuning",
    **dict.fromkeys(["runs", "note", "clean"], "runs"),
    "average": "models",
    **dict.fromkeys(["evaluate", "report", "calibrate"], "scores"),
    **dict.fromkeys(["predict", "ensemble", "weigh"], "predictions"),
    "compare": "comparing",
    "label": "labelling",
    "clips": "clips",
    "browse": "browsing",
    **dict.fromkeys(["validate", "score"], "scores"),
    "submit": "training",
    "upload": "scores",
    **dict.fromkeys(["export", "unpack"], "exports"),
    "launch": "distribution",
    "data-service": "serving",
    "completion": "completing",
}
"""The module of this package that defines each command."""

_FUNCTIONS = {"show": "show_video", "id": "find_addresses"}
"""Functions that do not have the name of their command."""


class _Commands(Mapping[str, Callable[..., int]]):
    """The commands by name. A module is imported when one of its commands is looked up."""

    def __getitem__(self, name: str) -> Callable[..., int]:
        module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
        return getattr(module, _FUNCTIONS.get(name, name.replace("-", "_")))

    def __contains__(self, name: object) -> bool:
        return name in _MODULES

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


COMMANDS = _Commands()

RECIPE_COMMANDS = ("check", "profile", "pretrain", "train", "tune", "submit")
"""Commands that take a recipe and the flags of its configuration."""

RUN_FIRST = frozenset(["evaluate", "predict", "calibrate", "export"])
"""Commands of `--run RUN` that take the run in the first place, too: `yt8m evaluate RUN`."""

TAKE_WORDS = frozenset([*RECIPE_COMMANDS, "launch"])
"""Commands that take their arguments as a list of words, as typed. The others take them as parameters."""
