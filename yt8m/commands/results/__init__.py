"""The objects that commands print with `--json`, and their JSON Schema, which docs/json.md shows."""

from yt8m.commands.results.registry import RESULTS, WITHOUT_RESULT, Form, json_schema

__all__ = ["RESULTS", "WITHOUT_RESULT", "Form", "json_schema"]
