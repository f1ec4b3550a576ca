"""Types of fields in a configuration, and how help shows them."""

from typing import Annotated

import tyro

from yt8m.errors import InputError
from yt8m.values import Range

NonNegative = Annotated[float, Range(least=0)]

Positive = Annotated[float, Range(above=0)]

Share = Annotated[float, Range(least=0, below=1)]

PositiveShare = Annotated[float, Range(above=0, most=1)]


def hint(default: str) -> str:
    """The end of a help text. Help does not show an empty default."""
    return f"(default: {default})" if default.strip("'\"") else ""


Path = Annotated[str, tyro.conf.arg(metavar="PATH", help_behavior_hint=hint)]

Paths = Annotated[tuple[str, ...], tyro.conf.arg(metavar="PATH [PATH ...]", help_behavior_hint=hint)]


def require(condition: bool, message: str) -> None:
    """Raises InputError with the message unless the condition holds."""
    if not condition:
        raise InputError(message)


def flag(section: str, field: str) -> str:
    """`--training.num-steps`, as the user types it."""
    return f"--{section}.{field.replace('_', '-')}"
