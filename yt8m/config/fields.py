"""Types of fields in a configuration, and how help shows them."""

from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple

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


def unless_none(metavar: str) -> Any:
    """tyro's option for a field that may be None. Help shows other defaults alone."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint=lambda default: hint(default.replace("None", "")))


Path = Annotated[str, tyro.conf.arg(metavar="PATH", help_behavior_hint=hint)]

Layers = Annotated[tuple[str, ...], tyro.conf.arg(metavar="LAYER [LAYER ...]", help_behavior_hint=hint)]

LayerFactors = Annotated[
    tuple[str, ...], tyro.conf.arg(metavar="LAYER=FACTOR [LAYER=FACTOR ...]", help_behavior_hint=hint)
]

Paths = Annotated[tuple[str, ...], tyro.conf.arg(metavar="PATH [PATH ...]", help_behavior_hint=hint)]


class LayerFactor(NamedTuple):
    """A factor on the learning rate of some layers."""

    pattern: str
    """A pattern of layers' names, as for `fnmatch`."""
    factor: float
    """At least 0."""


def split_at_commas(values: Iterable[str]) -> tuple[str, ...]:
    """The words of values that have commas between them, as users may write `a,b` for `a b`."""
    return tuple(word for value in values for word in value.replace(",", " ").split())


def parse_factor(text: str, name: str) -> LayerFactor:
    """Reads `PATTERN=FACTOR`.

    Args:
        text: the user's value.
        name: the flag, for the message.

    Raises:
        InputError: it is not of this form, or the factor is no finite number of at least 0.
    """
    pattern, equals, number = text.rpartition("=")
    try:
        factor = float(number)
    except ValueError:
        factor = -1.0
    require(
        bool(pattern and equals) and 0 <= factor < float("inf"),
        f"{name} has {text!r}; write LAYER=FACTOR, with a factor of at least 0, such as head=10",
    )
    return LayerFactor(pattern, factor)


def require(condition: bool, message: str) -> None:
    """Raises InputError with the message unless the condition holds."""
    if not condition:
        raise InputError(message)


def flag(section: str, field: str) -> str:
    """`--training.num-steps`, as the user types it."""
    return f"--{section}.{field.replace('_', '-')}"
