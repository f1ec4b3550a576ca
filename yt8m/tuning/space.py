"""The space file of `yt8m tune`: the flags to search over, and their values.

A JSON object from flags to a list of choices, or to a range::

    {
      "training.learning-rate": {"low": 1e-4, "high": 1e-2, "log": true},
      "model.hidden-size": {"low": 256, "high": 1024, "step": 256},
      "model.head": ["moe", "logistic"]
    }
"""

import dataclasses
import types
import typing
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from yt8m.config import RunConfig
from yt8m.config.training import EXCLUDING, LENGTHS
from yt8m.errors import InputError, unknown_name
from yt8m.files import read_json
from yt8m.recipes.command_line import SECTIONS
from yt8m.recipes.flag_names import meant_by
from yt8m.values import fit

_FIXED = {f"data.{name}" for name in ("root", "train", "validate", "test", "fold", "num_classes", "max_labels")}
_FIXED.add("training.num_records")
"""Flags that change the records or classes of a score."""
_RANGE_KEYS = ("low", "high", "log", "step")
_STEP_TOLERANCE = 1e-9
"""Tolerance in steps. The last step may miss the end of a range, as 3 * 0.1 misses 0.3."""


@dataclass(frozen=True)
class Dimension:
    """A field to search over."""

    section: str
    """The section of the configuration, such as `training`."""
    field: str
    choices: tuple[Any, ...] = ()
    """The choices; empty for a range."""
    low: float = 0
    high: float = 0
    """The ends of a range, both possible."""
    log: bool = False
    """Whether equal factors, not equal differences, are equally likely."""
    step: float | None = None
    integer: bool = False

    @property
    def name(self) -> str:
        """The flag, without its dashes."""
        return f"{self.section}.{self.field.replace('_', '-')}"

    @property
    def ends(self) -> tuple[Any, ...]:
        """The choices, or the lowest and the highest value."""
        return self.choices or (self.low, self.high)


def read_space(path: str, config: RunConfig) -> list[Dimension]:
    """Reads the dimensions in a space file, in its order, and checks them against the recipe's fields and ranges.

    Raises:
        InputError: the file cannot be read; a flag does not exist or cannot be searched over; or a value is wrong. The
            message names the file and the flag.
    """
    values = read_json(path, _Object)
    if not isinstance(values, _Object) or not values:
        raise InputError(
            f'{path}: must be an object from flags to values, such as {{"training.batch-size": [64, 128]}}'
        )
    values.refuse_twice(path)
    dimensions = [_dimension(path, key, value, config) for key, value in values.items()]
    names = [each.name for each in dimensions]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}: names {name} twice, spelled differently; leave one out")
    for ways in EXCLUDING:
        both = [each.name for each in dimensions if each.section == "training" and each.field in ways]
        if len(both) > 1:
            raise InputError(f"{path}: names {both[0]} and {both[1]}, which exclude each other; leave one out")
    return dimensions


def with_values(config: RunConfig, dimensions: Sequence[Dimension], values: Mapping[str, Any]) -> RunConfig:
    """The configuration with new values in the dimensions.

    Args:
        config: the configuration of the recipe.
        dimensions: the dimensions of the space.
        values: values by dimension.

    Raises:
        InputError: values contradict each other.
    """
    changed: dict[str, dict[str, Any]] = {}
    for each in dimensions:
        changed.setdefault(each.section, {})[each.field] = values[each.name]
    # A number of epochs in the space replaces the recipe's number of steps, for example.
    lengths = {field: value for field, value in changed.get("training", {}).items() if field in LENGTHS}
    config = dataclasses.replace(config, training=config.training.in_place_of(**lengths))
    sections = {name: dataclasses.replace(getattr(config, name), **fields) for name, fields in changed.items()}
    return dataclasses.replace(config, **sections)


