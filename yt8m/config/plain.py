"""Configurations as plain JSON values, and back."""

import dataclasses
import functools
import json
import typing
from collections.abc import Mapping
from typing import Any, Literal

import cattrs

from yt8m.config.architecture import Architecture
from yt8m.config.run import RunConfig
from yt8m.data.schema import ReadingProcesses, SegmentContext
from yt8m.errors import InputError, unknown_name
from yt8m.values import fit


def _as_in_json(value: Any, wanted: type) -> Any:
    return fit(value, wanted, "the value")


@functools.lru_cache(maxsize=4)
def _converter(known: tuple[tuple[str, type[Architecture]], ...]) -> cattrs.Converter:
    """Structures configurations with these models, by name. It writes functions for that, so it is made once."""
    architectures = dict(known)
    converter = cattrs.Converter(forbid_extra_keys=True)

    def structure_architecture(value: Mapping[str, Any], _) -> Architecture:
        hyperparameters = dict(value)
        name = hyperparameters.pop("name", None)
        if name not in architectures:
            raise InputError(unknown_name("model", name, sorted(architectures)))
        return converter.structure(hyperparameters, architectures[name])

    def structure_tuple(value: Any, wanted: Any) -> tuple:
        if not isinstance(value, list | tuple):
            raise InputError(f"the value is {value!r}; it must be a list")
        return tuple(converter.structure(each, typing.get_args(wanted)[0]) for each in value)

    # For the base class alone: the hook itself structures the subclasses.
    converter.register_structure_hook_func(lambda cls: cls is Architecture, structure_architecture)
    converter.register_structure_hook_func(lambda cls: typing.get_origin(cls) is tuple, structure_tuple)
    converter.register_structure_hook_func(lambda cls: typing.get_origin(cls) is Literal, _as_in_json)
    for primitive in (bool, int, float, str, SegmentContext, ReadingProcesses):
        converter.register_structure_hook(primitive, _as_in_json)
    return converter


def _explain(error: BaseException, wanted: type | None) -> str:
    """The message of cattrs, or our own where we raised the error."""
    return str(error) if isinstance(error, InputError) else cattrs.v.format_exception(error, wanted)


def to_dict(config: RunConfig) -> dict[str, Any]:
    """The configuration as plain JSON values. The model's name is one of the keys of `model`."""
    plain = dataclasses.asdict(config)
    plain["model"] = _plain_model(config.model)
    return json.loads(json.dumps(plain))


def _plain_model(model: Architecture) -> dict[str, Any]:
    """A model's name and hyper-parameters. Those of an ensemble have models among them."""
    values = {field.name: getattr(model, field.name) for field in dataclasses.fields(model)}
    for name, value in values.items():
        if isinstance(value, tuple):
            values[name] = [_plain_model(each) if isinstance(each, Architecture) else each for each in value]
    return {"name": model.name, **values}


def from_dict(values: Mapping[str, Any], architectures: Mapping[str, type[Architecture]]) -> RunConfig:
    """The inverse of `to_dict`.

    Args:
        values: a result of `to_dict`; missing fields take their defaults.
        architectures: the known models, by name.

    Raises:
        InputError: an unknown key, or a value that has the wrong type or is out of range.
    """
    try:
        return _converter(tuple(architectures.items())).structure(values, RunConfig)
    except Exception as error:  # cattrs raises an ExceptionGroup of its own for any mistake
        mistakes = cattrs.transform_error(error, path="config", format_exception=_explain)
        raise InputError("; ".join(mistakes)) from error
