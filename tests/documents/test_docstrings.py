"""Examples in docstrings: what stands indented after `::` is what it says it is."""

import ast
import json
import re
import textwrap

import pytest
from fenced import REPOSITORY

from yt8m.data.features import KNOWN, Feature, parse_features
from yt8m.data.tools.synthetic import synthesise
from yt8m.download import downloading
from yt8m.recipes import make_config
from yt8m.tuning import space

EXAMPLES = {
    "yt8m/tuning/space.py": "read below as a space file",
    "yt8m/download/downloading.py": "run below with a stand-in",
    "yt8m/data/features.py": "read below as features",
    "yt8m/values.py": "read below: fields of the configuration",
    "yt8m/data/records.py": "bytes of a file: tests/data/test_records.py writes and reads them",
    "yt8m/extracting/output.py": "files: tests/extracting/test_extraction.py finds them",
    "yt8m/video/making.py": "files: tests/video/test_making.py finds them",
    "yt8m/clips/output.py": "files: tests/clips/test_clipping.py finds them",
    "yt8m/data/tools/synthetic.py": "files: compared below with those that are made",
}
"""Modules with such an example, and what becomes of it."""


def example_of(path: str) -> str:
    docstring = ast.get_docstring(ast.parse((REPOSITORY / path).read_text()), clean=False)
    return textwrap.dedent(re.search(r"::\n\n((?: +.*\n|\n)+)", f"{docstring}\n")[1])


def test_every_example_is_looked_at():
    found = set()
    for path in (REPOSITORY / "yt8m").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and re.search(
                r"::\s*$|>>>", ast.get_docstring(node) or "", re.MULTILINE
            ):
                found.add(str(path.relative_to(REPOSITORY)))
    assert found == {*EXAMPLES}


def test_the_texts_describe_features():
    rows = [line.split(maxsplit=1) for line in example_of("yt8m/data/features.py").splitlines() if line.strip()]
    expected = {
        "a known one": KNOWN["rgb"],
        "512 bytes a frame, from -2 to 2 as in YouTube-8M": Feature("clip", 512),
        "512 bytes a frame, from -1 to 1": Feature("clip", 512, low=-1.0, high=1.0),
        "512 floats a frame": Feature("clip", 512, "float32"),
        "512 halves a frame, as bytes": Feature("clip", 512, "float16"),
    }
    assert {meaning: parse_features(text) for text, meaning in rows} == {key: (row,) for key, row in expected.items()}


def test_the_space_is_one(tmp_path):
    example = example_of("yt8m/tuning/space.py")
    (tmp_path / "space.json").write_text(example)
    dimensions = space.read_space(str(tmp_path / "space.json"), make_config("netvlad"))
    assert [each.name for each in dimensions] == [*json.loads(example)]


def test_the_download_is_done(monkeypatch):
    done = []

    class StandIn:
        def __init__(self, *arguments, **options):
            done.append((arguments, options))

        def __enter__(self):
            return self

        def __exit__(self, *_):
            done.append("closed")

        def survey(self):
            return "survey"

        def run(self, survey):
            done.append(survey)

    assert all(hasattr(downloading.Download, name) for name in ("survey", "run", "__enter__"))
    exec(example_of("yt8m/download/downloading.py"), {"Download": StandIn})
    assert done == [(("2/frame/validate", "/data/yt8m"), {"shard": (1, 100)}), "survey", "closed"]


def test_the_fields_are_annotated_so():
    names = {"PositiveInt", "Literal"}
    for node in ast.parse(example_of("yt8m/values.py")).body:
        assert isinstance(node, ast.AnnAssign)
        assert {each.id for each in ast.walk(node.annotation) if isinstance(each, ast.Name)} <= names
    assert hasattr(pytest.importorskip("yt8m.values"), "PositiveInt")


def test_the_files_are_those_that_are_made(tmp_path):
    synthesise(tmp_path / "DIR", num_videos=5, num_classes=3, num_shards=1)
    named = {
        re.sub(
            r"\w+\{|\}|\{", "", line.split()[0].replace("{train,validate,test}", "*").replace("{validate,test}", "*")
        )
        for line in example_of("yt8m/data/tools/synthetic.py").splitlines()
        if line.strip()
    }
    assert {name.removeprefix("DIR/").split("/")[0] for name in named} == {
        path.name for path in (tmp_path / "DIR").iterdir()
    }
    for name in named:
        parent, _, file = name.removeprefix("DIR/").rpartition("/")
        assert list((tmp_path / "DIR").glob(f"{parent}/*" if file.startswith(("train", "validate")) else file)), name