class _Object(dict[str, Any]):
    """A JSON object that notes repeated keys. Python's own silently keeps the last one."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]):
        super().__init__(pairs)
        self._twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]

    def refuse_twice(self, where: str) -> None:
        """Raises InputError if a key is repeated."""
        for key in self._twice:
            raise InputError(f"{where}: names {key} twice; leave one out")


def _meant_by(key: str, config: RunConfig, sections: Sequence[str]) -> str:
    flags = [f"--{section}.{each.replace('_', '-')}" for section in sections for each in _annotations(config, section)]
    return meant_by(key, flags).replace("--", "")


def _dimension(path: str, key: str, value: Any, config: RunConfig) -> Dimension:
    section, field = _locate(path, key, config)
    annotation = _annotations(config, section)[field]
    where = f"{path}: {key}"
    if isinstance(value, list):
        return Dimension(section, field, _choices(where, value, annotation))
    if isinstance(value, _Object):
        return Dimension(section, field, **_range(where, value, annotation))
    raise InputError(f'{where} is {value!r}; it must be a list of choices, or a range such as {{"low": 1, "high": 8}}')


def _annotations(config: RunConfig, section: str) -> dict[str, Any]:
    part = getattr(config, section)
    return part.value_types() if section == "model" else typing.get_type_hints(type(part), include_extras=True)


def _locate(path: str, key: str, config: RunConfig) -> tuple[str, str]:
    """The section and field of a flag."""
    section, _, name = key.removeprefix("--").partition(".")
    if section not in SECTIONS:
        instead = _meant_by(key, config, SECTIONS)
        raise InputError(
            f"{path}: {key} is not a flag of a recipe that can be searched over; {f'{instead} S' if instead else 's'}ections: "
            f"{', '.join(SECTIONS)}"
        )
    field, known = name.replace("-", "_"), _annotations(config, section)
    if field not in known:
        instead = _meant_by(key, config, [section])
        flags = [f"{section}.{each.replace('_', '-')}" for each in known]
        raise InputError(
            f"{path}: unknown flag of {config.recipe} {key!r}; {f'{instead} K' if instead else 'k'}nown: {', '.join(flags)}"
        )
    if f"{section}.{field}" in _FIXED or typing.get_origin(_bare(known[field])) is tuple:
        raise InputError(
            f"{path}: {key} cannot be searched over; give it as a flag, --{section}.{field.replace('_', '-')}"
        )
    return section, field


def _bare(annotation: Any) -> Any:
    """`int` for `Annotated[int, ...]`, and for one that may be None."""
    while parts := [part for part in typing.get_args(annotation) if part is not type(None)]:
        is_optional = typing.get_origin(annotation) in (typing.Union, types.UnionType) and len(parts) == 1
        if not (is_optional or typing.get_origin(annotation) is Annotated):
            break
        annotation = parts[0]
    return annotation


def _choices(where: str, values: list, annotation: Any) -> tuple[Any, ...]:
    if not values:
        raise InputError(f"{where} has no choices; name some, or leave it out")
    fitted = tuple(fit(value, annotation, where) for value in values)
    if len(set(fitted)) < len(fitted):
        raise InputError(f"{where} has a choice twice; name each once")
    return fitted


def _range(where: str, values: _Object, annotation: Any) -> dict[str, Any]:
    if _bare(annotation) not in (int, float):
        raise InputError(f"{where} is not a number, so it has no range; give a list of choices")
    values.refuse_twice(where)
    for name in values:
        if name not in _RANGE_KEYS:
            raise InputError(f"{where}: {unknown_name('key', name, _RANGE_KEYS)}")
    for name in ("low", "high"):
        if name not in values:
            raise InputError(f"{where} has no {name}; a range needs low and high")
    low, high = (fit(values[name], annotation, f"{where}, {name},") for name in ("low", "high"))
    log = fit(values.get("log", False), bool, f"{where}, log,")
    step = values.get("step")
    if step is not None:
        step = fit(step, _bare(annotation), f"{where}, step,")
    if not low < high:
        raise InputError(f"{where} goes from {low} to {high}; low must be below high")
    if log and low <= 0:
        raise InputError(f"{where} goes from {low} in equal factors (log); low must be above 0")
    if step is not None and (log or not 0 < step <= high - low):
        raise InputError(f"{where} has step {step}; it must be above 0, within the range, and not beside log")
    if step is not None:
        high = _last_step(where, low, high, step, annotation)
    return {"low": low, "high": high, "log": log, "step": step, "integer": _bare(annotation) is int}


def _last_step(where: str, low: float, high: float, step: float, annotation: Any) -> float:
    """The last value that the steps of a range reach, computed in decimals like Optuna.

    Raises:
        InputError: it is not `high`, so Optuna would never try `high`. The message suggests other ends.
    """
    first, length = Fraction(str(low)), Fraction(str(step))
    count = (Fraction(str(high)) - first) // length
    ends = [_bare(annotation)(first + number * length) for number in (count, count + 1)]
    ends = [end for end in ends if _is_allowed(end, annotation)]
    for end in ends:
        if abs(end - high) <= _STEP_TOLERANCE * step:
            return end
    raise InputError(
        f"{where} goes from {low} to {high}, which steps of {step} do not reach; make high {' or '.join(map(str, ends))}"
    )


def _is_allowed(value: float, annotation: Any) -> bool:
    """Whether a value fits a field."""
    try:
        fit(value, annotation, "")
    except InputError:
        return False
    return True
