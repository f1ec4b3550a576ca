"""Checks values of configuration fields and of arguments by their annotations.

The same check serves flags, `config.json` and calls from Python::

    num_steps: PositiveInt = 10_000         # Annotated[int, Range(least=1)]
    schedule: Literal["cosine", "constant"] = "constant"

It checks numbers, text, truth values, literals, and tuples and unions of these. It leaves other annotations alone.
"""

import dataclasses
import functools
import inspect
import math
import numbers
import os
import re
import reprlib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from yt8m.errors import InputError, unknown_name

LARGEST_PORT = (1 << 16) - 1
_SHORTENED = reprlib.Repr()
_SHORTENED.maxstring = _SHORTENED.maxother = _SHORTENED.maxlong = 500
_ADDRESS = re.compile(r"(?:grpc://)?([\w.-]+:(\d{1,5}))", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """The numbers within some bounds, for an `Annotated` type."""

    least: float = -math.inf
    above: float = -math.inf
    most: float = math.inf
    below: float = math.inf

    def __contains__(self, value: float) -> bool:
        # Infinity is outside every range, and every comparison with NaN is false.
        return self.least <= value <= self.most and self.above < value < self.below

    def __str__(self) -> str:
        if math.isfinite(self.least) and math.isfinite(self.most):
            return f"from {self.least} to {self.most}"
        if self.least == 0 and not math.isfinite(self.below):
            return "0 or more"
        bounds = {"at least": self.least, "above": self.above, "at most": self.most, "below": self.below}
        return " and ".join(f"{word} {bound}" for word, bound in bounds.items() if math.isfinite(bound))


LARGEST_SEED = 2**32 - 1

PositiveInt = Annotated[int, Range(least=1)]
NonNegativeInt = Annotated[int, Range(least=0)]
Float32 = Annotated[float, Range(least=-3.4e38, most=3.4e38)]
"""A number that float32 can hold."""
PositiveFloat32 = Annotated[float, Range(least=1.2e-38, most=3.4e38)]
"""A number above 0 that float32 can hold with all its digits."""
Seed = Annotated[int, Range(least=0, most=LARGEST_SEED)]


class _Unfit(Exception):
    """A wrong value, and what it must be."""

    def __init__(self, value: Any, wanted: str, verb: str = "is"):
        self.value, self.wanted, self.verb = value, wanted, verb


_KINDS = {
    bool: ((bool,), "true or false"),
    int: ((numbers.Integral,), "a whole number"),
    float: ((numbers.Real,), "a finite number"),
    str: ((str, os.PathLike), "text"),
}


def _fit_primitive(value: Any, wanted: type) -> Any:
    accepted, description = _KINDS[wanted]
    if hasattr(value, "dtype") and hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()  # a NumPy number
    if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
        raise _Unfit(value, description)
    try:
        fitted = os.fspath(value) if wanted is str else wanted(value)
    except OverflowError:
        raise _Unfit(value, description) from None
    if type(fitted) is not wanted or (wanted is float and not math.isfinite(fitted)):
        raise _Unfit(value, description)
    return fitted


def _fit(value: Any, wanted: Any) -> Any:
    origin, parts = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is Annotated:
        value = _fit(value, parts[0])
        for bounds in parts[1:]:
            if isinstance(bounds, Range) and isinstance(value, numbers.Real) and value not in bounds:
                raise _Unfit(value, str(bounds))
        return value
    if origin in (typing.Union, types.UnionType):
        others = [part for part in parts if part is not type(None)]
        if value is None and len(others) < len(parts):
            return None
        return _fit_any(value, others)
    if origin is Literal:
        if not any(type(value) is type(choice) and value == choice for choice in parts):
            raise _Unfit(value, f"one of {', '.join(map(repr, parts))}" if len(parts) > 1 else repr(parts[0]))
        return value
    if origin is tuple:
        return _fit_tuple(value, parts)
    return _fit_primitive(value, wanted) if wanted in _KINDS else value


def _fit_any(value: Any, choices: list) -> Any:
    """Fits a value to the first of several annotations that takes it."""
    wanted = []
    for choice in choices:
        try:
            return _fit(value, choice)
        except _Unfit as error:
            wanted.append(error.wanted)
    raise _Unfit(value, " or ".join(dict.fromkeys(wanted)))


def _fit_tuple(value: Any, parts: tuple) -> tuple:
    if not isinstance(value, list | tuple):
        raise _Unfit(value, "a list")
    if len(parts) == 2 and parts[1] is Ellipsis:
        parts = (parts[0],) * len(value)
    if len(value) != len(parts):
        raise _Unfit(value, f"a list of {len(parts)}")
    try:
        return tuple(_fit(each, part) for each, part in zip(value, parts, strict=True))
    except _Unfit as error:
        raise _Unfit(error.value, error.wanted, "has") from None


def fit(value: Any, wanted: Any, name: str) -> Any:
    """Converts a value to its annotated type: a NumPy integer to `int`, a list to a tuple.

    Args:
        value: any value.
        wanted: an annotation.
        name: the value's name in the message.

    Raises:
        InputError: ``NAME is VALUE; it must be ...``.
    """
    try:
        return _fit(value, wanted)
    except _Unfit as error:
        raise InputError(f"{name} {error.verb} {_SHORTENED.repr(error.value)}; it must be {error.wanted}") from None


def same(name: str) -> str:
    """The name of a field or parameter, unchanged, as Python users know it."""
    return name


def fit_all(
    given: Mapping[str, Any], wanted: Mapping[str, Any], name_of: Callable[[str], str] = same
) -> dict[str, Any]:
    """Fits each value to its annotation, if it has one. Raises InputError as `fit` does."""
    return {key: fit(value, wanted.get(key), name_of(key)) for key, value in given.items()}


def fit_fields(instance: Any, wanted: Mapping[str, Any] | None = None, name_of: Callable[[str], str] = same) -> None:
    """Fits the fields of a dataclass in place, even of a frozen one. Call it in `__post_init__`.

    Args:
        instance: an instance of a dataclass.
        wanted: annotations by field; None = those of the class.
        name_of: makes a field's name in messages.
    """
    given = {field.name: getattr(instance, field.name) for field in dataclasses.fields(instance)}
    if wanted is None:
        wanted = typing.get_type_hints(type(instance), include_extras=True)
    for key, value in fit_all(given, wanted, name_of).items():
        object.__setattr__(instance, key, value)


def fit_arguments(
    function: Callable,
    args: tuple,
    kwargs: Mapping[str, Any],
    name_of: Callable[[str], str] = same,
    options_of: Sequence[Callable] = (),
) -> inspect.BoundArguments:
    """Fits the arguments of a call to the function's annotations.

    Args:
        function: the function to call.
        args, kwargs: the arguments.
        name_of: makes a parameter's name in messages.
        options_of: what gets the further keyword arguments, if `function` passes them all on: functions or dataclasses.

    Raises:
        InputError: an argument has a wrong value or an unknown name.
        TypeError: an argument is missing or given twice.
    """
    signature = inspect.signature(function)
    known = {name: each for name, each in signature.parameters.items() if each.kind is not each.VAR_KEYWORD}
    takes_any = len(known) < len(signature.parameters) and not options_of
    for passed in options_of:
        options = inspect.signature(passed).parameters
        known |= {name: each for name, each in options.items() if each.kind is each.KEYWORD_ONLY and name not in known}
    for name in kwargs:
        if name not in known and not takes_any:
            raise InputError(unknown_name(f"option of {function.__name__}", name, list(known)))
    wanted = {name: each.annotation for name, each in known.items()}
    bound = signature.bind(*args, **fit_all(kwargs, wanted, name_of))
    bound.arguments |= fit_all(bound.arguments, wanted, name_of)
    return bound


def checked(function: Callable | None = None, *, options_of: Sequence[Callable] = ()) -> Callable:
    """Decorator: wrong and unknown arguments raise an InputError of one line.

    Args:
        function: the function to decorate.
        options_of: see `fit_arguments`.
    """
    if function is None:
        return functools.partial(checked, options_of=options_of)

    @functools.wraps(function)
    def call(*args, **kwargs):
        bound = fit_arguments(function, args, kwargs, options_of=options_of)
        return function(*bound.args, **bound.kwargs)

    return call


def parse_address(text: str, name: str) -> str:
    """The address of a tf.data service: `host:5050` for `host:5050` or `grpc://host:5050`.

    Args:
        text: the user's value.
        name: the flag, for the message.

    Raises:
        InputError: it is not such an address.
    """
    found = _ADDRESS.fullmatch(text)
    if not found or not 1 <= int(found[2]) <= LARGEST_PORT:
        raise InputError(f"{name} is {text!r}; write HOST:PORT, as yt8m data-service prints it")
    return found[1]
