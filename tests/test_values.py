"""Values are fitted to annotations, and those that do not fit are named in one line."""

import ast
import importlib
import math
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
import pytest

from yt8m.errors import InputError
from yt8m.values import NonNegativeInt, PositiveInt, Range, Seed, checked, fit


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        (3, int, 3),
        (np.int64(3), PositiveInt, 3),
        (np.array(3), int, 3),
        (3, float, 3.0),
        (np.float32(0.5), float, 0.5),
        (np.True_, bool, True),
        ("a", str, "a"),
        (Path("a") / "b", str, "a/b"),
        (["a", "b"], tuple[str, ...], ("a", "b")),
        ((1, 2.0), tuple[int, float], (1, 2.0)),
        (None, PositiveInt | None, None),
        (np.uint8(4), PositiveInt | None, 4),
        ("l2", Literal["none", "l2"], "l2"),
        (0, NonNegativeInt, 0),
        (2**32 - 1, Seed, 2**32 - 1),
    ],
)
def test_what_fits_comes_back_in_the_type_asked_for(value, wanted, expected):
    fitted = fit(value, wanted, "size")
    assert (fitted, type(fitted)) == (expected, type(expected))


@pytest.mark.parametrize("value", [object(), "text", [3], {"a": 1}])
def test_other_annotations_are_left_alone(value):
    assert fit(value, str | list[int], "size") is value
    assert fit(value, dict[str, int], "size") is value
    assert fit(value, None, "size") is value


@pytest.mark.parametrize(
    ("value", "wanted", "message"),
    [
        ("8", int, "is '8'; it must be a whole number"),
        (8.0, int, "is 8.0; it must be a whole number"),
        (True, int, "is True; it must be a whole number"),
        (None, int, "is None; it must be a whole number"),
        ("a", float, "is 'a'; it must be a finite number"),
        (math.nan, float, "is nan; it must be a finite number"),
        (math.inf, float, "is inf; it must be a finite number"),
        (10**400, float, f"is {10**400}; it must be a finite number"),
        (1, bool, "is 1; it must be true or false"),
        (b"a", str, "is b'a'; it must be text"),
        (Path("a"), int, f"is {Path('a')!r}; it must be a whole number"),
        (0, PositiveInt, "is 0; it must be at least 1"),
        (-1, NonNegativeInt, "is -1; it must be 0 or more"),
        (-1, NonNegativeInt | None, "is -1; it must be 0 or more"),
        (2**32, Seed, "is 4294967296; it must be from 0 to 4294967295"),
        (1.0, Annotated[float, Range(least=0, below=1)], "is 1.0; it must be at least 0 and below 1"),
        (0.0, Annotated[float, Range(above=0, most=1)], "is 0.0; it must be above 0 and at most 1"),
        ("l3", Literal["none", "l2"], "is 'l3'; it must be one of 'none', 'l2'"),
        (True, Literal[1, 2], "is True; it must be one of 1, 2"),
        ("vide", int | Literal["video"], "is 'vide'; it must be a whole number or 'video'"),
        (-1, Annotated[int | Literal["video"], Range(least=0)], "is -1; it must be 0 or more"),
        ("abc", tuple[str, ...], "is 'abc'; it must be a list"),
        (["rgb", "smell"], tuple[Literal["rgb"], ...], "has 'smell'; it must be 'rgb'"),
        ((1,), tuple[int, int], "is (1,); it must be a list of 2"),
    ],
)
def test_what_does_not_fit_is_one_line(value, wanted, message):
    with pytest.raises(InputError) as caught:
        fit(value, wanted, "size")
    assert str(caught.value) == f"size {message}"


@checked
def read(path, batch_size: PositiveInt = 64, *, level: Literal["frame", "video"] | None = None, repeat: bool = False):
    return path, batch_size, level, repeat


def test_calls_are_checked():
    assert read("a", np.int32(3), level="video") == ("a", 3, "video", False)
    with pytest.raises(InputError, match=r"^batch_size is 0; it must be at least 1$"):
        read("a", 0)
    with pytest.raises(InputError, match=r"^level is 'smell'; it must be one of 'frame', 'video'$"):
        read("a", level="smell")
    with pytest.raises(
        InputError, match=r"^unknown option of read 'batchsize'; did you mean batch_size\? Known: path,"
    ):
        read("a", batchsize=3)
    with pytest.raises(TypeError, match="path"):
        read()


def test_the_same_choices_are_always_in_the_same_order():
    """Python takes `Literal`s of other order as equal and keeps the first: a message would depend on what was loaded before."""
    package = Path(importlib.import_module("yt8m").__file__).parent
    found = {}
    for path in package.rglob("*.py"):
        source = path.read_text()
        if "Literal[" not in source:
            continue
        try:
            names = vars(importlib.import_module(".".join(path.relative_to(package.parent).with_suffix("").parts)))
        except ModuleNotFoundError as error:
            if error.name == "apache_beam":  # which cannot be installed beside the newest TensorFlow
                continue
            raise
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
                # Not evaluated as `Literal[...] | None`, which is what is kept.
                choices = get_args(eval(ast.unparse(node), names))
                assert found.setdefault(frozenset(choices), choices) == choices, f"{path}, line {node.lineno}"
    assert len(found) > 10
