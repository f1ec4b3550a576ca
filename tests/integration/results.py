"""Checks objects of `--json` against the schema of their command; see test_json.py."""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from yt8m.commands.results import json_schema


def strict(schema: Any) -> Any:
    """The schema with nothing beside its properties: users may meet keys that are added, our tests may not."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        closed.setdefault("additionalProperties", False)
    return closed


@cache
def validator(command: str) -> Draft202012Validator:
    schema = json_schema(command)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(strict(schema))


def check_result(command: str, printed: Any) -> None:
    """Asserts that an object has the schema of its command."""
    mistakes = [
        f"{'/'.join(map(str, each.path))}: {each.message}"
        for error in validator(command).iter_errors(printed)
        for each in (error, *(error.context or ()))
    ]
    assert not mistakes, f"yt8m {command} --json: {mistakes[:6]}"
