"""JSON Schema of Python types: what `--json` prints is described by the types that it is made of.

A dataclass or TypedDict becomes an object with all its fields. The strings below the fields become descriptions.
"""

import ast
import dataclasses
import inspect
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union

from yt8m.config import Architecture
from yt8m.metrics.registry import COUNTS, METRICS, Metric

Schema = dict[str, Any]


class Definitions(dict[str, Schema]):
    """The objects of a schema, by the names of their types."""

    def __init__(self):
        super().__init__()
        self._types: dict[str, Any] = {}

    def add(self, name: str, wanted: Any, make: Callable[[], Schema]) -> Schema:
        """Adds an object that is missing. Returns a reference to it.

        Raises:
            TypeError: another type has this name.
        """
        if self._types.setdefault(name, wanted) is not wanted:
            raise TypeError(f"{wanted} and {self._types[name]} have one name; rename one of them")
        if name not in self:
            self[name] = {}  # a type may hold itself
            self[name] = make()
        return {"$ref": f"#/$defs/{name}"}


_PRIMITIVES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_OF_MEASURING = {
    "step": "Steps behind the weights, of the best validation of a run.",
    "videos_per_second": "Videos, or rated segments, scored a second.",
    "expected_calibration_error": "The expected calibration error, from yt8m calibrate.",
}


def schema_of(wanted: Any, definitions: Definitions) -> Schema:
    """Returns the JSON Schema of a type. Objects go to `definitions`, by name, and are referred to.

    Args:
        wanted: a primitive, a dataclass, a TypedDict, a Literal, or a union, list, tuple or mapping of such types.
            A mapping from names to floats holds metrics.
        definitions: the objects so far; gets those that are missing.

    Raises:
        TypeError: a type that JSON has nothing for.
    """
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is Any:
        return {}
    if wanted in _PRIMITIVES:
        return {"type": _PRIMITIVES[wanted]}
    if origin is typing.Annotated:
        return schema_of(arguments[0], definitions)
    if origin is Literal:
        return {"enum": sorted(arguments, key=str)}  # of equal ones, Python keeps the first, in its order
    if origin in (Union, types.UnionType):
        return _any_of([schema_of(each, definitions) for each in arguments])
    if origin is tuple and arguments[-1] is not Ellipsis:
        return {
            "type": "array",
            "prefixItems": [schema_of(each, definitions) for each in arguments],
            "minItems": len(arguments),
            "maxItems": len(arguments),
        }
    if origin in (list, tuple, Sequence):
        return {"type": "array", "items": schema_of(arguments[0], definitions)}
    if origin in (dict, Mapping):
        if arguments == (str, float):
            return definitions.add("Metrics", Metric, _metrics)
        return {"type": "object", "additionalProperties": schema_of(arguments[1], definitions)}
    if inspect.isclass(wanted) and issubclass(wanted, Architecture):
        return definitions.add("Model", Architecture, _model)
    if dataclasses.is_dataclass(wanted) or typing.is_typeddict(wanted):
        return definitions.add(wanted.__name__, wanted, lambda: _object(wanted, definitions))
    raise TypeError(f"{wanted}: JSON has nothing for it")


def _any_of(schemas: Sequence[Schema]) -> Schema:
    """Joins alternatives, with one list of types where that is all they say."""
    kinds = [schema["type"] for schema in schemas if list(schema) == ["type"]]
    others = [schema for schema in schemas if list(schema) != ["type"]]
    joined = [{"type": kinds[0] if len(kinds) == 1 else kinds}] if kinds else []
    return joined[0] if not others else {"anyOf": [*others, *joined]}


def _object(wanted: type, definitions: Definitions) -> Schema:
    """The schema of a dataclass or TypedDict."""
    hints = typing.get_type_hints(wanted, include_extras=True)
    if dataclasses.is_dataclass(wanted):
        names = required = [field.name for field in dataclasses.fields(wanted)]
    else:
        names = list(hints)
        required = [name for name in names if name in wanted.__required_keys__]
    meanings = _meanings(wanted)
    properties = {}
    for name in names:
        about = {"description": meanings[name]} if name in meanings else {}
        properties[name] = about | schema_of(hints[name], definitions)
    title = " ".join((inspect.getdoc(wanted) or "").partition("\n\n")[0].split())
    return {"description": title, "type": "object", "properties": properties, "required": required}


def _meanings(wanted: type) -> dict[str, str]:
    """The strings below the fields of a class and of its bases, by field."""
    try:
        source = inspect.getsource(wanted)
    except OSError:  # a TypedDict made by a call, as one with a key that is a word of Python
        return {}
    (node,) = ast.parse(textwrap.dedent(source)).body
    found: dict[str, str] = {}
    for base in node.bases:  # TypedDicts do not keep theirs
        above = getattr(sys.modules[wanted.__module__], getattr(base, "id", ""), None)
        if dataclasses.is_dataclass(above) or (typing.is_typeddict(above) and above is not typing.TypedDict):
            found |= _meanings(above)
    for field, below in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found[field.target.id] = " ".join(str(below.value.value).split())
    return found


def _metrics() -> Schema:
    """Metrics, from their registry."""
    number = {"type": ["number", "null"]}
    properties = {
        count.key: {"description": f"Number of {count.unit}s.", "type": "integer"} for count in COUNTS.values()
    }
    for metric in METRICS:
        text = f"{metric.heading}: {metric.meaning}."
        properties[metric.key] = {"description": text if metric.title != metric.key else metric.meaning, **number}
    properties |= {name: {"description": text, **number} for name, text in _OF_MEASURING.items()}
    about = "Metrics by key: those of the task; null where there is nothing to measure."
    return {"description": about, "type": "object", "properties": properties}


def _model() -> Schema:
    return {
        "description": "A model's hyper-parameters: yt8m models NAME lists them.",
        "type": "object",
        "properties": {"name": {"description": "The model.", "type": "string"}},
        "required": ["name"],
        "additionalProperties": True,
    }
