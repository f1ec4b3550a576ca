"""Modules and functions stay short: docs/design.md, "The house"."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parents[1] / "yt8m"
MODULES = {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}

MOST_LINES_OF_A_MODULE = 350
MOST_LINES_OF_A_FUNCTION = 50
"""With the functions in it, without its docstring."""
MOST_PARAMETERS = 8
"""`self` and `cls` aside."""

_KEYWORDS = "users type its keywords, which a dataclass of options would only hide"
_FLAGS = "each parameter is a flag of the command"
LONG_SIGNATURES = {
    "data/arrays.py: read_batches": _KEYWORDS,
    "data/pipeline.py: read_records": _KEYWORDS,
    "conversion/converting.py: convert": _KEYWORDS,
    "predicting/prediction.py: predict": _KEYWORDS,
    "predicting/ensembling.py: ensemble": _KEYWORDS,
    "predicting/ensembling.py: weigh": _KEYWORDS,
    "exporting/exporting.py: export": _KEYWORDS,
    "scoring/evaluation.py: evaluate": _KEYWORDS,
    "commands/predictions.py: predict": _FLAGS,
    "commands/predictions.py: ensemble": _FLAGS,
    "commands/predictions.py: weigh": _FLAGS,
    "commands/scores.py: evaluate": _FLAGS,
    "commands/labelling.py: label": _FLAGS,
    "commands/records.py: synth": _FLAGS,
    "commands/records.py: show_video": _FLAGS,
    "commands/exports.py: export": _FLAGS,
    "commands/records.py: convert": _FLAGS,
    "commands/clips.py: clips": _FLAGS,
    "commands/extracting.py: extract": _FLAGS,
    "commands/addresses.py: find_addresses": _FLAGS,
    "commands/searching.py: search": _FLAGS,
}
"""Functions that may have more, and why."""


class Function(NamedTuple):
    """How large a function or method is."""

    name: str
    """`module: name`."""
    num_lines: int
    num_parameters: int


@cache
def functions() -> list[Function]:
    """All there are, also those in others."""
    return [
        Function(f"{name}: {node.name}", num_lines(node), num_parameters(node))
        for name, text in MODULES.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def num_lines(function: ast.FunctionDef) -> int:
    """From `def` on; decorators are not counted."""
    whole = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function, clean=False) is None:
        return whole
    docstring = function.body[0]
    return whole - (docstring.end_lineno - docstring.lineno + 1)


def num_parameters(function: ast.FunctionDef) -> int:
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def test_the_counting_by_hand():
    (function,) = ast.parse(
        'def count(self, a, /, b, *c, d=1, **e):\n    """One.\n\n    Two.\n    """\n    return a\n'
    ).body
    assert num_lines(function) == 2
    assert num_parameters(function) == 3


def test_modules_are_short():
    lengths = {name: len(text.splitlines()) for name, text in MODULES.items()}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES_OF_A_MODULE} == {}


def test_functions_are_short():
    assert [each for each in functions() if each.num_lines > MOST_LINES_OF_A_FUNCTION] == []


def test_functions_have_few_parameters_but_for_those_that_users_type():
    long = {each.name for each in functions() if each.num_parameters > MOST_PARAMETERS}
    assert long == set(LONG_SIGNATURES)
